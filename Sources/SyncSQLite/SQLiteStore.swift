// Keeps Sync's rows in one SQLite file (schema: Schema.swift). The writer's connection is exclusive
// by DatabaseLock; readers have connections of their own and see what is committed.
// When the disk is full or fails, writes throw `.unavailable` and reads go on; nothing needs to be
// opened again when there is space: the next transaction simply works.

import CSQLite
import Logging
import MizuBytes
import MizuSync

/// The store of one database file. Confined to the committer's thread once it is there.
public final class SQLiteStore: SyncStore {
    public let epoch: Name
    let rows: LogRows
    let statements: WriterStatements
    private let connection: Connection
    // Behind the connection: fields die in order, and the lock must be the last to go.
    private let lock: DatabaseLock

    /// Opens the file as its only writer, makes it and the directories above it where missing, and
    /// writes the new epoch to it.
    /// - Parameter epoch: fresh and random for each opening.
    /// - Throws: one line for people that says what to do.
    public init(path: String, epoch: Name, logger: Logger) throws(StoreError) {
        let lock = try DatabaseLock(forDatabase: path)
        let connection = try Connection(lock.path, as: .writer)
        try Schema.prepare(connection)
        // Durable before the first change under it; and the first proof that writing works.
        try Statement(
            connection, "INSERT OR REPLACE INTO settings(key, value) VALUES('epoch', ?)"
        ).bind(epoch).run()
        rows = try LogRows(connection, epoch: epoch)
        statements = try WriterStatements(connection)
        self.epoch = epoch
        self.connection = connection
        self.lock = lock
        logger.debug(
            "database opened", metadata: ["path": "\(path)", "epoch": "\(epoch)"])
    }

    public func makeReader() throws(StoreError) -> sending any SyncReader {
        try SQLiteReader(path: connection.path, epoch: epoch)
    }
}

// MARK: Transactions

extension SQLiteStore {
    public func begin() throws(StoreError) { try statements.begin.run() }
    public func savepoint() throws(StoreError) { try statements.savepoint.run() }
    public func releaseSavepoint() throws(StoreError) { try statements.release.run() }

    public func rollbackToSavepoint() throws(StoreError) {
        try statements.rollbackTo.run()
        try statements.release.run()
    }

    public func commit() throws(StoreError) { try statements.commit.run() }

    public func rollback() {
        // SQLite may have rolled back by itself; then there is nothing to leave.
        guard sqlite3_get_autocommit(connection.raw) == 0 else { return }
        sqlite3_exec(connection.raw, "ROLLBACK", nil, nil, nil)
    }
}

// MARK: Reading

extension SQLiteStore {
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

/// Reads the same file from another thread, on a connection of its own.
final class SQLiteReader: SyncReader {
    private let rows: LogRows
    private let begin: Statement
    private let end: Statement

    init(path: String, epoch: Name) throws(StoreError) {
        let connection = try Connection(path, as: .reader)
        rows = try LogRows(connection, epoch: epoch)
        begin = try Statement(connection, "BEGIN")
        end = try Statement(connection, "ROLLBACK")
    }

    /// The view begins with the first read behind it, which is later still: nothing is missed.
    func beginReading() throws(StoreError) { try begin.run() }

    func endReading() {
        do { try end.run() } catch {
            // There is no transaction any more, which is what was wanted.
        }
    }

    func scopeState(_ scope: Name) throws(StoreError) -> ScopeState {
        try rows.scopeState(scope)
    }

    func epoch(at cursor: Int, in scope: Name) throws(StoreError) -> Name? {
        try rows.epoch(at: cursor, in: scope)
    }

    func visitLog(
        of scope: Name, after cursor: Int, _ visit: (LogEntry) -> Visit
    ) throws(StoreError) {
        try rows.visitLog(of: scope, after: cursor, visit)
    }

    func storedRecord(_ key: RecordKey, in scope: Name) throws(StoreError) -> StoredRecord? {
        try rows.storedRecord(key, in: scope)
    }

    func visitRecords(
        in scope: Name, after key: RecordKey?, _ visit: (RecordKey, StoredRecord) -> Visit
    ) throws(StoreError) {
        try rows.visitRecords(in: scope, after: key, visit)
    }

    func visitRecords(
        of entity: Name, in scope: Name, _ visit: (Name, ByteSlice) -> Visit
    ) throws(StoreError) {
        try rows.visitRecords(of: entity, in: scope, visit)
    }
}
