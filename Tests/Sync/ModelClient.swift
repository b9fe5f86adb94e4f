// A client as protocol.md describes it, in memory: a queue that mutations leave only by a result, a
// local state that moves only by changes each one above the last or by a snapshot, and a replay of
// what is not yet seen over that state. Knows no server: the schedule carries its messages.

import MizuBytes
import MizuSync

/// A mutation as the client made it, kept through every retry.
struct QueuedMutation: Hashable {
    let id: String
    let name: Name
    let args: String

    var json: String { "{\"id\":\"\(id)\",\"name\":\"\(name)\",\"args\":\(args)}" }
}

/// What can reach a client, late, twice and in any order.
enum ClientMessage {
    case results(JSONValue)
    /// A pull's answer and the position it was asked from.
    case changes(JSONValue, asked: Position)
    case delta(base: Int, head: Position, changes: [JSONValue])
}

/// A record as a client keeps it.
struct ModelRecord: Hashable {
    let json: String
    /// The cursor of the change that wrote it.
    let version: Int
}

extension [RecordKey: ModelRecord] {
    /// What the server must say of the same state, computed from nothing but the state.
    var checksum: String {
        var sum = ScopeChecksum.empty
        for (key, record) in self { sum.add(key, version: record.version) }
        return String(decoding: Hex.encode(sum.bits), as: UTF8.self)
    }
}

final class ModelClient {
    let name: String
    private(set) var queue: [QueuedMutation] = []
    /// Applied by the server, but the change is not here yet: the result's cursor.
    private(set) var unseen: [(mutation: QueuedMutation, cursor: Int)] = []
    /// In the queue still, but a change that names it has been met.
    private var met: Set<String> = []
    private(set) var quarantine: [String] = []
    private(set) var acknowledged: Set<String> = []
    private(set) var records: [RecordKey: ModelRecord] = [:]
    /// Checksums told for our very position that were right, and those that were not.
    private(set) var checksumsRight = 0
    private(set) var checksumsWrong = 0
    var position = Position(cursor: 0, epoch: "none")
    /// A gap, another epoch: only a pull helps.
    private(set) var needsPull = true
    private var made = 0

    init(_ name: String) { self.name = name }

    func edit(_ mutation: Name, _ args: String) {
        made += 1
        queue.append(QueuedMutation(id: "\(name)-\(made)", name: mutation, args: args))
    }

    func push(of count: Int, to scope: Name) -> String {
        let mutations = queue.prefix(count).map(\.json).joined(separator: ",")
        return "{\"scope\":\"\(scope)\",\"client\":\"\(name)\",\"mutations\":[\(mutations)]}"
    }

    func receive(_ message: ClientMessage) {
        switch message {
        case .results(let answer):
            for result in answer.member("results")?.elements ?? JSONValue.null.elements {
                receive(result: result)
            }
        case .changes(let answer, let asked):
            guard let cursor = answer.int("next_cursor"),
                let epoch = answer.string("epoch").flatMap({ Name($0) })
            else { return }
            // An answer asked from elsewhere goes on from here only within one epoch.
            guard asked == position || epoch == position.epoch else { return needsPull = true }
            let changes = answer.member("changes").map { Array($0.elements) } ?? []
            apply(changes, head: Position(cursor: cursor, epoch: epoch))
            if asked.cursor <= position.cursor, answer.bool("has_more") == false {
                needsPull = false
            }
            compare(answer, at: cursor)
        case .delta(let base, let head, let changes):
            guard base <= position.cursor, head.epoch == position.epoch else {
                return needsPull = true
            }
            apply(changes, head: head)
        }
    }

    private func receive(result: JSONValue) {
        guard let id = result.string("id"), let index = queue.firstIndex(where: { $0.id == id })
        else { return }
        if result.bool("ok") == true, let cursor = result.int("cursor") {
            let mutation = queue.remove(at: index)
            acknowledged.insert(id)
            if !met.contains(id), cursor > position.cursor { unseen.append((mutation, cursor)) }
        } else if result.bool("retry") != true {
            quarantine.append(queue.remove(at: index).id)
        }
    }

