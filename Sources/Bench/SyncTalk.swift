// `mizu bench sync`: clients that push mutations, one push in flight each, and clients that pull what
// came of them (protocol.md). Every result and every change is looked at; what was acknowledged and
// what was pulled are two ledgers that must agree in the end.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import Synchronization

struct SyncPlan: Sendable {
    let check: ChangeCheck
    let run: String
    let scope: String
    /// Mutations of a push.
    let batch: Int
    let pushers: Int
    let pullers: Int
    /// Nanoseconds that a client waits which has pulled all.
    let pullPause: UInt64
    let pushHead: ByteSlice
    /// Of pull and snapshot: the head up to the number in Content-Length.
    let pullHead: ByteSlice
    let snapshotHead: ByteSlice

    /// Before and behind the mutations of a push.
    static func opening(scope: String, client: String) -> ByteSlice {
        var text = ByteBuffer(capacity: 128)
        text.append(#"{"scope":"# as StaticString)
        text.appendJSON(string: scope)
        text.append(#","client":"# as StaticString)
        text.appendJSON(string: client)
        text.append(#","mutations":["# as StaticString)
        return text.takeSlice(leaving: 1)
    }

    /// The client's own name; of the same length for all.
    func client(_ number: Int) -> String {
        let digits = String(number)
        let zeros = String(repeating: "0", count: max(0, Template.connectionWidth - digits.count))
        return "\(run)-\(zeros)\(digits)"
    }
}

/// What all threads know together: the highest cursor that was acknowledged.
final class SyncHorizon: Sendable {
    private let highest = Atomic<Int>(0)

    var cursor: Int { highest.load(ordering: .acquiring) }
    func note(_ cursor: Int) { _ = highest.max(cursor, ordering: .acquiringAndReleasing) }
}

final class SyncState {
    var reader = AnswerReader()
    var content = ByteBuffer(capacity: 1)
    let opening: ByteSlice
    /// When the request in flight was sent; 0: none is.
    var sentAt: UInt64 = 0
    /// Of who pulls.
    var isPositioned = false
    var position = 0
    var epoch = ByteSlice.empty
    var isAtEnd = false
    var nextPull = Instant(nanoseconds: 0)

    init(opening: ByteSlice) { self.opening = opening }
}

struct SyncTalk: Conversation {
    let plan: SyncPlan
    let share: Share
    let horizon: SyncHorizon
    var tally = Tally()
    var findings: SyncFindings
    private let scratch = Scratch()
    private var head = ResponseHead()
    private var pushing = 0
    private var stage = Stage.opening
    private var start = Instant(nanoseconds: .max)
    private var end = Instant(nanoseconds: .max)
    /// Who pulls, while it may.
    private var pullers: [Peer<SyncState>] = []

    /// Mutations that one connection pushes at most: the ledgers are in memory.
    private static let mutationsMax = 4_000_000

    init(_ plan: SyncPlan, share: Share, horizon: SyncHorizon) {
        self.plan = plan
        self.share = share
        self.horizon = horizon
        findings = SyncFindings(
            first: share.first, pushers: share.count, all: plan.pushers,
            pullers: share.thread == 0 ? plan.pullers : 0)
    }

    func usesWebSocket(connection number: Int) -> Bool { false }
    var extraConnections: [Int] {
        share.thread == 0 ? Array(plan.pushers..<plan.pushers + plan.pullers) : []
    }
    func state(ofConnection number: Int) -> SyncState {
        SyncState(opening: SyncPlan.opening(scope: plan.scope, client: plan.client(number)))
    }
    private func pulls(_ peer: Peer<SyncState>) -> Bool { peer.number >= plan.pushers }

    mutating func opened(_ peer: Peer<SyncState>, _ out: inout ByteBuffer) {
        guard pulls(peer) else {
            peer.isReady = true
            return
        }
        pullers.append(peer)
        let known = findings.position(ofPuller: peer.number - plan.pushers)
        if let known {
            (peer.state.position, peer.state.epoch) = known
            peer.state.isPositioned = true
            peer.isReady = true
            return
        }
        var body = ByteBuffer(capacity: 128)
        body.append(#"{"scope":"# as StaticString)
        body.appendJSON(string: plan.scope)
        body.append(#","limit":1}"# as StaticString)
        append(plan.snapshotHead, body.readable, to: &out)
    }

    private func append(
        _ head: ByteSlice, _ body: UnsafeRawBufferPointer, to out: inout ByteBuffer
    ) {
        out.append(head)
        out.append(decimal: body.count)
        out.append("\r\n\r\n" as StaticString)
        out.append(body)
    }

    // MARK: Asking

    mutating func turn(_ peer: Peer<SyncState>, now: Instant, _ out: inout ByteBuffer) {
        guard peer.state.sentAt == 0 else { return }
        if pulls(peer) {
            guard stage >= .measuring, stage < .over, now >= peer.state.nextPull else { return }
            pull(peer, now, &out)
        } else if stage == .measuring {
            push(peer, now, &out)
        }
    }

    private mutating func push(_ peer: Peer<SyncState>, _ now: Instant, _ out: inout ByteBuffer) {
        let first = findings.pushed(by: peer.number)
        guard first + plan.batch <= Self.mutationsMax else { return }
        out.append(plan.pushHead)
        out.append(peer.state.opening)
        for index in 0..<plan.batch {
            if index > 0 { out.append(UInt8(ascii: ",")) }
            plan.check.appendMutation(
                sequence: first + index, connection: peer.number, to: &out)
        }
        out.append("]}" as StaticString)
        peer.state.sentAt = now.nanoseconds
        pushing += 1
    }

    private mutating func pull(_ peer: Peer<SyncState>, _ now: Instant, _ out: inout ByteBuffer) {
        let state = peer.state
        var body = ByteBuffer(capacity: 128)
        body.append(#"{"scope":"# as StaticString)
        body.appendJSON(string: plan.scope)
        body.append(#","cursor":"# as StaticString)
        body.append(decimal: state.position)
        if state.position > 0 {
            body.append(#","epoch":"# as StaticString)
            body.append(state.epoch)
        }
        body.append(#","limit":1000}"# as StaticString)
        append(plan.pullHead, body.readable, to: &out)
        state.sentAt = now.nanoseconds
    }

    mutating func settle(now: Instant, turns: inout [Token]) {
        guard stage >= .measuring else { return }
        for peer in pullers where peer.state.sentAt == 0 && now >= peer.state.nextPull {
            if stage < .verifying || !hasAll(peer.state) { turns.append(peer.token) }
        }
    }

    var nextMoment: Instant? {
        guard stage >= .measuring else { return nil }
        let waiting = pullers.filter { $0.state.sentAt == 0 && !hasAll($0.state) }
        return waiting.map(\.state.nextPull).min()
    }

    /// Whether it has pulled everything that was acknowledged to anybody, once nobody pushes.
    private func hasAll(_ state: SyncState) -> Bool {
        stage >= .verifying && state.isAtEnd && state.position >= horizon.cursor
    }

    // MARK: Answers

    mutating func received(
        _ input: UnsafeMutableRawBufferPointer, from peer: Peer<SyncState>, now: Instant,
        _ out: inout ByteBuffer
    ) throws(Fault) -> Int {
        let state = peer.state
        let bytes = UnsafeRawBufferPointer(input)
        let isSnapshot = pulls(peer) && !state.isPositioned
        guard state.sentAt > 0 || isSnapshot else {
            throw Fault(.wrong, "bytes that answer no request: \(excerpt(bytes))")
        }
        switch state.reader.read(bytes, answering: .post, head: &head, into: &state.content) {
        case .needMore(let count): return count
        case .malformed(let reason): throw Fault(.malformed, reason)
        case .answer(let count):
            let content = state.content.takeSlice(leaving: 1024)
            guard state.reader.status == 200 else {
                let text = content.withUnsafeBytes { excerpt($0, of: 160) }
                throw Fault(.status, "\(state.reader.status): \(text)")
            }
            guard let answer = try? JSON.parse(content) else {
                throw Fault(.malformed, "no JSON: \(content.withUnsafeBytes { excerpt($0) })")
            }
            tally.statuses[200, default: 0] += 1
            let nanoseconds = now.nanoseconds &- state.sentAt
            state.sentAt = 0
            try take(answer, peer, now, nanoseconds)
            guard state.reader.keepsAlive else {
                peer.isSpent = true
                pullers.removeAll { $0 === peer }
                return input.count
            }
            if !isSnapshot { turn(peer, now: now, &out) }
            return count
        }
    }

    private mutating func take(
        _ answer: JSONValue, _ peer: Peer<SyncState>, _ now: Instant, _ nanoseconds: UInt64
    ) throws(Fault) {
        if !pulls(peer) {
            pushing -= 1
            let count = try takeResults(answer, peer)
            guard now >= start, now < end else { return }
            tally.messages += count
            findings.pushes += 1
            tally.latency.record(nanoseconds)
        } else if peer.state.isPositioned {
            try takeChanges(answer, peer, now)
            guard now >= start, now < end else { return }
            findings.pulls += 1
            findings.pullLatency.record(nanoseconds)
        } else {
            guard let cursor = answer.member("cursor")?.int, let epoch = answer.member("epoch")
            else { throw Fault(.malformed, "a snapshot without a position") }
            (peer.state.position, peer.state.epoch) = (cursor, epoch.bytes)
            peer.state.isPositioned = true
            peer.isReady = true
        }
    }

    /// - Returns: how many mutations were acknowledged.
    private mutating func takeResults(
        _ answer: JSONValue, _ peer: Peer<SyncState>
    ) throws(Fault) -> Int {
        guard let results = answer.member("results"), results.kind == .array else {
            throw Fault(.malformed, "an answer to a push without results")
        }
        var count = 0
        for result in results.elements {
            guard count < plan.batch else { break }
            let sequence = findings.pushed(by: peer.number)
            let cursor = try plan.check.check(
                result: result, sequence: sequence, connection: peer.number, &scratch.bytes)
            guard cursor > findings.lastCursor(of: peer.number) else {
                throw Fault(.disordered, "a later mutation has the earlier cursor \(cursor)")
            }
            findings.acknowledge(cursor, by: peer.number)
            horizon.note(cursor)
            count += 1
        }
        guard count == plan.batch, results.elements.reduce(0, { sum, _ in sum + 1 }) == count else {
            throw Fault(.wrong, "a push of \(plan.batch) has another number of results")
        }
        return count
    }

    private mutating func takeChanges(
        _ answer: JSONValue, _ peer: Peer<SyncState>, _ now: Instant
    ) throws(Fault) {
        let state = peer.state
        guard let changes = answer.member("changes"), let next = answer.member("next_cursor")?.int,
            let epoch = answer.member("epoch"), let hasMore = answer.member("has_more")?.bool
        else { throw Fault(.malformed, "an answer to a pull without its members") }
        let prefix = Array(plan.run.utf8)
        for change in changes.elements {
            guard change.member("cursor")?.int == state.position + 1 else {
                throw Fault(.lost, "behind \(state.position) comes another change")
            }
            state.position += 1
            // Other people may write to the scope, too.
            guard change.member("mutation")?.utf8?.array.starts(with: prefix) == true else {
                findings.foreign += 1
                continue
            }
            let id = plan.check.id
            var connection = 0
            let number = try plan.check.check(
                change: change,
                connection: { name in
                    connection = name.withUnsafeBytes { id.connection(in: $0) } ?? 0
                    return connection
                }, &scratch.bytes)
            guard
                findings.pull(
                    number.cursor, sequence: number.sequence, of: connection,
                    by: peer.number - plan.pushers)
            else { throw Fault(.doubled, "mutation \(number.sequence) came twice in a pull") }
        }
        guard next == state.position else {
            throw Fault(.wrong, "next_cursor is \(next) behind change \(state.position)")
        }
        state.epoch = epoch.bytes.compacted
        state.isAtEnd = !hasMore
        state.nextPull = hasMore ? now : Instant(nanoseconds: now.nanoseconds + plan.pullPause)
        findings.note(position: (state.position, state.epoch), ofPuller: peer.number - plan.pushers)
    }

    // MARK: The end

    mutating func ended(_ peer: Peer<SyncState>) throws(Fault) {
        guard peer.state.sentAt == 0 else {
            throw Fault(.closed, "the server ended a connection instead of answering")
        }
        lost(peer)
    }

    mutating func lost(_ peer: Peer<SyncState>) {
        pullers.removeAll { $0 === peer }
        guard peer.state.sentAt > 0, !pulls(peer) else { return }
        pushing -= 1
        peer.state.sentAt = 0
    }

    mutating func enter(_ stage: Stage, from start: Instant, until end: Instant) {
        self.stage = stage
        if stage == .measuring { (self.start, self.end) = (start, end) }
        if stage == .verifying {
            if pushing > 0 {
                tally.faults.add(
                    Fault(.lost, "pushes were not answered within the grace time"), times: pushing)
            }
            // What was seen before may not be all.
            for peer in pullers {
                peer.state.isAtEnd = false
                peer.state.nextPull = Instant(nanoseconds: 0)
            }
        }
    }

    func isQuiet(_ stage: Stage) -> Bool {
        switch stage {
        case .opening, .measuring: false
        case .draining: pushing == 0
        case .verifying: pullers.allSatisfy { hasAll($0.state) && $0.state.sentAt == 0 }
        case .over: true
        }
    }
}
