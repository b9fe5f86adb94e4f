// The statements that read records and logs, the same for the writer and for readers.

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
    let ids: ScopeIDs

    init(_ connection: Connection, epoch: CurrentEpoch) throws(StoreError) {
        self.epoch = epoch
        ids = try ScopeIDs(connection)
        scope = try Statement(
            connection,
            """
            SELECT id, cursor, base, records, checksum, bytes, log_bytes AS logBytes, epoch, owner
            FROM scopes WHERE name = ?
            """, columns: ScopeColumn.self)
        epochAt = try Statement(
            connection,
            "SELECT epoch FROM epochs WHERE scope = ? AND first <= ? ORDER BY first DESC LIMIT 1")
        entries = try Statement(
            connection,
            """
            SELECT last, first, time, marks, bytes FROM log
            WHERE scope = ? AND last > ? ORDER BY last
            """, columns: BlockColumn.self)
        record = try Statement(
            connection,
            "SELECT version, data FROM records WHERE scope = ? AND entity = ? AND id = ?",
            columns: RecordColumn.self)
        recordsOfScope = try Statement(
            connection,
            """
            SELECT version, data, id, entity FROM records
            WHERE scope = ? AND (entity, id) > (?, ?) ORDER BY entity, id
            """, columns: RecordColumn.self)
        recordsOfEntity = try Statement(
            connection,
            "SELECT version, data, id FROM records WHERE scope = ? AND entity = ? ORDER BY id",
            columns: RecordColumn.self)
    }

    /// Forgets what is remembered of rows: the view of the database is another one now.
    func forget() { ids.forget() }

    func scopeState(_ name: Name) throws(StoreError) -> ScopeState {
        let found = try scope.bind(name).first { (row) throws(StoreError) -> ScopeState? in
            ids.learn(row.int(ScopeColumn.id), of: name)
            // It has a number, and nothing more yet.
            guard row.int(ScopeColumn.cursor) > 0 else { return nil }
            return ScopeState(
                head: Position(
                    cursor: row.int(ScopeColumn.cursor), epoch: try row.key(ScopeColumn.epoch)),
                base: row.int(ScopeColumn.base), recordCount: row.int(ScopeColumn.records),
                checksum: ScopeChecksum(
                    bits: UInt64(bitPattern: Int64(row.int(ScopeColumn.checksum)))),
                byteCount: row.int(ScopeColumn.bytes),
                logByteCount: row.int(ScopeColumn.logBytes),
                owner: Account(stored: row.blob(ScopeColumn.owner).array))
        }
        return (found ?? nil) ?? ScopeState(unwrittenIn: epoch.value)
    }

    func epoch(at cursor: Int, in scope: Name) throws(StoreError) -> Name? {
        guard let id = try ids.id(of: scope) else { return nil }
        return try epochAt.bind(id).bind(cursor).first { (row) throws(StoreError) in
            try row.key()
        }
    }

    func visitLog(
        of scope: Name, after cursor: Int, _ visit: (LogEntry) -> Visit
    ) throws(StoreError) {
        guard let id = try ids.id(of: scope) else { return }
        try entries.bind(id).bind(cursor).each { (row) throws(StoreError) in
            guard
                let entry = LogBlock.read(
                    Self.header(row), marks: row.blob(BlockColumn.marks),
                    bytes: row.blob(BlockColumn.bytes))
            else { throw Self.damaged(row, of: scope) }
            return visit(entry)
        }
    }

    /// The same as rows: a page that takes a whole one needs no look into it.
    func visitLogRows(
        of scope: Name, after cursor: Int,
        _ visit: (borrowing LogRow) throws(StoreError) -> Visit
    ) throws(StoreError) {
        guard let id = try ids.id(of: scope) else { return }
        try entries.bind(id).bind(cursor).each { (row) throws(StoreError) in
            let header = Self.header(row)
            guard header.first >= 1, header.first <= header.last,
                header.last <= Position.cursorMax
            else { throw Self.damaged(row, of: scope) }
            return try visit(
                LogRow(
                    first: header.first, last: header.last, bytes: row.bytes(BlockColumn.bytes)
                ) { () throws(StoreError) in
                    guard
                        let entry = LogBlock.read(
                            header, marks: row.blob(BlockColumn.marks),
                            bytes: row.blob(BlockColumn.bytes))
                    else { throw Self.damaged(row, of: scope) }
                    return entry
                })
        }
    }

    func storedRecord(_ key: RecordKey, in scope: Name) throws(StoreError) -> StoredRecord? {
        guard let scopeID = try ids.id(of: scope) else { return nil }
        return try record.bind(scopeID).bind(key.entity).bind(key.id)
            .first { (row) throws(StoreError) in Self.record(row) }
    }

    func visitRecords(
        in scope: Name, after key: RecordKey?, _ visit: (RecordKey, StoredRecord) -> Visit
    ) throws(StoreError) {
        guard let scopeID = try ids.id(of: scope) else { return }
        // An empty BLOB is before every name.
        try recordsOfScope.bind(scopeID).bind(key?.entity).bind(key?.id)
            .each { (row) throws(StoreError) in
                visit(
                    RecordKey(
                        entity: try row.key(RecordColumn.entity), id: try row.key(RecordColumn.id)),
                    Self.record(row))
            }
    }

    /// The same without a copy: for pages that are sent as they are read.
    func visitRecordBytes(
        in scope: Name, after key: RecordKey?, _ visit: (RecordBytes) -> Visit
    ) throws(StoreError) {
        guard let scopeID = try ids.id(of: scope) else { return }
        try recordsOfScope.bind(scopeID).bind(key?.entity).bind(key?.id)
            .each { (row) throws(StoreError) in
                visit(
                    RecordBytes(
                        entity: row.bytes(RecordColumn.entity), id: row.bytes(RecordColumn.id),
                        json: row.bytes(RecordColumn.data),
                        version: row.int(RecordColumn.version)))
            }
    }

    func visitRecords(
        of entity: Name, in scope: Name, _ visit: (Name, ByteSlice) -> Visit
    ) throws(StoreError) {
        guard let scopeID = try ids.id(of: scope) else { return }
        try recordsOfEntity.bind(scopeID).bind(entity).each { (row) throws(StoreError) in
            visit(try row.key(RecordColumn.id), row.blob(RecordColumn.data))
        }
    }

    private static func record(_ row: Statement) -> StoredRecord {
        StoredRecord(json: row.blob(RecordColumn.data), version: row.int(RecordColumn.version))
    }
}

