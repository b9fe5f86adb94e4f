// How fast a peer must go on: nothing is asked of it for a few seconds, and from then on so many
// bytes in each window. Bytes are counted when a window ends and never when they come, so a trickle
// stretches nothing and a fast transfer costs nothing. A stall after a good window ends with the
// next one. With 5 s, 10 s and 500 B/s who stops or trickles is gone after 15 to 25 s.
// Pure; the clock is passed in.

import MizuEventLoop

/// The pace that is asked for.
public struct TransferPace: Sendable, Equatable {
    /// Before the first window.
    public var graceMilliseconds: UInt64
    public var windowMilliseconds: UInt64
    /// Bytes a second, as the mean of a window.
    public var bytesPerSecondMin: Int

    public init(
        graceMilliseconds: UInt64 = 5_000, windowMilliseconds: UInt64 = 10_000,
        bytesPerSecondMin: Int = 500
    ) {
        self.graceMilliseconds = graceMilliseconds
        self.windowMilliseconds = windowMilliseconds
        self.bytesPerSecondMin = bytesPerSecondMin
    }

    /// Bytes that a window must bring.
    var windowBytesMin: Int {
        let milliseconds = Int(clamping: windowMilliseconds)
        let (product, high) = milliseconds.multipliedReportingOverflow(by: bytesPerSecondMin)
        return high ? .max : product / 1_000
    }
}

/// One transfer under way.
package struct TransferRate: Equatable {
    /// When the window under way ends: look again then.
    package private(set) var end: Instant
    /// Bytes at the beginning of that window.
    private var mark: Int

    package enum Verdict: Equatable { case goOn, tooSlow }

    /// - Parameter count: any number that grows by what is transferred.
    package init(_ count: Int, _ pace: TransferPace, now: Instant) {
        mark = count
        end = now.adding(milliseconds: pace.graceMilliseconds)
            .adding(milliseconds: pace.windowMilliseconds)
    }

    /// Judges the window that has ended and begins the next one. What came in the grace before the
    /// first window counts for that.
    /// - Parameter owed: what there was to transfer when the window began: all of it is enough.
    package mutating func windowEnded(
        _ count: Int, of owed: Int = .max, _ pace: TransferPace, now: Instant
    ) -> Verdict {
        let (bytes, isOver) = count.subtractingReportingOverflow(mark)
        guard isOver || bytes >= min(pace.windowBytesMin, owed) else { return .tooSlow }
        mark = count
        end = now.adding(milliseconds: pace.windowMilliseconds)
        return .goOn
    }
}
