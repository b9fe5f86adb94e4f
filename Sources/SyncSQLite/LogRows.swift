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
                WHERE epochs.scope = scopes.scope ORDER BY first DESC LIMIT 1) AS epoch,
                checksum, bytes, log_bytes AS logBytes, owner
            FROM scopes WHERE scope = ?
            """, columns: ScopeColumn.self)
        epochAt = try Statement(
            connection,
            "SELECT epoch FROM epochs WHERE scope = ? AND first <= ? ORDER BY first DESC LIMIT 1")
        entries = try Statement(
            connection,
            """
            SELECT first, last, time, ends, bytes FROM changes
            WHERE scope = ? AND last > ? ORDER BY last
            """, columns: EntryColumn.self)
        record = try Statement(
            connection,
            "SELECT data, version FROM records WHERE scope = ? AND entity = ? AND id = ?",
            columns: RecordColumn.self)
        recordsOfScope = try Statement(
            connection,
            """
            SELECT data, version, id, entity FROM records
            WHERE scope = ? AND (entity, id) > (?, ?) ORDER BY entity, id
            """, columns: RecordColumn.self)
        recordsOfEntity = try Statement(
            connection,
            "SELECT data, version, id FROM records WHERE scope = ? AND entity = ? ORDER BY id",
            columns: RecordColumn.self)
    }

    func scopeState(_ name: Name) throws(StoreError) -> ScopeState {
        let found = try scope.bind(name).first { (row) throws(StoreError) in
            ScopeState(
                head: Position(
                    cursor: row.int(ScopeColumn.cursor), epoch: try row.key(ScopeColumn.epoch)),
                base: row.int(ScopeColumn.base), recordCount: row.int(ScopeColumn.records),
                checksum: ScopeChecksum(
                    bits: UInt64(bitPattern: Int64(row.int(ScopeColumn.checksum)))),
                byteCount: row.int(ScopeColumn.bytes),
                logByteCount: row.int(ScopeColumn.logBytes),
                owner: Account(stored: row.blob(ScopeColumn.owner).array))
        }
        return found ?? ScopeState(unwrittenIn: epoch.value)
    }

    func epoch(at cursor: Int, in scope: Name) throws(StoreError) -> Name? {
        try epochAt.bind(scope).bind(cursor).first { (row) throws(StoreError) in try row.key() }
    }

    func visitLog(
        of scope: Name, after cursor: Int, _ visit: (LogEntry) -> Visit
    ) throws(StoreError) {
        try entries.bind(scope).bind(cursor).each { (row) throws(StoreError) in
            let bytes = row.blob(EntryColumn.bytes)
            let (first, last) = (row.int(EntryColumn.first), row.int(EntryColumn.last))
            guard first >= 1, first <= last, last <= Position.cursorMax,
                let ends = EntryEnds.read(
                    row.blob(EntryColumn.ends), of: bytes, count: last - first + 1)
            else {
                throw StoreError(.statement, "the change \(last) of \(scope) is damaged")
            }
            return visit(
                LogEntry(
                    first: first, last: last,
                    timeMilliseconds: Int64(row.int(EntryColumn.time)), bytes: bytes, ends: ends))
        }
    }

    func storedRecord(_ key: RecordKey, in scope: Name) throws(StoreError) -> StoredRecord? {
        try record.bind(scope).bind(key.entity).bind(key.id)
            .first { (row) throws(StoreError) in Self.record(row) }
    }

    func visitRecords(
        in scope: Name, after key: RecordKey?, _ visit: (RecordKey, StoredRecord) -> Visit
    ) throws(StoreError) {
        // An empty BLOB is before every name.
        try recordsOfScope.bind(scope).bind(key?.entity).bind(key?.id)
            .each { (row) throws(StoreError) in
                visit(
                    RecordKey(
                        entity: try row.key(RecordColumn.entity), id: try row.key(RecordColumn.id)),
                    Self.record(row))
            }
    }

    func visitRecords(
        of entity: Name, in scope: Name, _ visit: (Name, ByteSlice) -> Visit
    ) throws(StoreError) {
        try recordsOfEntity.bind(scope).bind(entity).each { (row) throws(StoreError) in
            visit(try row.key(RecordColumn.id), row.blob(RecordColumn.data))
        }
    }

    private static func record(_ row: Statement) -> StoredRecord {
        StoredRecord(json: row.blob(RecordColumn.data), version: row.int(RecordColumn.version))
    }
}

// MARK: Columns, in the order of the statements above

private enum ScopeColumn: Int32, Columns {
    case cursor, base, records, epoch, checksum, bytes, logBytes, owner
}

private enum EntryColumn: Int32, Columns { case first, last, time, ends, bytes }

/// The last ones are those of the statements that find more than one record.
private enum RecordColumn: Int32, Columns { case data, version, id, entity }

/// Whoever reads by `LogRows`: the store on its connection, each reader on its own.
protocol RowSource: LogSource {
    var log: LogRows { get }
}

extension RowSource {
    public func scopeState(_ scope: Name) throws(StoreError) -> ScopeState {
        try log.scopeState(scope)
    }

    public func epoch(at cursor: Int, in scope: Name) throws(StoreError) -> Name? {
        try log.epoch(at: cursor, in: scope)
    }

    public func visitLog(
        of scope: Name, after cursor: Int, _ visit: (LogEntry) -> Visit
    ) throws(StoreError) {
        try log.visitLog(of: scope, after: cursor, visit)
    }

    public func storedRecord(
        _ key: RecordKey, in scope: Name
    ) throws(StoreError) -> StoredRecord? {
        try log.storedRecord(key, in: scope)
    }

    public func visitRecords(
        in scope: Name, after key: RecordKey?, _ visit: (RecordKey, StoredRecord) -> Visit
    ) throws(StoreError) {
        try log.visitRecords(in: scope, after: key, visit)
    }

    public func visitRecords(
        of entity: Name, in scope: Name, _ visit: (Name, ByteSlice) -> Visit
    ) throws(StoreError) {
        try log.visitRecords(of: entity, in: scope, visit)
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
