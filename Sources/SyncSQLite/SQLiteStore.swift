// Keeps Sync's rows in a commit journal and, behind it, in one SQLite file (engine.md, "Folding").
// A transaction lives in memory; its commit is one record in the journal. SQLite gets the rows of
// many commits at once, in a fold. The writer's connection is exclusive by DatabaseLock; readers
// have connections of their own and see what is folded.
//
//   begin ──► writes go to pending rows and to the redo record
//     ├─rollback──► taken back
//     └─commit────► journal: durable ──► the gate knows the scopes ──► the caller may answer
//   fold (between transactions): BEGIN ── rows, in slices ── COMMIT, no fsync ──► the gate opens
//   checkpointer (its own thread): WAL ──► file, fsync ──► the journal's space is free again
//
// When the disk is full or fails, commits throw `.unavailable` and reads go on; nothing needs to be
// opened again when there is space: the next transaction simply works.

import CSQLite
import Logging
import MizuBytes
import MizuEventLoop
import MizuSync

/// The store of one database file. Confined to the committer's thread once it is there.
public final class SQLiteStore: SyncStore {
    /// Bytes of redo records that may wait for SQLite; beyond it commits are `.unavailable`.
    static let pendingBytesMax = 16 << 20

    public let salt: UInt64
    let rows: SQLiteRows
    let statements: TransactionStatements
    let connection: Connection
    let current: CurrentEpoch
    let gate: FoldGate
    let files: DatabaseFiles
    let logger: Logger
    let journal: CommitJournal
    public var lastSyncNanoseconds: UInt64 { journal.lastSyncNanoseconds }
    let meter: WALMeter
    let checkpointer: Checkpointer
    let checkpointView: CheckpointView
    /// Of the database.
    let inode: UInt64

    private var names: NameWatch
    var outsiders: OutsideWrites
    // Both are in each mutation's way several times (`PendingScope` says why that is sound).
    @exclusivity(unchecked) var pending = PendingRows()
    @exclusivity(unchecked) var redo = RedoWriter()
    /// Where the savepoint is.
    @exclusivity(unchecked) private var saved: (pending: Int, redo: RedoWriter.Mark)?
    /// The fold that is under way; SQLite's transaction is open then.
    var fold: Fold?
    /// Since when another program keeps folds from the database; nil where none does.
    var lockedSince: Instant?
    /// The newest commit whose rows are in SQLite.
    var foldedSequence: UInt64
    var checkpoints = CheckpointState()
    /// Where the committer waits for a checkpoint.
    var seat: Seat
    /// What is known of how many clients there are. Of no use where SQLite was changed by others.
    var clientCounts: [ClientGroup: Int] = [:]
    /// Nothing is known to be wrong with what is on the disk.
    private var isOpen = false
    // Behind the connection: fields die in order, and the lock must be the last to go.
    private let lock: DatabaseLock

    public var epoch: Name { current.value }

    /// Opens the file as its only writer, makes it and the directories above it where missing,
    /// folds what a crash left in the journal, and writes the new epoch.
    /// - Parameter epoch: fresh and random for each opening.
    /// - Throws: one line for people that says what to do.
    public convenience init(path: String, epoch: Name, logger: Logger) throws(StoreError) {
        try self.init(path: path, epoch: epoch, logger: logger, as: .server)
    }

    /// The same for tools that know of marks.
    package init(
        path: String, epoch: Name, logger: Logger, as opener: StoreOpener
    ) throws(StoreError) {
        let lock = try DatabaseLock(forDatabase: path)
        let connection = try Connection(lock.path, as: .writer)
        try Schema.prepare(connection, logger: logger)
        if case .server = opener { try DatabaseMark.demandNone(connection) }
        // Not before it is known that the file is a database of ours.
        for name in lock.closeToOthers() {
            logger.notice("\(name) was open to every user of the machine: it is closed to them")
        }
        inode = DatabaseFiles.inode(of: lock.path) ?? 0
        current = CurrentEpoch(epoch)
        rows = try SQLiteRows(connection, epoch: current)
        meter = WALMeter(connection)
        journal = try Self.openJournal(
            of: rows, connection, inode: inode, logger: logger)
        foldedSequence = try rows.foldedSequence()
        salt = try Schema.salt(connection)
        statements = try TransactionStatements(connection)
        outsiders = try OutsideWrites(connection)
        let gate = FoldGate()
        self.gate = gate
        let seat = try Seat()
        checkpointer = try Checkpointer(lock.path) { [mailbox = seat.mailbox] in
            mailbox.post(())
            gate.ring()
        }
        self.seat = seat
        checkpointView = try CheckpointView(lock.path)
        self.connection = connection
        self.logger = logger
        // The WAL is there as soon as something was written.
        files = DatabaseFiles(lock.path, descriptor: lock.database)
        names = NameWatch(folderOf: lock.path)
        self.lock = lock
        try replay()
        try beginLife(in: epoch)
        isOpen = true
        logger.debug(
            "database opened", metadata: ["path": "\(path)", "epoch": "\(epoch)"])
    }

