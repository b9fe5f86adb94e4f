// Notices that the process did not run for a while: stopped by a signal, frozen in a container, in
// a virtual machine that slept, or kept from its cores. The monotonic clock went on meanwhile, so
// deadlines have passed that say nothing about the peers: what they sent waits in the kernel, and
// what they wanted to send found no room there. So after a late wake-up everything is read before
// anything is judged, and what has passed by then, or passes within a grace, is put off.
//
// A wait also ends early and empty, by a signal (EINTR); a deadline that is due then is judged
// after one more look.
//
// Pure; the clock is passed in. It does not know how long the machine itself slept: the clock stood
// still then, and no deadline has passed.

import MizuEventLoop

struct PauseWatch {
    /// Later than this behind what was asked for is no slow tick any more.
    static let lateMilliseconds: UInt64 = 1_000
    /// How long deadlines are put off behind a pause.
    static let graceMilliseconds: UInt64 = 5_000

    /// The end of the last pause, or the beginning of all.
    private var listensSince: Instant
    private var graceEnds: Instant?

    init(_ now: Instant) { listensSince = now }

    enum Look: Equatable {
        /// What was found is all that there was to see.
        case enough
        /// Look once more, without waiting, before deadlines are judged.
        case again
    }

    /// A wait has ended.
    /// - Parameters:
    ///   - due: when it was to end at the latest; nil: nothing was due.
    ///   - isEmpty: it ended without an event, though it was to wait for one.
    @inline(__always)
    mutating func woke(at now: Instant, due: Instant?, isEmpty: Bool) -> Look {
        guard let due, now.milliseconds(since: due) > Self.lateMilliseconds else {
            return isEmpty ? .again : .enough
        }
        listensSince = now
        graceEnds = now.adding(milliseconds: Self.graceMilliseconds)
        return .again
    }

    /// Until when deadlines that pass now are put off; nil: they are judged.
    mutating func graceEnds(at now: Instant) -> Instant? {
        guard let graceEnds, now < graceEnds else {
            self.graceEnds = nil
            return nil
        }
        return graceEnds
    }

    /// How long silence can have been heard at most.
    func listeningMilliseconds(at now: Instant) -> UInt64 { now.milliseconds(since: listensSince) }
}
