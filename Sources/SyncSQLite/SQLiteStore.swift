// Keeps Sync's rows in one SQLite file (schema: Schema.swift). The writer's connection is exclusive
// by DatabaseLock; readers have connections of their own and see what is committed.
// When the disk is full or fails, writes throw `.unavailable` and reads go on; nothing needs to be
// opened again when there is space: the next transaction simply works.

import CSQLite
import Logging
import MizuBytes
import MizuSync

/// The store of one database file. Confined to the committer's thread once it is there.
public final class SQLiteStore: SyncStore, RowSource {
    public let salt: UInt64
    let rows: SQLiteRows
    var log: LogRows { rows.log }
    private let statements: TransactionStatements
    private let connection: Connection
    private let current: CurrentEpoch
    private let files: DatabaseFiles
    var outsiders: OutsideWrites
    private let logger: Logger
    // Behind the connection: fields die in order, and the lock must be the last to go.
    private let lock: DatabaseLock

    public var epoch: Name { current.value }

    /// Opens the file as its only writer, makes it and the directories above it where missing, and
    /// writes the new epoch to it.
    /// - Parameter epoch: fresh and random for each opening.
    /// - Throws: one line for people that says what to do.
    public init(path: String, epoch: Name, logger: Logger) throws(StoreError) {
        let lock = try DatabaseLock(forDatabase: path)
        let connection = try Connection(lock.path, as: .writer)
        try Schema.prepare(connection, logger: logger)
        // Not before it is known that the file is a database of ours.
        for name in lock.closeToOthers() {
            logger.notice("\(name) was open to every user of the machine: it is closed to them")
        }
        current = CurrentEpoch(epoch)
        rows = try SQLiteRows(connection, epoch: current)
        // Durable before the first change under it; and the first proof that writing works.
        try rows.setEpoch(epoch)
        salt = try Schema.salt(connection)
        outsiders = try OutsideWrites(connection)
        files = DatabaseFiles(lock.path, descriptor: lock.database)
        statements = try TransactionStatements(connection)
        self.connection = connection
        self.logger = logger
        self.lock = lock
        logger.debug(
            "database opened", metadata: ["path": "\(path)", "epoch": "\(epoch)"])
    }

    /// The last connection to close copies the WAL into the file and removes it; so that whoever
    /// copies that file alone has everything. A reader outside, or one that is stuck, may hold it
    /// up; then the WAL stays, and the next opening reads it.
    deinit {
        if !connection.checkpoint(waitMilliseconds: 1_000) {
            logger.warning(
                """
                \(connection.path)-wal is in use by another program and stays: it belongs to \
                the file
                """)
        }
    }

    public func diskSpace() -> DiskSpace? {
        var (free, total) = (Int64(0), Int64(0))
        guard csqlite_disk_space(connection.path, &free, &total) == 0 else { return nil }
        return DiskSpace(freeBytes: Int(free), totalBytes: Int(total))
    }

    public func makeReader() throws(StoreError) -> sending any SyncReader {
        try SQLiteReader(path: connection.path, epoch: current)
    }
}

// MARK: Transactions

extension SQLiteStore {
    /// Begins a transaction in the files that were opened. Where what was committed last is not in
    /// them any more, because a backup was put back, a new epoch begins: positions after what is
    /// lost must not be taken for positions in what will be written.
    public func begin() throws(StoreError) {
        if let obstacle = files.obstacle { throw StoreError(.unavailable, obstacle) }
        try statements.begin.run()
        switch try outsiders.look(rows, current: epoch) {
        case .nothing: return
        case .restored:
            var random = SystemRandomNumberGenerator()
            current.change(to: Name.random(using: &random))
            try rows.setEpoch(epoch)
        case .epochDue: try rows.setEpoch(epoch)
        case .replaced:
            throw StoreError(
                .unavailable,
                "\(connection.path) holds a database of another kind or version now: "
                    + "nothing is written until the server is restarted")
        }
    }

    public func savepoint() throws(StoreError) {
        try statements.savepoint.run()
        rows.savepoint()
    }

    public func releaseSavepoint() throws(StoreError) { try statements.release.run() }

    public func rollbackToSavepoint() throws(StoreError) {
        try statements.rollbackTo.run()
        try statements.release.run()
        rows.returnToSavepoint()
    }

    public func proveWritable() throws(StoreError) {
        try begin()
        try rows.setEpoch(epoch)
        try commit()
    }

    public func commit() throws(StoreError) {
        try rows.finish()
        try statements.commit.run()
        outsiders.committed()
    }

    public func rollback() {
        rows.discard()
        // SQLite may have rolled back by itself; then there is nothing to leave.
        guard sqlite3_get_autocommit(connection.raw) == 0 else { return }
        sqlite3_exec(connection.raw, "ROLLBACK", nil, nil, nil)
    }
}

/// Reads the same file from another thread, on a connection of its own.
final class SQLiteReader: SyncReader, RowSource {
    let log: LogRows
    private let begin: Statement
    private let end: Statement

    init(path: String, epoch: CurrentEpoch) throws(StoreError) {
        let connection = try Connection(path, as: .reader)
        log = try LogRows(connection, epoch: epoch)
        begin = try Statement(connection, "BEGIN")
        end = try Statement(connection, "ROLLBACK")
    }

    /// The view begins with the first read behind it, which is later still: nothing is missed.
    func beginReading() throws(StoreError) {
        log.forget()
        try begin.run()
    }
    func beginReading(of scope: Name) throws(StoreError) { try beginReading() }

    func endReading() {
        log.forget()
        do { try end.run() } catch {
            // There is no transaction any more, which is what was wanted.
        }
    }
}
