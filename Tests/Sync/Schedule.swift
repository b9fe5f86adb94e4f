// One generated schedule: some clients and a server, and a seed that says what happens to them in
// which order: edits offline, pushes whose answers are lost, late or doubled, pulls, deltas in any
// order, restarts, trims, failed commits, backups put back. Keeps the book by which the end
// is judged.

import MizuBytes
import MizuSync
import MizuTestSupport
import Testing

/// What schedules have met, to prove that they meet it.
struct Tally {
    var snapshots = 0
    var snapshotsBroken = 0
    var restarts = 0
    var restores = 0
    var duplicates = 0
    var deltas = 0
    var failedCommits = 0
    var refused = 0
    var lost = 0
    var checksums = 0

    static func + (left: Tally, right: Tally) -> Tally {
        var sum = left
        for path in allParts { sum[keyPath: path] += right[keyPath: path] }
        return sum
    }

    static var allParts: [WritableKeyPath<Tally, Int>] {
        [
            \.snapshots, \.snapshotsBroken, \.restarts, \.restores, \.duplicates, \.deltas,
            \.failedCommits, \.refused, \.lost,
            \.checksums,
        ]
    }
}

struct ScheduleFailure: Error {
    let problems: [String]
}

final class Schedule {
    private(set) var tally = Tally()
    private let scope: Name = "s"
    private let harness: Harness
    private let faults = Faults()
    private var chance: SeededGenerator
    private let clients: [ModelClient]
    private var inboxes: [[ClientMessage]]
    /// Where each client's live subscription stands.
    private var subscriptions: [Position?]
    /// The mutation of each change, in the order of the log: the truth.
    private var timeline: [String] = []
    private var timelineOfBackup: [String]?
    /// Applied, and lost with a backup that was put back.
    private var lost: Set<String> = []
    /// Refused by the log as it is, as it was in the backup, and in a log that is lost: a late
    /// answer may still tell of the last, as it may of an edit that is lost.
    private var refused: Set<String> = []
    private var refusedOfBackup: Set<String> = []
    private var refusedInLost: Set<String> = []
    private var problems: [String] = []
    /// Nobody edits any more, and no answer is lost.
    private var isHealing = false

    init(seed: UInt64, kind: StoreKind) throws {
        chance = SeededGenerator(seed: seed)
        var limits = SyncLimits()
        limits.logChangesMax = 8
        limits.snapshotRecordsMax = 2
        limits.trimRowsMax = 8
        limits.tailScopeBytesMax = 2000
        limits.tailSegmentBytesMax = 600
        limits.deltaBytesMax = 1500
        harness = try Harness(kind, limits: limits)
        clients = (0..<3).map { ModelClient("c\($0)") }
        inboxes = Array(repeating: [], count: clients.count)
        subscriptions = Array(repeating: nil, count: clients.count)
        try reopen()
    }

    private func roll(_ sides: Int) -> Int { Int.random(in: 0..<sides, using: &chance) }

    private func reopen() throws {
        harness.close()
        let faults = faults
        try harness.open { FailingStore($0, faults) }
        subscriptions = subscriptions.map { _ in nil }
        tally.restarts += 1
    }

    func run(steps: Int) throws {
        for _ in 0..<steps { try step() }
        try heal()
        try judge()
        if !problems.isEmpty { throw ScheduleFailure(problems: problems) }
    }

    /// Notes what does not hold; the seed is named with it in the end.
    private func hold(_ condition: Bool, _ problem: @autoclosure () -> String) {
        if !condition, problems.count < 5 { problems.append(problem()) }
    }

    private func step() throws {
        let client = roll(clients.count)
        switch roll(20) {
        case 0..<6: edit(client)
        case 6..<10: try push(client, fate: roll(4))
        case 10..<12: try pull(client, fate: roll(4))
        case 12..<15: deliver(client)
        case 15: try subscribe(client)
        case 16: try reopen()
        case 17: try passTime()
        case 18: try backUpOrRestore()
        default: try failCommit(client)
        }
        if roll(8) == 0 { _ = clients[client].view() }
    }
}

// MARK: What clients do

extension Schedule {
    private func edit(_ client: Int) {
        let id = "n\(roll(6))"
        // Two sorts of conflict: creating what exists, changing what does not.
        switch roll(5) {
        case 0: clients[client].edit("note.create", "{\"id\":\"\(id)\",\"text\":\"by \(client)\"}")
        case 1: clients[client].edit("note.update", "{\"id\":\"\(id)\",\"text\":\"of \(client)\"}")
        case 2: clients[client].edit("note.delete", "{\"id\":\"\(id)\"}")
        case 3: clients[client].edit("odd.thrice", "{}")
        default: clients[client].edit("note.add", "{\"id\":\"\(id)\"}")
        }
    }

    /// - Parameter fate: 0 lost, 1 late, else at once.
    private func push(_ client: Int, fate: Int) throws {
        var batch = [client]
        // Pushes that wait together are one transaction; a retry may be among them.
        if roll(3) == 0 { batch.append(roll(clients.count)) }
        let answers = try commit(batch)
        for (client, answer) in zip(batch, answers) {
            guard case .success(let results) = answer else { continue }
            switch fate {
            case 0: break
            case 1: inboxes[client].append(.results(results))
            default: clients[client].receive(.results(results))
            }
        }
    }