    deinit {
        checkpointer.stop()
        collectLastCheckpoint()
        // What was refused stays as it is.
        if isOpen { endLife() }
        guard checkpoints.isSuspect else { return }
        // SQLite would copy it into the file. The next opening writes it again first.
        connection.keepWAL()
        checkpointView.keepWAL()
    }

    public func diskSpace() -> DiskSpace? {
        var (free, total) = (Int64(0), Int64(0))
        guard csqlite_disk_space(connection.path, &free, &total) == 0 else { return nil }
        return DiskSpace(freeBytes: Int(free), totalBytes: Int(total))
    }

    public func makeReader() throws(StoreError) -> sending any SyncReader {
        try SQLiteReader(path: connection.path, epoch: current, gate: gate)
    }
}

// MARK: Transactions

extension SQLiteStore {
    /// Begins a transaction over the files that were opened. Where what was folded last is not in
    /// them any more, because a backup was put back, a new epoch begins: positions after what is
    /// lost must not be taken for positions in what will be written.
    public func begin() throws(StoreError) {
        let obstacle = names.obstacle(at: .now) { files.obstacle ?? journal.obstacle }
        if let obstacle { throw StoreError(.unavailable, obstacle) }
        collectCheckpoints()
        if pending.byteCount > Self.pendingBytesMax { try foldForRoom() }
        // One view for all that the transaction looks up, and one lock in place of one for each.
        try beginView()
    }

    public func savepoint() throws(StoreError) { saved = (pending.mark, redo.mark) }
    public func releaseSavepoint() throws(StoreError) { saved = nil }

    public func rollbackToSavepoint() throws(StoreError) {
        guard let saved = saved.take() else { return }
        pending.rollBack(to: saved.pending)
        redo.rollBack(to: saved.redo)
        clientCounts = [:]
    }

    public func commit() throws(StoreError) {
        endView()
        saved = nil
        guard pending.isTouched else { return rollback() }
        let record = redo.take()
        if !journal.canTake(byteCount: record.count) { try makeRoom(for: record) }
        let sequence = try journal.append([record])
        let scopes = pending.commit(as: sequence, byteCount: record.count)
        gate.enter(scopes, generation: pending.fresh.number)
        orderGrowth()
    }

    public func rollback() {
        endView()
        saved = nil
        // What was counted in the transaction may never have been.
        if pending.isTouched { clientCounts = [:] }
        pending.rollBack(to: 0)
        redo.removeAll()
    }

    /// Writes to both: to the journal, which is what a commit needs, and to SQLite.
    public func proveWritable() throws(StoreError) {
        try begin()
        endView()
        let proof = RedoWriter.nothing
        let sequence = try journal.append([proof])
        _ = pending.commit(as: sequence, byteCount: proof.count)
        try proveSQLite()
    }

    /// Ends the view that `begin` has opened; the transaction of a fold stays.
    func endView() {
        guard fold == nil, connection.isInTransaction else { return }
        do throws(StoreError) { try statements.endView.run() } catch {
            // SQLite has rolled back by itself, which is what was wanted.
        }
    }

    /// Writes a row and says so in the redo record.
    func write(_ change: RowChange) {
        pending.apply(change)
        redo.write(change)
    }
}

/// Reads the same file from another thread, on a connection of its own.
final class SQLiteReader: SyncReader, RowSource {
    let log: LogRows
    private let begin: Statement
    private let end: Statement
    private let gate: FoldGate
    private var seat: Seat

    init(path: String, epoch: CurrentEpoch, gate: FoldGate) throws(StoreError) {
        let connection = try Connection(path, as: .reader)
        log = try LogRows(connection, epoch: epoch)
        begin = try Statement(connection, "BEGIN")
        end = try Statement(connection, "ROLLBACK")
        self.gate = gate
        seat = try Seat()
    }

    /// The view begins with the first read behind it, which is later still: nothing is missed.
    func beginReading() throws(StoreError) {
        log.forget()
        try begin.run()
    }

    func beginReading(of scope: Name) throws(StoreError) {
        try gate.pass(scope, &seat)
        try beginReading()
    }

    func endReading() {
        log.forget()
        do { try end.run() } catch {
            // There is no transaction any more, which is what was wanted.
        }
    }
}