// MARK: Blocks of the log

extension LogRows {
    static func header(_ row: Statement) -> LogBlock.Header {
        LogBlock.Header(
            first: row.int(BlockColumn.first), last: row.int(BlockColumn.last),
            time: Int64(row.int(BlockColumn.time)))
    }

    static func damaged(_ row: Statement, of scope: Name) -> StoreError {
        StoreError(
            .statement, "the change \(row.int(BlockColumn.last)) of \(scope) is damaged")
    }
}

/// Of a row of the log; the last one may be its length in place of the bytes.
enum BlockColumn: Int32, Columns { case last, first, time, marks, bytes }

// MARK: Columns, in the order of the statements above

private enum ScopeColumn: Int32, Columns {
    case id, cursor, base, records, checksum, bytes, logBytes, epoch, owner
}

/// The last ones are those of the statements that find more than one record.
private enum RecordColumn: Int32, Columns { case version, data, id, entity }

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

extension SQLiteReader {
    func visitLogRows(
        of scope: Name, after cursor: Int,
        _ visit: (borrowing LogRow) throws(StoreError) -> Visit
    ) throws(StoreError) {
        try log.visitLogRows(of: scope, after: cursor, visit)
    }

    func visitRecordBytes(
        in scope: Name, after key: RecordKey?, _ visit: (RecordBytes) -> Visit
    ) throws(StoreError) {
        try log.visitRecordBytes(in: scope, after: key, visit)
    }
}