    private func commit(_ batch: [Int]) throws -> [Result<JSONValue, Refusal>] {
        let requests = try batch.map { client in
            let body = clients[client].push(of: 1 + roll(5), to: scope)
            return try PushRequest.parse(ByteSlice(body), limits: harness.limits)
        }
        let answers = try harness.commit(requests)
        for case .success(let answer) in answers {
            for result in try #require(answer.member("results")).elements
            where result.bool("ok") == false && result.bool("retry") != true {
                refused.insert(try #require(result.string("id")))
            }
        }
        for case .success(let results) in answers where results.text.contains("duplicate") {
            tally.duplicates += 1
        }
        for changes in try #require(harness.lastResult).feed { try enter(changes) }
        try fanOut()
        return answers
    }

    /// Sends each subscriber what it has not been sent, or nothing where it would be too much.
    private func fanOut() throws {
        for (client, sent) in subscriptions.enumerated() {
            guard let sent else { continue }
            switch harness.tail.delta(scope, after: sent) {
            case .frame(let base, let head, let slices):
                let text = "[" + slices.map(\.string).joined() + "]"
                let changes = Array(try JSON.parse(ByteSlice(text)).elements)
                hold(changes.count == head.cursor - base, "a delta has a gap")
                inboxes[client].append(.delta(base: base, head: head.position, changes: changes))
                subscriptions[client] = head.position
                tally.deltas += 1
            case .tooFarBehind(let head): subscriptions[client] = head.position
            case .current: break
            case .askStore, .refused: subscriptions[client] = nil
            }
        }
    }

    private func subscribe(_ client: Int) throws {
        let position = clients[client].position
        let request = PullRequest(
            scope: scope, cursor: position.cursor, epoch: position.epoch, limit: 1)
        let standing = try #require(harness.reader).pull(request, limits: harness.limits)
        subscriptions[client] = standing.failure == nil ? position : nil
    }

    /// Delivers a message from anywhere in the inbox, and sometimes keeps it for a second time.
    private func deliver(_ client: Int) {
        guard !inboxes[client].isEmpty else { return }
        let index = roll(inboxes[client].count)
        clients[client].receive(inboxes[client][index])
        if roll(4) > 0 { inboxes[client].remove(at: index) }
    }

    private func pull(_ client: Int, fate: Int) throws {
        let asked = clients[client].position
        do {
            let answer = try harness.pull(asked.cursor, asked.epoch, limit: 1 + roll(4))
            switch fate {
            case 0: break
            case 1: inboxes[client].append(.changes(answer, asked: asked))
            default: clients[client].receive(.changes(answer, asked: asked))
            }
        } catch let refusal as Refusal {
            hold(refusal.status == 410, "\(refusal)")
            try push(client, fate: 2)
            try takeSnapshot(client)
        }
    }

    /// Pages, each at its own time, then what happened since the first; only then swapped in.
    private func takeSnapshot(_ client: Int) throws {
        for _ in 0..<20 {
            do {
                var records: [RecordKey: ModelRecord] = [:]
                var first: Position?
                var next = ""
                repeat {
                    let page = try harness.snapshot("{\"scope\":\"\(scope)\"\(next)}")
                    first = try first ?? position(of: page, "cursor")
                    for record in try #require(page.member("records")).elements {
                        ModelClient.apply(record, to: &records)
                    }
                    next = page.string("next").map { ",\"next\":\"\($0)\"" } ?? ""
                    // The world goes on between two pages.
                    if !isHealing { try disturb() }
                } while !next.isEmpty
                var reached = try #require(first)
                while true {
                    let answer = try harness.pull(reached.cursor, reached.epoch)
                    for change in try #require(answer.member("changes")).elements {
                        ModelClient.apply(change, to: &records)
                    }
                    reached = try position(of: answer, "next_cursor")
                    if answer.bool("has_more") == false { break }
                }
                tally.snapshots += 1
                return clients[client].reset(to: records, at: reached)
            } catch let refusal as Refusal {
                hold(refusal.status == 410, "\(refusal)")
                tally.snapshotsBroken += 1
            }
        }
        Issue.record("a snapshot never ends")
    }

    /// What others do between two pages.
    private func disturb() throws {
        for _ in 0..<roll(16) { edit(roll(clients.count)) }
        if roll(2) == 0 { _ = try commit(Array(clients.indices)) }
        if roll(2) == 0 { try harness.trimAll() }
    }

    private func position(of answer: JSONValue, _ cursor: StaticString) throws -> Position {
        let epoch = try #require(answer.string("epoch").flatMap { Name($0) })
        return Position(cursor: try #require(answer.int(cursor)), epoch: epoch)
    }
}

// MARK: What the server suffers

extension Schedule {
    private func passTime() throws {
        harness.clock.milliseconds += Int64(roll(30)) * 3_600_000
        try harness.trimAll()
    }

