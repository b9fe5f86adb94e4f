// Rows as they came, in the protocol's binary format. What stands in them may be anybody's work (an
// UPDATE by hand, a damaged disk): each column is checked, and what is none of ours is a StoreError
// that names it, never a trap.

import CPostgres
import MizuBytes
import MizuSync

/// What a statement found. Confined to the connection's thread; pointers are good as long as this.
final class Rows {
    private let result: OpaquePointer
    let count: Int
    private let columnCount: Int

    /// - Parameter result: taken over.
    init(_ result: OpaquePointer) {
        self.result = result
        count = Int(PQntuples(result))
        columnCount = Int(PQnfields(result))
    }

    deinit { PQclear(result) }

    /// What the server says that it did: `COMMIT`.
    var tag: String { PQcmdStatus(result).map { String(cString: $0) } ?? "" }

    func bytes(_ row: Int, _ column: Int) -> UnsafeRawBufferPointer {
        assert(row < count && column < columnCount, "no such column")
        // libpq answers a place that is not there with no bytes.
        let length = Int(PQgetlength(result, Int32(row), Int32(column)))
        guard length > 0, let start = PQgetvalue(result, Int32(row), Int32(column)) else {
            return UnsafeRawBufferPointer(start: nil, count: 0)
        }
        return UnsafeRawBufferPointer(start: start, count: length)
    }

    func isNull(_ row: Int, _ column: Int) -> Bool {
        PQgetisnull(result, Int32(row), Int32(column)) != 0
    }

    func slice(_ row: Int, _ column: Int) -> ByteSlice {
        ByteSlice(copying: bytes(row, column))
    }

    func text(_ row: Int, _ column: Int) -> String {
        String(decoding: bytes(row, column), as: UTF8.self)
    }

    /// A bigint.
    func int(_ row: Int, _ column: Int) throws(StoreError) -> Int {
        let bytes = bytes(row, column)
        guard bytes.count == 8 else { throw Self.damaged("a number has \(bytes.count) bytes") }
        return Int(bigEndian: bytes.loadUnaligned(as: Int.self))
    }

    /// A bigint from 0 to what protocol.md allows.
    func count(_ row: Int, _ column: Int) throws(StoreError) -> Int {
        let number = try int(row, column)
        guard number >= 0, number <= Position.cursorMax else {
            throw Self.damaged("\(number) is no count")
        }
        return number
    }

    func name(_ row: Int, _ column: Int) throws(StoreError) -> Name {
        guard let name = Name(bytes(row, column)) else { throw Self.damaged("a name is none") }
        return name
    }

    /// An empty one is nobody.
    func nameIfAny(_ row: Int, _ column: Int) throws(StoreError) -> Name? {
        bytes(row, column).isEmpty ? nil : try name(row, column)
    }

    /// The mutation, scope or record is skipped by nobody: whoever reads it is told.
    static func damaged(_ what: String) -> StoreError {
        StoreError(.statement, "a row of the database is damaged: \(what)")
    }
}

// MARK: Rows of ours, in the order of the statements' columns

extension Rows {
    /// cursor, base, records, checksum, bytes, log_bytes, epoch, owner.
    /// - Returns: nil where nothing was ever written to the scope.
    func scopeState(_ row: Int, from first: Int) throws(StoreError) -> ScopeState? {
        guard !isNull(row, first) else { return nil }
        let cursor = try count(row, first)
        guard cursor > 0 else { return nil }
        let base = try count(row, first + 1)
        guard base <= cursor else { throw Self.damaged("a log's base is behind its head") }
        return ScopeState(
            head: Position(cursor: cursor, epoch: try name(row, first + 6)), base: base,
            recordCount: try count(row, first + 2),
            checksum: ScopeChecksum(bits: UInt64(bitPattern: Int64(try int(row, first + 3)))),
            byteCount: try count(row, first + 4), logByteCount: try count(row, first + 5),
            owner: Account(stored: [UInt8](bytes(row, first + 7))))
    }

    /// version, data.
    func record(_ row: Int, from first: Int) throws(StoreError) -> StoredRecord {
        StoredRecord(json: slice(row, first + 1), version: try count(row, first))
    }

    /// review, cursor, epoch, code, message, high, low, owner, client, sequence.
    func outcome(_ row: Int, from first: Int) throws(StoreError) -> StoredOutcome {
        let cursor = try int(row, first + 1)
        let verdict: StoredOutcome.Verdict
        if cursor < 0 {
            verdict = .refused(
                Rejection(code: text(row, first + 3), message: text(row, first + 4)))
        } else {
            verdict = .applied(
                Position(cursor: try count(row, first + 1), epoch: try name(row, first + 2)))
        }
        return StoredOutcome(
            verdict: verdict,
            fingerprint: Fingerprint(
                high: UInt64(bitPattern: Int64(try int(row, first + 5))),
                low: UInt64(bitPattern: Int64(try int(row, first + 6)))),
            user: try nameIfAny(row, first + 7), client: try nameIfAny(row, first + 8),
            clientSequence: try count(row, first + 9),
            reviewMilliseconds: Int64(try int(row, first)))
    }

    /// owner, pushed, outcomes.
    func client(_ row: Int, from first: Int) throws(StoreError) -> ClientState {
        ClientState(
            user: try nameIfAny(row, first),
            lastPushMilliseconds: Int64(try int(row, first + 1)),
            outcomeCount: try count(row, first + 2))
    }

    /// first, last of a log's row.
    func span(_ row: Int) throws(StoreError) -> (first: Int, last: Int) {
        let (first, last) = (try count(row, 0), try count(row, 1))
        guard first >= 1, first <= last else {
            throw Self.damaged("changes from \(first) to \(last)")
        }
        return (first, last)
    }

    /// first, last, time, ends, bytes: one mutation.
    func entry(_ row: Int) throws(StoreError) -> LogEntry {
        let (first, last) = try span(row)
        let bytes = slice(row, 4)
        let marks = self.bytes(row, 3)
        var ends: [Int] = []
        if marks.isEmpty {
            ends = [bytes.count]
        } else {
            ends.reserveCapacity(marks.count / 4)
            for offset in stride(from: 0, to: marks.count - 3, by: 4) {
                let end = UInt32(
                    bigEndian: marks.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
                guard Int(end) > (ends.last ?? -1) else {
                    throw Self.damaged("the ends of the changes from \(first) on")
                }
                ends.append(Int(end))
            }
        }
        guard ends.count == last - first + 1, ends.last == bytes.count else {
            throw Self.damaged("the changes from \(first) to \(last)")
        }
        return LogEntry(
            first: first, last: last, timeMilliseconds: Int64(try int(row, 2)), bytes: bytes,
            ends: ends)
    }

    /// How `entry` reads where the changes end; empty for one change.
    static func marks(_ ends: ArraySlice<Int>, from start: Int) -> [UInt8] {
        guard ends.count > 1 else { return [] }
        var marks: [UInt8] = []
        marks.reserveCapacity(ends.count * 4)
        for end in ends {
            withUnsafeBytes(of: UInt32(truncatingIfNeeded: end - start).bigEndian) {
                marks.append(contentsOf: $0)
            }
        }
        return marks
    }
}
