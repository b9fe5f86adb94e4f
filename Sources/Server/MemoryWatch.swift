// What a worker does as the process's memory fills (`MemoryLedger`). Pure; the clock is passed in.
//
//            ≤ soft mark            > soft mark, or > resume mark while held back
//   open ───────────────► open      open ──────► held back: large bodies are not read on
//                                   held back, for longer than patience: the worst end
//   any ──> limit──► held back, and the worst end at once
//   held back ──≤ resume mark──► open: bodies go on
//
// Reading less costs honest peers nothing but time, so that comes first. But bodies that stand
// still hold what they have: without an end to patience a few silent ones would stop all others.

import MizuEventLoop

struct MemoryWatch {
    private var heldBackSince: Instant?

    var isHeldBack: Bool { heldBackSince != nil }

    enum Action: Equatable {
        case none
        /// Large bodies stand still; look again soon.
        case holdBack
        /// The same, and end the worst until so many bytes are left.
        case end(downTo: Int)
        /// Whoever stands still goes on.
        case goOn
    }

    mutating func step(_ bytes: Int, _ limits: MemoryLimits, now: Instant) -> Action {
        guard let bytesMax = limits.bytesMax else { return .none }
        let mark = isHeldBack ? limits.resumeBytes : limits.softBytes
        guard bytes > mark else {
            guard isHeldBack else { return .none }
            heldBackSince = nil
            return .goOn
        }
        let since = heldBackSince ?? now
        heldBackSince = since
        if bytes > bytesMax { return .end(downTo: limits.softBytes) }
        return now.milliseconds(since: since) < limits.patienceMilliseconds
            ? .holdBack : .end(downTo: limits.resumeBytes)
    }
}
