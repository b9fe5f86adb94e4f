// The statements that read records and logs, the same for the writer and for readers, and the form
// of a log entry's `ends` in its column.

import MizuBytes
import MizuSync

/// Reads over one connection. Confined to its thread.
final class LogRows {
    private let scope: Statement
    private let epochAt: Statement
    private let entries: Statement
    private let record: Statement
    private let recordsOfScope: Statement
    private let recordsOfEntity: Statement
    /// What stands at cursor 0.
    private let epoch: CurrentEpoch

    init(_ connection: Connection, epoch: CurrentEpoch) throws(StoreError) {
        self.epoch = epoch
        scope = try Statement(
            connection,
            """
            SELECT cursor, base, records, (SELECT epoch FROM epochs
                WHERE epochs.scope = scopes.scope ORDER BY first DESC LIMIT 1),
                checksum, bytes, log_bytes, owner
            FROM scopes WHERE scope = ?
            """)
        epochAt = try Statement(
            connection,
            "SELECT epoch FROM epochs WHERE scope = ? AND first <= ? ORDER BY first DESC LIMIT 1")
        entries = try Statement(
            connection,
            """
            SELECT first, last, time, ends, bytes FROM changes
            WHERE scope = ? AND last > ? ORDER BY last
            """)
        record = try Statement(
            connection,
            "SELECT data, version FROM records WHERE scope = ? AND entity = ? AND id = ?")
        recordsOfScope = try Statement(
            connection,
            """
            SELECT entity, id, data, version FROM records
            WHERE scope = ? AND (entity, id) > (?, ?) ORDER BY entity, id
            """)
        recordsOfEntity = try Statement(
            connection, "SELECT id, data FROM records WHERE scope = ? AND entity = ? ORDER BY id")
    }

    func scopeState(_ name: Name) throws(StoreError) -> ScopeState {
        let found = try scope.bind(name).first { (row) throws(StoreError) in
            ScopeState(
                head: Position(cursor: row.int(0), epoch: try row.key(3)), base: row.int(1),
                recordCount: row.int(2),
                checksum: ScopeChecksum(bits: UInt64(bitPattern: Int64(row.int(4)))),
                byteCount: row.int(5), logByteCount: row.int(6),
                owner: Account(stored: row.blob(7).array))
        }
        return found ?? ScopeState(unwrittenIn: epoch.value)
    }

    func epoch(at cursor: Int, in scope: Name) throws(StoreError) -> Name? {
        try epochAt.bind(scope).bind(cursor).first { (row) throws(StoreError) in try row.key(0) }
    }

    func visitLog(
        of scope: Name, after cursor: Int, _ visit: (LogEntry) -> Visit
    ) throws(StoreError) {
        try entries.bind(scope).bind(cursor).each { (row) throws(StoreError) in
            let bytes = row.blob(4)
            let (first, last) = (row.int(0), row.int(1))
            guard first >= 1, first <= last, last <= Position.cursorMax,
                let ends = EntryEnds.read(row.blob(3), of: bytes, count: last - first + 1)
            else {
                throw StoreError(.statement, "the change \(last) of \(scope) is damaged")
            }
            return visit(
                LogEntry(
                    first: first, last: last, timeMilliseconds: Int64(row.int(2)), bytes: bytes,
                    ends: ends))
        }
    }

    func storedRecord(_ key: RecordKey, in scope: Name) throws(StoreError) -> StoredRecord? {
        try record.bind(scope).bind(key.entity).bind(key.id)
            .first { (row) throws(StoreError) in
                StoredRecord(json: row.blob(0), version: row.int(1))
            }
    }

    func visitRecords(
        in scope: Name, after key: RecordKey?, _ visit: (RecordKey, StoredRecord) -> Visit
    ) throws(StoreError) {
        // An empty BLOB is before every name.
        try recordsOfScope.bind(scope).bind(key?.entity).bind(key?.id)
            .each { (row) throws(StoreError) in
                visit(
                    RecordKey(entity: try row.key(0), id: try row.key(1)),
                    StoredRecord(json: row.blob(2), version: row.int(3)))
            }
    }

    func visitRecords(
        of entity: Name, in scope: Name, _ visit: (Name, ByteSlice) -> Visit
    ) throws(StoreError) {
        try recordsOfEntity.bind(scope).bind(entity).each { (row) throws(StoreError) in
            visit(try row.key(0), row.blob(1))
        }
    }
}

/// Whoever reads by `LogRows`: the store on its connection, each reader on its own.
protocol RowSource: LogSource {
    var rows: LogRows { get }
}

extension RowSource {
    public func scopeState(_ scope: Name) throws(StoreError) -> ScopeState {
        try rows.scopeState(scope)
    }

    public func epoch(at cursor: Int, in scope: Name) throws(StoreError) -> Name? {
        try rows.epoch(at: cursor, in: scope)
    }

    public func visitLog(
        of scope: Name, after cursor: Int, _ visit: (LogEntry) -> Visit
    ) throws(StoreError) {
        try rows.visitLog(of: scope, after: cursor, visit)
    }

    public func storedRecord(
        _ key: RecordKey, in scope: Name
    ) throws(StoreError) -> StoredRecord? {
        try rows.storedRecord(key, in: scope)
    }

    public func visitRecords(
        in scope: Name, after key: RecordKey?, _ visit: (RecordKey, StoredRecord) -> Visit
    ) throws(StoreError) {
        try rows.visitRecords(in: scope, after: key, visit)
    }

    public func visitRecords(
        of entity: Name, in scope: Name, _ visit: (Name, ByteSlice) -> Visit
    ) throws(StoreError) {
        try rows.visitRecords(of: entity, in: scope, visit)
    }
}

/// `LogEntry.ends` as bytes. One change, the usual case, needs none.
enum EntryEnds {
    static func write(_ ends: [Int]) -> [UInt8] {
        guard ends.count > 1 else { return [] }
        return ends.flatMap { end in
            (0..<4).map { UInt8(truncatingIfNeeded: end >> ($0 * 8)) }
        }
    }

    /// Nil where the column does not fit the bytes.
    static func read(_ column: ByteSlice, of bytes: ByteSlice, count: Int) -> [Int]? {
        if count == 1, column.isEmpty { return [bytes.count] }
        guard count > 1, count <= column.count, column.count == count * 4 else { return nil }
        var ends: [Int] = []
        ends.reserveCapacity(count)
        for index in 0..<count {
            let end = (0..<4).reduce(0) { $0 | Int(column[index * 4 + $1]) << ($1 * 8) }
            guard end > ends.last ?? 0 else { return nil }
            ends.append(end)
        }
        return ends.last == bytes.count ? ends : nil
    }
}
