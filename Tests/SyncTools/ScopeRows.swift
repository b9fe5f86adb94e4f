// The rows of a scope as a store would have them, made by hand, so that a test can spoil any of
// them and show the rest to a verifier.

import MizuBytes
import MizuSync
import MizuSyncSQLite

@testable import MizuSyncTools

/// All rows of one scope.
struct ScopeRows {
    struct Change {
        var op: String
        var id: String
        var data: String?
        var mutation: String
        var cursor: Int?
        var scope = "s"
    }

    var scope: Name = "s"
    var state: ScopeState?
    var epochs: [(first: Int, epoch: Name)] = [(1, "e1")]
    /// A mutation each.
    var mutations: [[Change]]
    var records: [(key: RecordKey, record: StoredRecord)] = []
    var clients: [(Name, ClientState)] = []
    var outcomes: [(Name, InspectedOutcome)] = []

    /// Three mutations over two records, by one client.
    static func sample() -> ScopeRows {
        var rows = ScopeRows(mutations: [
            [
                Change(op: "create", id: "a", data: "{\"n\":1}", mutation: "m1"),
                Change(op: "create", id: "b", data: "{\"n\":2}", mutation: "m1"),
            ],
            [Change(op: "update", id: "a", data: "{\"n\":3}", mutation: "m2")],
            [Change(op: "delete", id: "b", data: nil, mutation: "m3")],
        ])
        rows.records = [(key("a"), record("{\"n\":3}", version: 3))]
        rows.clients = [
            ("c", ClientState(user: nil, lastPushMilliseconds: 0, outcomeCount: 4))
        ]
        rows.outcomes = [
            ("m1", applied(2, 1)), ("m2", applied(3, 2)), ("m3", applied(4, 3)),
            ("m4", refused(4)),
        ]
        rows.count()
        return rows
    }

    /// Makes the scope's own row fit the others.
    mutating func count(base: Int = 0) {
        var checksum = ScopeChecksum.empty
        for (key, record) in records { checksum.add(key, version: record.version) }
        state = ScopeState(
            head: Position(
                cursor: base + mutations.reduce(0) { $0 + $1.count },
                epoch: epochs.last?.epoch ?? "e1"),
            base: base, recordCount: records.count, checksum: checksum,
            byteCount: records.reduce(0) { $0 + StoredRecord.size($1.key, $1.record.json) },
            logByteCount: entries(after: base).reduce(0) { $0 + $1.bytes.count }, owner: nil)
    }

    func entries(after base: Int) -> [LogEntry] {
        var cursor = base
        return mutations.map { changes in
            let first = cursor + 1
            var text = ""
            var ends: [Int] = []
            for change in changes {
                cursor += 1
                let data = change.data.map { ",\"data\":\($0)" } ?? ""
                text += """
                    \(text.isEmpty ? "" : ","){"cursor":\(change.cursor ?? cursor),\
                    "scope":"\(change.scope)","entity":"note","id":"\(change.id)",\
                    "op":"\(change.op)"\(data),"time":"t","mutation":"\(change.mutation)"}
                    """
                ends.append(text.utf8.count)
            }
            return LogEntry(
                first: first, last: cursor, timeMilliseconds: 0, bytes: ByteSlice(text),
                ends: ends)
        }
    }

    /// What a verifier says of the rows; nil for nothing.
    func fault() -> VerificationFault? {
        do throws(VerificationFault) {
            try verify()
            return nil
        } catch {
            return error
        }
    }

    private func verify() throws(VerificationFault) {
        var verifier = ScopeVerifier(scope: scope, state: state, seed: 7)
        try verifier.begin()
        for (first, epoch) in epochs { try verifier.take(epoch: epoch, from: first) }
        for entry in entries(after: state?.base ?? 0) { try verifier.take(entry) }
        try verifier.endLog()
        for (key, record) in records { try verifier.take(key, record) }
        try verifier.endRecords()
        for (client, state) in clients { try verifier.take(client: client, state) }
        for (mutation, outcome) in outcomes { try verifier.take(outcome, of: mutation) }
    }
}

// MARK: Rows in short

func key(_ id: String) -> RecordKey { RecordKey(entity: "note", id: Name(id) ?? "_") }

func record(_ json: String, version: Int) -> StoredRecord {
    StoredRecord(json: ByteSlice(json), version: version)
}

func applied(_ cursor: Int, _ sequence: Int, epoch: Name = "e1") -> InspectedOutcome {
    InspectedOutcome(
        position: Position(cursor: cursor, epoch: epoch), client: "c", clientSequence: sequence)
}

func refused(_ sequence: Int) -> InspectedOutcome {
    InspectedOutcome(position: nil, client: "c", clientSequence: sequence)
}
