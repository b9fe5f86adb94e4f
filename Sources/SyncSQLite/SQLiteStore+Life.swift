// From opening to the end: which journal belongs to the database, what a crash left in it, and the
// one file that a clean end leaves.
//
//   in the database:  journal identity, number of the last fold, whether the end was clean, and the
//                     inode of the file, by which a copy is known
//   opening:  journal ──replay──► pending ──fold──► SQLite; epoch written, "not ended" (fsync)
//   end:      fold, "ended" (fsync), WAL copied and removed, journal files removed

import CSQLite
import Logging
import MizuBytes
import MizuSync

extension SQLiteStore {
    /// Bytes of redo records that are gathered while a journal is replayed.
    private static let replayBytesMax = 8 << 20

    // MARK: Opening

    /// Opens the journal beside the database, or makes one where none is needed. A copy that was
    /// made of an open database (`.backup` of the sqlite3 shell) comes without one, and has
    /// everything up to its last fold; what came after it is in the journal of the original.
    static func openJournal(
        of rows: SQLiteRows, _ connection: Connection, inode: UInt64, logger: Logger
    ) throws(StoreError) -> CommitJournal {
        let known = try rows.journalIdentity()
        let ends = try connection.number("SELECT count(*) FROM settings WHERE key = 'ended'")
        let owner = try connection.text("SELECT value FROM settings WHERE key = 'inode'")
        let isCopy = owner != nil && owner != "\(inode)"
        let isAlone = JournalSegment.suffixes.allSatisfy {
            DatabaseFiles.inode(of: connection.path + $0) == nil
        }
        let needsNone = known == nil || ends > 0
        if !needsNone, isCopy, isAlone {
            logger.warning(
                """
                \(connection.path) is a copy of a database that was open: it begins with what had \
                been folded then, and a new epoch
                """)
        }
        // A copy without a journal gets one of its own: the original's must not be taken for it.
        let identity = isCopy && isAlone ? nil : known
        return try CommitJournal(
            openingBeside: connection.path,
            identity: identity ?? UInt64.random(in: 1...UInt64.max),
            foldedThrough: try rows.foldedSequence(),
            presence: needsNone || isCopy && isAlone ? .optional : .required, logger: logger)
    }

    /// Folds what the database does not have yet.
    func replay() throws(StoreError) {
        let folded = foldedSequence
        var count = 0
        try journal.replay(after: folded) { (sequence, payload) throws(StoreError) in
            count += 1
            try takeIn(payload, as: sequence, folded: folded)
            if pending.byteCount > Self.replayBytesMax { try foldWhole() }
        }
        try foldWhole()
        if count > 0 {
            logger.notice("\(count) commits of the journal were brought to the database")
        }
    }

    private func takeIn(
        _ payload: ByteSlice, as sequence: UInt64, folded: UInt64
    ) throws(StoreError) {
        let record: RedoRecord
        do throws(RedoDamage) {
            record = try RedoRecord(payload)
        } catch {
            throw StoreError(
                .unavailable,
                "\(connection.path): commit \(sequence) of its journal cannot be read "
                    + "(\(error.what) at byte \(error.offset)): put back a backup with "
                    + "`mizu sync restore`")
        }
        switch record {
        case .rows(let changes):
            for change in changes { pending.apply(change) }
        case .checkpoint(let through):
            // The file may have pages of what the WAL has lost.
            guard through <= folded else {
                throw StoreError(
                    .unavailable,
                    "\(connection.path) has the commits up to \(folded), and had those up to "
                        + "\(through): \(connection.path)-wal is damaged or missing, or the file "
                        + "is an older copy. Put back a backup with `mizu sync restore`")
            }
        }
        _ = pending.commit(as: sequence, byteCount: payload.count)
    }

    /// Writes the epoch and whose journal it is, durably and before the first change under it; that
    /// is the first proof that writing works, too.
    func beginLife(in epoch: Name) throws(StoreError) {
        try inTransaction { () throws(StoreError) in
            try rows.setEpoch(epoch)
            try rows.setJournal(identity: journal.identity, foldedSequence: foldedSequence)
            try connection.run("DELETE FROM settings WHERE key = 'ended'")
            try connection.run(
                "INSERT OR REPLACE INTO settings(key, value) VALUES('inode', '\(inode)')")
        }
        try connection.setDurability(.later)
        // From now on a lock of another program delays a fold, and nothing else.
        connection.setPatience(milliseconds: 0)
        orderCheckpoint()
    }

    /// A transaction of its own, durable on return where the connection is set to that.
    func inTransaction(_ body: () throws(StoreError) -> Void) throws(StoreError) {
        try statements.begin.run()
        do throws(StoreError) {
            try body()
            try rows.finish()
            try statements.commit.run()
        } catch {
            connection.rollBack()
            rows.discard()
            throw error
        }
    }

    // MARK: The end

    /// Leaves one file with everything, so that whoever copies it has a whole backup. A reader
    /// outside, or one that is stuck, may hold that up; then the WAL and the journal stay, and the
    /// next opening reads them.
    func endLife() {
        rollback()
        do throws(StoreError) {
            connection.setPatience(milliseconds: 1_000)
            try foldWhole()
            gate.fail(.forGood)
            try connection.setDurability(.now)
            try mend()
            try connection.syncWAL()
            _ = try journal.append(
                [RedoWriter.checkpoint(through: foldedSequence)], as: .control)
            guard copyWAL() else { return sayWALStays() }
            guard files.obstacle == nil, journal.obstacle == nil else { return }
            try inTransaction { () throws(StoreError) in
                try connection.run(
                    "INSERT OR REPLACE INTO settings(key, value) VALUES('ended', x'01')")
            }
            guard copyWAL() else { return sayWALStays() }
            try journal.removeFiles()
        } catch {
            gate.fail(.forGood)
            logger.warning(
                """
                the database is not closed cleanly: \(error.message). The next start reads its \
                journal
                """)
        }
    }

    /// - Returns: false where somebody reads it, or the disk fails.
    private func copyWAL() -> Bool {
        if connection.checkpoint(waitMilliseconds: 1_000) { return true }
        if !connection.isLockedByOthers { checkpoints.suspect() }
        return false
    }

    private func sayWALStays() {
        logger.warning(
            """
            \(connection.path)-wal is in use by another program and stays: it belongs to the \
            file, as \(connection.path)-commits0 and 1 do
            """)
    }
}
