// Which checkpoint is under way, as a value: its owner orders, marks and releases. It knows neither
// the WAL nor the journal, only how far each step has come and when the next one may begin.
//
//     idle ──begin──► WAL synced ──► marked in the journal ──► copied ──end──► idle
//       ▲                 └────────────────── fail ──────────────┘
//       └──trust── what was written is written again ◄── suspect ◄┘

import MizuEventLoop

struct CheckpointState {
    private var order: (folded: UInt64, frames: Int)?
    private var isStopped = false
    /// A reader was in the way of the last one, or it failed.
    private(set) var isHeldUp = false
    /// The fold through which everything is in the WAL durably, as a checkpoint that was held up
    /// has shown; 0 where none was.
    private(set) var syncedThrough: UInt64 = 0
    /// A sync may have failed: neither the WAL nor what was copied is to be believed on the disk.
    private(set) var isSuspect = false
    /// What the last one has copied, of which the file may not have been synced.
    private(set) var backfill: WALBackfill?
    /// Not before then, after one that did not come to its end.
    private var pauseEnd = Instant(nanoseconds: 0)

    /// A reader that was in the way is often still there a moment later.
    private static let pauseMilliseconds: UInt64 = 100

    var isIdle: Bool { order == nil && !isStopped }
    var isUnderWay: Bool { order != nil }
    /// The fold that the checkpoint under way is of.
    var folded: UInt64? { order?.folded }

    func mayBegin(at now: Instant) -> Bool { now >= pauseEnd }

    mutating func begin(through folded: UInt64, frames: Int) {
        order = (folded, frames)
        isHeldUp = false
    }

    /// The WAL was synced, and `frames` of it were copied.
    /// - Returns: the fold through which everything is in the file; nil where a reader was in the
    ///   way.
    mutating func end(copied frames: Int, at now: Instant) -> UInt64? {
        guard let order = order.take() else { return nil }
        isHeldUp = frames < order.frames
        guard isHeldUp else { return order.folded }
        syncedThrough = order.folded
        pauseEnd = now.adding(milliseconds: Self.pauseMilliseconds)
        return nil
    }

    /// Nothing is known to be on the disk.
    mutating func fail(at now: Instant) {
        order = nil
        isHeldUp = true
        isSuspect = true
        pauseEnd = now.adding(milliseconds: Self.pauseMilliseconds)
    }

    mutating func note(_ backfill: WALBackfill) { self.backfill = backfill }

    /// A sync has failed elsewhere.
    mutating func suspect() { isSuspect = true }

    /// What it may have lost was written again since.
    mutating func trust() { isSuspect = false }

    /// None will begin any more.
    mutating func stop() {
        order = nil
        isStopped = true
    }

    func hasNews(_ checkpointer: Checkpointer) -> Bool { isUnderWay && checkpointer.hasResults }
}
