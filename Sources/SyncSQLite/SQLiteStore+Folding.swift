// Folds: when one is due, one in slices, one as a whole; what other programs do to the database
// meanwhile; and the checkpoints behind them.

import Logging
import MizuBytes
import MizuEventLoop
import MizuSync

extension SQLiteStore {
    /// A fold is due from here on, whoever pushes.
    private static let dueBytes = 4 << 20
    private static let dueRows = 3 * 8_192
    private static let sliceMilliseconds: UInt64 = 2

    public func onFoldDemand(_ wake: @escaping @Sendable () -> Void) { gate.onDemand(wake) }

    public var foldNeed: FoldNeed {
        if checkpoints.hasNews(checkpointer) || isFoldDue { return .now }
        return pending.fresh.isEmpty ? .nothing : .whenIdle
    }

    /// Whether a fold is under way, or enough waits for one.
    private var isFoldDue: Bool {
        if fold != nil || pending.frozen != nil { return true }
        if pending.fresh.isEmpty || waitsForCopy { return false }
        return pending.fresh.byteCount >= Self.dueBytes || pending.fresh.rowCount >= Self.dueRows
            || (journal.needsRelease && !checkpoints.isUnderWay)
    }

    /// A WAL begins anew only if nothing comes behind what was copied: where it is long, a copy
    /// that is under way may come to its end first.
    private var waitsForCopy: Bool {
        checkpoints.isUnderWay && meter.frames >= Self.walFramesMax
            && pending.fresh.byteCount < Self.pendingBytesMax / 2
    }

    /// How long another program may have the database before that is an accident.
    private static let lockedMilliseconds: UInt64 = 1_000

    @discardableResult
    public func fold(_ extent: FoldExtent) throws(StoreError) -> FoldProgress {
        collectCheckpoints()
        do throws(StoreError) {
            switch extent {
            case .slice:
                // It may be news of a checkpoint alone that we were asked for.
                guard isFoldDue else { break }
                let deadline = Instant.now.adding(milliseconds: Self.sliceMilliseconds)
                try advanceFold(until: deadline)
            case .whole: try foldWhole()
            }
            lockedSince = nil
            return .made
        } catch {
            let since = lockedSince ?? Instant.now
            if connection.isLockedByOthers,
                Instant.now < since.adding(milliseconds: Self.lockedMilliseconds)
            {
                lockedSince = since
                return .postponed
            }
            gate.fail(.forNow)
            throw error
        }
    }

    /// Begins a fold, or goes on with it, and pauses at once: what a slice leaves under load.
    func pauseFold() throws(StoreError) { try advanceFold(until: Instant.now) }

    /// Folds all that is committed.
    func foldWhole() throws(StoreError) {
        // What was frozen before may be followed by more.
        while !pending.isEmpty { try advanceFold(until: nil) }
    }

    /// Sees to it that a commit finds room in the journal: load is ahead of the checkpoints, or a
    /// reader holds them up. What is committed is folded and copied; the transaction's own rows
    /// must not be among it, and come back from their redo record.
    func makeRoom(for record: ByteSlice) throws(StoreError) {
        let before = epoch
        pending.rollBack(to: 0)
        clientCounts = [:]
        try foldForRoom()
        guard epoch == before else {
            throw StoreError(.unavailable, "a backup was put back during a commit")
        }
        let deadline = Instant.now.adding(milliseconds: Self.roomMilliseconds)
        while !journal.canTake(byteCount: record.count), Instant.now < deadline {
            orderCheckpoint(.now)
            guard checkpoints.isUnderWay else { break }
            seat.wait(until: deadline)
            collectCheckpoints()
            if checkpoints.isHeldUp { break }
        }
        if !journal.canTake(byteCount: record.count) { releaseWhatWALHas() }
        do throws(RedoDamage) {
            guard case .rows(let changes) = try RedoRecord(record) else { return }
            for change in changes { pending.apply(change) }
        } catch {
            throw StoreError(.unavailable, "a commit cannot be read again: \(error.what)")
        }
    }

    /// A reader holds checkpoints up: what was folded is in the WAL durably, and that has to do. If
    /// it is damaged from now on, the journal cannot heal it; the next start finds that.
    private func releaseWhatWALHas() {
        guard checkpoints.isHeldUp, checkpoints.syncedThrough > 0 else { return }
        journal.release(through: checkpoints.syncedThrough)
        logger.warning(
            """
            a reader that does not end keeps the WAL from being copied: \(connection.path)-wal has \
            \(meter.frames) pages and grows
            """)
    }

    /// How long a commit waits for a checkpoint, where the journal is almost full.
    private static let roomMilliseconds: UInt64 = 2_000

    func foldForRoom() throws(StoreError) {
        do throws(StoreError) {
            try foldWhole()
        } catch {
            throw StoreError(
                .unavailable,
                "the database takes nothing, and \(pending.byteCount) bytes of commits wait for it:"
                    + " \(error.message)", cause: error.cause == .noSpace ? .noSpace : .foldsLag)
        }
    }

    /// Goes on with the fold, or begins one.
    private func advanceFold(until deadline: Instant?) throws(StoreError) {
        if fold == nil { try beginFold() }
        // Another state of the database may have taken the place of all that waited.
        guard var fold = self.fold.take(), let frozen = pending.frozen else { return }
        do throws(StoreError) {
            if case .paused = try fold.advance(rows, until: deadline) {
                self.fold = fold
                return
            }
            try rows.setFoldedSequence(frozen.lastSequence)
            try rows.finish()
            try statements.commit.run()
        } catch {
            // A COMMIT that begins the WAL anew syncs it.
            if !connection.isLockedByOthers { checkpoints.suspect() }
            connection.rollBack()
            rows.discard()
            throw error
        }
        foldedSequence = frozen.lastSequence
        pending.thaw()
        gate.fold(frozen.scopes.keys, generation: frozen.number)
        orderCheckpoint()
    }