    private func apply(_ changes: [JSONValue], head: Position) {
        for change in changes {
            guard let cursor = change.int("cursor"), cursor > position.cursor else { continue }
            guard cursor == position.cursor + 1 else { return needsPull = true }
            Self.apply(change, to: &records)
            position = Position(cursor: cursor, epoch: head.epoch)
            if let id = change.string("mutation") { meet(id) }
        }
        unseen.removeAll { $0.cursor <= position.cursor }
    }

    private func meet(_ id: String) {
        unseen.removeAll { $0.mutation.id == id }
        if queue.contains(where: { $0.id == id }) { met.insert(id) }
    }

    /// A checksum is of the position that it is told with, and means nothing elsewhere.
    func compare(_ answer: JSONValue, at cursor: Int) {
        guard let told = answer.string("checksum"), cursor == position.cursor,
            answer.string("epoch") == position.epoch.string
        else { return }
        if told == records.checksum { checksumsRight += 1 } else { checksumsWrong += 1 }
    }

    static func apply(_ change: JSONValue, to records: inout [RecordKey: ModelRecord]) {
        guard let entity = change.string("entity").flatMap({ Name($0) }),
            let id = change.string("id").flatMap({ Name($0) })
        else { return }
        // A snapshot's record tells its version; a change's cursor is the version that it gives.
        let version = change.int("version") ?? change.int("cursor") ?? -1
        records[RecordKey(entity: entity, id: id)] = change.member("data").map {
            ModelRecord(json: $0.text, version: version)
        }
    }

    /// Swaps in a snapshot that has been pulled up to `position`.
    func reset(to records: [RecordKey: ModelRecord], at position: Position) {
        self.records = records
        self.position = position
        unseen.removeAll { $0.cursor <= position.cursor }
        needsPull = false
    }
}

// MARK: The optimistic view, by the server's own mutators

extension ModelClient {
    /// The state with everything replayed that is not in it yet.
    func view() -> [RecordKey: String] {
        var view = records.mapValues(\.json)
        let replayed = unseen.map(\.mutation) + queue.filter { !met.contains($0.id) }
        for mutation in replayed {
            guard let id = Name(mutation.id), let json = try? JSON.parse(ByteSlice(mutation.args))
            else { continue }
            var transaction = Transaction(
                over: Replay(view), scope: "s", limits: SyncLimits())
            do {
                try TestMutator().apply(
                    Mutation(
                        name: mutation.name, args: Arguments(json), id: id, user: nil, scope: "s",
                        timeMilliseconds: 0),
                    to: &transaction)
                for change in try transaction.finish() { view[change.key] = change.json?.string }
            } catch {
                // It would be refused now; the server decides.
            }
        }
        return view
    }
}

/// A state that a replay reads.
final class Replay: RecordSource {
    private let records: [RecordKey: String]

    init(_ records: [RecordKey: String]) { self.records = records }

    func storedRecord(_ key: RecordKey, in scope: Name) throws(StoreError) -> StoredRecord? {
        records[key].map { StoredRecord(json: ByteSlice($0), version: 0) }
    }

    func visitRecords(
        in scope: Name, after key: RecordKey?, _ visit: (RecordKey, StoredRecord) -> Visit
    ) throws(StoreError) {
        for (next, json) in records.sorted(by: { $0.key < $1.key }) {
            if let key, next <= key { continue }
            guard case .next = visit(next, StoredRecord(json: ByteSlice(json), version: 0)) else {
                return
            }
        }
    }

    func visitRecords(
        of entity: Name, in scope: Name, _ visit: (Name, ByteSlice) -> Visit
    ) throws(StoreError) {
        try visitRecords(in: scope, after: nil) { key, record in
            key.entity == entity ? visit(key.id, record.json) : .next
        }
    }
}

extension JSONValue {
    static let null = JSONValue(validated: "null")
}