    private func backUpOrRestore() throws {
        harness.close()
        if timelineOfBackup == nil || roll(2) == 0 {
            try harness.backing.makeBackup()
            timelineOfBackup = timeline
            refusedOfBackup = refused
        } else if let backup = timelineOfBackup {
            try harness.backing.restoreBackup()
            tally.restores += 1
            lost.formUnion(timeline[backup.count...])
            timeline = backup
            refusedInLost.formUnion(refused.subtracting(refusedOfBackup))
            refused = refusedOfBackup
        }
        try reopen()
    }

    private func failCommit(_ client: Int) throws {
        faults.place = roll(2) == 0 ? .commit : .append
        let answers = try commit([client])
        for answer in answers where !clients[client].queue.isEmpty && faults.place == .commit {
            hold(answer.failure?.code == "unavailable", "a failed commit was answered")
            tally.failedCommits += 1
        }
        faults.place = .nowhere
    }

    /// Enters a commit in the book: no gap, nothing twice.
    private func enter(_ changes: CommittedChanges) throws {
        hold(changes.base.cursor == timeline.count, "a gap in the log")
        let text = "[" + changes.bytes.string + "]"
        for change in try JSON.parse(ByteSlice(text)).elements {
            let mutation = try #require(change.string("mutation"))
            hold(change.int("cursor") == timeline.count + 1, "a gap in the log")
            if timeline.last != mutation {
                hold(!timeline.contains(mutation), "\(mutation) was applied twice")
            }
            timeline.append(mutation)
        }
        hold(timeline.count == changes.head.cursor, "the head is elsewhere")
    }
}

// MARK: The end

extension Schedule {
    /// The network is well again: everybody pushes what waits, then pulls.
    private func heal() throws {
        isHealing = true
        for client in clients.indices {
            for _ in 0..<1000 where !clients[client].queue.isEmpty { try push(client, fate: 2) }
        }
        for client in clients.indices {
            while !inboxes[client].isEmpty { deliver(client) }
            for _ in 0..<1000 where try isBehind(clients[client]) { try pull(client, fate: 2) }
        }
    }

    private func isBehind(_ client: ModelClient) throws -> Bool {
        let head = try #require(harness.reader).head(of: scope)
        return !isAtHead(client, head.position) || client.needsPull
    }

    /// Cursor 0 is before every epoch.
    private func isAtHead(_ client: ModelClient, _ head: Position) -> Bool {
        client.position == head || (client.position.cursor == 0 && head.cursor == 0)
    }

    /// What was counted change by change is what is there.
    private func judgeSums(_ truth: [RecordKey: ModelRecord]) throws {
        let reader = try #require(harness.reader)
        try reader.beginReading(of: scope)
        defer { reader.endReading() }
        let state = try reader.scopeState(scope)
        hold(state.recordCount == truth.count, "records are counted wrong")
        let bytes = truth.reduce(0) { sum, record in
            sum + record.value.json.utf8.count + record.key.entity.bytes.count
                + record.key.id.bytes.count
        }
        hold(state.byteCount == bytes, "bytes are counted wrong")
        let checksum = String(decoding: Hex.encode(state.checksum.bits), as: UTF8.self)
        hold(checksum == truth.checksum, "the checksum is wrong")
        var logBytes = 0
        try reader.visitLog(of: scope, after: 0) { entry in
            logBytes += entry.changeByteCount
            return .next
        }
        hold(state.logByteCount == logBytes, "the log's bytes are counted wrong")
    }

    private func judge() throws {
        var truth: [RecordKey: ModelRecord] = [:]
        try #require(harness.reader).visitRecords(in: scope, after: nil) { key, record in
            truth[key] = ModelRecord(json: record.json.string, version: record.version)
            return .next
        }
        try judgeSums(truth)
        let head = try #require(harness.reader).head(of: scope)
        hold(head.cursor == timeline.count, "the head is elsewhere")
        let applied = Set(timeline)
        for client in clients {
            hold(client.queue.isEmpty, "\(client.name) has a queue")
            hold(
                isAtHead(client, head.position),
                "\(client.name) is at \(client.position), not \(head)")
            hold(client.records == truth, "\(client.name) has not converged")
            for id in client.acknowledged {
                hold(applied.contains(id) || lost.contains(id), "\(id) was lost")
            }
            for id in client.quarantine {
                hold(refused.contains(id) || refusedInLost.contains(id), "\(id) was not refused")
                hold(
                    !applied.contains(id) || lost.contains(id) || refusedInLost.contains(id),
                    "\(id) was refused and applied")
            }
            hold(client.checksumsWrong == 0, "\(client.name) was told another checksum")
            tally.checksums += client.checksumsRight
            tally.refused += client.quarantine.count
            tally.lost += client.acknowledged.intersection(lost).subtracting(applied).count
            hold(
                client.unseen.allSatisfy { lost.contains($0.mutation.id) },
                "\(client.name) waits for a change")
            if client.unseen.isEmpty {
                hold(
                    client.view() == truth.mapValues(\.json), "\(client.name) shows something else")
            }
        }
    }
}