    private func beginFold() throws(StoreError) {
        if let obstacle = files.obstacle { throw StoreError(.unavailable, obstacle) }
        try beginView()
        endView()
        if pending.isEmpty { return }
        try statements.begin.run()
        if pending.frozen == nil { pending.freeze() }
        if let frozen = pending.frozen { fold = Fold(frozen) }
    }

    func proveSQLite() throws(StoreError) {
        guard fold == nil else { return }
        try inTransaction { () throws(StoreError) in try rows.setEpoch(epoch) }
    }

    // MARK: Other programs

    /// Opens a view of the database, and takes in what another program has done to it since the
    /// last one. During a fold there is its transaction, and nobody else can write.
    func beginView() throws(StoreError) {
        guard fold == nil else { return }
        try statements.beginView.run()
        let finding: OutsideWrites.Finding
        do throws(StoreError) {
            finding = try outsiders.look(rows, current: epoch, folded: foldedSequence)
        } catch {
            endView()
            throw error
        }
        switch finding {
        case .nothing: return
        case .restored:
            endView()
            try takeInRestore()
            try statements.beginView.run()
        case .replaced:
            endView()
            throw StoreError(
                .unavailable,
                "\(connection.path) holds a database of another kind or version now: "
                    + "nothing is written until the server is restarted")
        }
    }

    /// An older state was put back: what waited for SQLite belongs to what is no more. The new
    /// epoch, and that the journal is of no use up to here, are durable on return.
    private func takeInRestore() throws(StoreError) {
        pending.removeAll()
        rows.discard()
        clientCounts = [:]
        gate.clear()
        var random = RandomNumbers()
        current.change(to: Name.random(using: &random))
        try connection.setDurability(.now)
        defer { try? connection.setDurability(.later) }
        connection.setPatience(milliseconds: 1_000)
        defer { connection.setPatience(milliseconds: 0) }
        try mend()
        try inTransaction { () throws(StoreError) in
            try rows.setEpoch(epoch)
            try rows.setJournal(
                identity: journal.identity, foldedSequence: journal.lastSequence)
            try connection.run("DELETE FROM settings WHERE key = 'ended'")
        }
        foldedSequence = journal.lastSequence
        journal.release(through: foldedSequence)
        outsiders.settled()
    }

    // MARK: Checkpoints

    /// Frames of the WAL from which on it is worth a checkpoint (4 MiB).
    private static let checkpointFrames = 1_000
    /// Frames from which on folds wait for a checkpoint that is under way (64 MiB).
    private static let walFramesMax = 16_000

    enum CheckpointUrgency { case usual, now }

    /// Has the WAL copied, where it is long or the journal needs the room; where a reader was in
    /// the way, not again at once unless that is urgent.
    func orderCheckpoint(_ urgency: CheckpointUrgency = .usual) {
        guard checkpoints.isIdle, meter.frames > 0,
            meter.frames >= Self.checkpointFrames || journal.needsRelease,
            urgency == .now || checkpoints.mayBegin(at: .now)
        else { return }
        do throws(StoreError) {
            try mend()
            try checkpointView.open()
        } catch {
            return logger.warning("no checkpoint can begin: \(error.message)")
        }
        checkpoints.begin(through: foldedSequence, frames: meter.frames)
        checkpointer.order(.sync)
    }

    /// Sees to it that the next sync says the truth, where one has failed. Outside of transactions.
    func mend() throws(StoreError) {
        guard checkpoints.isSuspect else { return }
        // One that is under way writes newer pages to the file: there is a later time for those.
        guard !checkpoints.isUnderWay else { return try connection.mend(nil) }
        try connection.mend(checkpoints.backfill)
        checkpoints.trust()
    }

    /// Takes in, at the end, what became of the checkpoint that was under way.
    func collectLastCheckpoint() {
        for result in checkpointer.takeResults() {
            switch result {
            case .copied(let backfill): checkpoints.note(backfill)
            case .failed: checkpoints.suspect()
            case .synced, .grown: break
            }
        }
        checkpointView.close()
        checkpoints.stop()
    }

    /// Takes in what the checkpointer has done. Outside of transactions.
    func collectCheckpoints() {
        for result in checkpointer.takeResults() {
            switch result {
            case .synced: markCheckpoint()
            case .copied(let backfill):
                checkpoints.note(backfill)
                checkpointView.close()
                if let folded = checkpoints.end(copied: backfill.frames, at: .now) {
                    journal.release(through: folded)
                }
            case .grown(let growth): journal.use(growth)
            case .failed(let message):
                checkpointView.close()
                checkpoints.fail(at: .now)
                logger.warning("the WAL could not be copied into the database: \(message)")
            }
        }
    }

    /// Says in the journal that pages of the WAL are copied into the file from now on. If the WAL
    /// is damaged afterwards, the file is no whole state any more, and the next start must know.
    private func markCheckpoint() {
        guard let through = checkpoints.folded else { return }
        do throws(StoreError) {
            let mark = RedoWriter.checkpoint(through: through)
            let sequence = try journal.append([mark], as: .control)
            _ = pending.commit(as: sequence, byteCount: mark.count)
            checkpointer.order(.copy)
        } catch {
            checkpointView.close()
            checkpoints.fail(at: .now)
            logger.warning("no checkpoint can begin: \(error.message)")
        }
    }

    /// Has a larger journal file made, if load needs one.
    func orderGrowth() {
        guard let growth = journal.takeGrowth(), growth.isAffordable else { return }
        checkpointer.order(.grow(growth))
    }
}
