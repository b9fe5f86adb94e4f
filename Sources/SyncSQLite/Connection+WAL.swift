// The WAL of a connection's database: how long it is, how far it is in the file, and what a COMMIT
// waits for.

import CSQLite
import Glibc
import MizuSync

extension Connection {
    /// What a COMMIT waits for.
    enum Durability {
        /// It is in the WAL, and on the disk with the next checkpoint: the commit journal has it.
        case later
        /// It is on the disk, and all that was committed before it.
        case now
    }

    func setDurability(_ durability: Durability) throws(StoreError) {
        switch durability {
        case .later: try run("PRAGMA synchronous=NORMAL")
        case .now: try run("PRAGMA synchronous=FULL")
        }
    }

    /// Waits until all of the WAL is on the disk. By a descriptor of its own: SQLite has no locks
    /// on this file that would go when it is closed.
    func syncWAL() throws(StoreError) {
        let name = path + "-wal"
        let file = open(name, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw Self.failure("open", name) }
        defer { close(file) }
        guard fdatasync(file) == 0 else { throw Self.failure("sync", name) }
    }

    /// Writes again what a sync that failed may have lost: the WAL, and what was copied of it into
    /// the file. Outside of transactions, while no checkpoint is under way.
    /// - Parameter backfill: what is in the file of the WAL, and may not have been synced.
    func mend(_ backfill: WALBackfill?) throws(StoreError) {
        // Nobody else writes then.
        try run("BEGIN IMMEDIATE")
        defer { rollBack() }
        let code = csqlite_mend(
            raw, backfill?.round ?? 0, UInt32(clamping: backfill?.frames ?? 0))
        guard code == SQLITE_OK else {
            throw StoreError(
                .unavailable,
                "\(path) cannot be written again after a sync that failed (SQLite \(code))")
        }
    }

    private static func failure(_ verb: StaticString, _ name: String) -> StoreError {
        StoreError(.unavailable, "cannot \(verb) \(name): \(String(cString: strerror(errno)))")
    }

    /// Copies the WAL into the file as far as no reader is in the way (sqlite.org/wal.html, §3.1:
    /// PASSIVE). While somebody has a view of it the WAL stays in its round.
    /// - Returns: how many of its frames are in the file now. SQLite syncs the file where those are
    ///   all; where more came meanwhile, the WAL has them until it has.
    func copyWAL() throws(StoreError) -> WALBackfill {
        var (all, copied) = (Int32(0), Int32(0))
        let code = sqlite3_wal_checkpoint_v2(raw, nil, SQLITE_CHECKPOINT_PASSIVE, &all, &copied)
        guard code == SQLITE_OK else { throw error(code) }
        var round: UInt64 = 0
        let hasRound = csqlite_wal_round(raw, &round) == SQLITE_OK
        return WALBackfill(frames: Int(max(0, copied)), round: hasRound ? round : 0)
    }

    /// Waits that long for a lock of another program, in each statement from now on.
    func setPatience(milliseconds: Int32) { sqlite3_busy_timeout(raw, milliseconds) }

    /// Whether the last statement has failed because another program has the database.
    var isLockedByOthers: Bool { sqlite3_errcode(raw) & 0xFF == SQLITE_BUSY }

    /// Leaves the transaction, whatever state it is in.
    func rollBack() {
        // SQLite may have rolled back by itself; then there is nothing to leave.
        guard isInTransaction else { return }
        sqlite3_exec(raw, "ROLLBACK", nil, nil, nil)
    }

    /// Whether a transaction is open.
    var isInTransaction: Bool { sqlite3_get_autocommit(raw) == 0 }

    /// Whether there is a WAL with something in it.
    var hasWAL: Bool { csqlite_file_size(path + "-wal") > 0 }

    /// Leaves the WAL as it is if this is the last connection that closes.
    func keepWAL() { csqlite_keep_wal(raw) }
}

/// How much of a WAL was copied into the database file.
struct WALBackfill: Sendable, Equatable {
    /// Its first frames.
    let frames: Int
    /// Which WAL it was: it begins anew with another number.
    let round: UInt64
}

/// A view of the database as it is with the last fold, held open during a checkpoint: SQLite copies
/// no frame behind the oldest view, so the checkpoint does not copy what later folds write.
/// Confined to the committer's thread.
final class CheckpointView {
    private let connection: Connection

    init(_ path: String) throws(StoreError) { connection = try Connection(path, as: .reader) }

    func open() throws(StoreError) {
        connection.rollBack()
        try connection.run("BEGIN")
        do throws(StoreError) {
            _ = try connection.number("SELECT folded FROM journal")
        } catch {
            connection.rollBack()
            throw error
        }
    }

    func close() { connection.rollBack() }

    func keepWAL() { connection.keepWAL() }
}

/// Counts the frames that a connection's commits have left in the WAL. Confined to its thread.
final class WALMeter {
    private let count = UnsafeMutablePointer<Int>.allocate(capacity: 1)
    private let connection: Connection

    /// Frames in the WAL with the last commit, 0 before the first.
    var frames: Int { count.pointee }

    /// Takes the place of SQLite's own checkpoints, which stand on the same hook.
    init(_ connection: Connection) {
        self.connection = connection
        count.initialize(to: 0)
        sqlite3_wal_hook(
            connection.raw,
            { context, _, _, frames in
                context?.assumingMemoryBound(to: Int.self).pointee = Int(frames)
                return SQLITE_OK
            }, count)
    }

    deinit {
        sqlite3_wal_hook(connection.raw, nil, nil)
        count.deallocate()
    }
}
