// Redo records: what is written is read again, and nothing that stands in one can be more than
// refused.

import MizuBytes
import MizuSync
import Testing

@testable import MizuSyncSQLite

@Suite("Redo records (engine.md, Folding)")
struct RedoTests {
    private static let entry = LogEntry(
        first: 7, bytes: ByteSlice(#"{"id":"a","data":{"n":1},"time":"t"},{"id":"b"}"#),
        ends: [36, 47], borders: [7, 8], timesMilliseconds: [1_000, 990])
    private static let position = Position(cursor: 8, epoch: "epoch")
    private static let key = RecordKey(entity: "note", id: "a")

    /// Every kind of row, and names that repeat.
    static let changes: [RowChange] = [
        .epoch("epoch", first: 7, in: "s"),
        .entry(entry, of: "s"),
        .record(StoredRecord(json: entry.bytes[17..<24], version: 7), key, in: "s"),
        .record(StoredRecord(json: "{}", version: 0), key, in: "other"),
        .record(nil, key, in: "other"),
        .outcome(
            StoredOutcome(
                verdict: .applied(position), fingerprint: Fingerprint(high: .max, low: 1),
                user: "u", client: "c", clientSequence: 3, reviewMilliseconds: -5),
            mutation: "m", in: "s"),
        .outcome(
            StoredOutcome(
                verdict: .refused(Rejection(code: "conflict", message: "é")),
                fingerprint: Fingerprint(high: 0, low: .max), user: nil, client: "c",
                clientSequence: 0, reviewMilliseconds: .max / 2),
            mutation: "n", in: "s"),
        .outcome(nil, mutation: "m", in: "s"),
        .client(
            ClientState(user: "u", lastPushMilliseconds: 1, outcomeCount: 4), "c", in: "s"),
        .client(nil, "c", in: "s"),
        .trim(base: 6, of: "s"),
        .scopeState(
            ScopeState(
                head: position, base: 6, recordCount: 2, checksum: ScopeChecksum(bits: 77),
                byteCount: 900, logByteCount: 1_000, owner: Account(user: "u")), of: "s"),
        .account(AccountState(scopeCount: 1, byteCount: 900), Account(user: "u")),
        .totals(StoreTotals(agingMilliseconds: 12, outcomeCount: 3)),
    ]

    private static func written(_ changes: [RowChange]) -> ByteSlice {
        var writer = RedoWriter()
        for change in changes { writer.write(change) }
        return writer.take()
    }

    private static func text(_ record: RedoRecord) -> [String] {
        guard case .rows(let changes) = record else { return ["no rows"] }
        return changes.map(text)
    }

    /// A row in words, bytes of slices included.
    private static func text(_ change: RowChange) -> String {
        switch change {
        case .entry(let entry, let scope):
            "\(scope) \(entry.first) \(entry.ends) \(entry.borders) \(entry.timesMilliseconds) "
                + entry.bytes.string
        case .record(let record, let key, let scope):
            "\(scope) \(key) \(record?.json.string ?? "-") \(record?.version ?? -1)"
        default: "\(change)"
        }
    }

    @Test("what is written is read again")
    func roundTrip() throws {
        let record = try RedoRecord(Self.written(Self.changes))
        #expect(Self.text(record) == Self.changes.map(Self.text))
    }

    @Test("what is rolled back is not in the record, and names are said again")
    func rollback() throws {
        for cut in Self.changes.indices {
            var writer = RedoWriter()
            for change in Self.changes[..<cut] { writer.write(change) }
            let mark = writer.mark
            for change in Self.changes[cut...] { writer.write(change) }
            writer.rollBack(to: mark)
            for change in Self.changes.reversed() { writer.write(change) }
            let expected = Self.changes[..<cut] + Self.changes.reversed()
            #expect(Self.text(try RedoRecord(writer.take())) == expected.map(Self.text))
        }
    }

    @Test("a record that is cut or changed at any byte is read or refused")
    func damage() {
        let record = Self.written(Self.changes).array
        for count in record.indices {
            _ = try? RedoRecord(ByteSlice(Array(record[..<count])))
            for flip in [UInt8(0x01), 0x80, 0xFF] {
                var bytes = record
                bytes[count] ^= flip
                _ = try? RedoRecord(ByteSlice(bytes))
            }
        }
        #expect(throws: RedoDamage.self) { try RedoRecord(.empty) }
        #expect(throws: RedoDamage.self) { try RedoRecord(ByteSlice([2])) }
    }

    @Test("a mark of a checkpoint is alone in its record")
    func checkpoint() throws {
        guard case .checkpoint(let through) = try RedoRecord(RedoWriter.checkpoint(through: 99))
        else {
            Issue.record("no mark")
            return
        }
        #expect(through == 99)
    }
}
