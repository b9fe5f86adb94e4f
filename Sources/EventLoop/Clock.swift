// What time it is: the monotonic clock for deadlines, the wall clock for people and logs. The loop
// reads each once a tick and passes the value on, so that one tick sees one time.

import CLinux

/// A moment of CLOCK_MONOTONIC in nanoseconds (clock_gettime(2)).
public struct Instant: Comparable, Hashable, Sendable {
    public let nanoseconds: UInt64

    public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    public static var now: Instant { Instant(nanoseconds: cl_monotonic_ns()) }

    public static func < (left: Instant, right: Instant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// This moment and `milliseconds` later; saturates.
    public func adding(milliseconds: UInt64) -> Instant {
        let (product, high) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        let (sum, carry) = nanoseconds.addingReportingOverflow(product)
        return Instant(nanoseconds: high || carry ? .max : sum)
    }

    /// Milliseconds from `earlier` to this moment; 0 where `earlier` is later.
    public func milliseconds(since earlier: Instant) -> UInt64 {
        earlier.nanoseconds > nanoseconds ? 0 : (nanoseconds - earlier.nanoseconds) / 1_000_000
    }
}

public enum WallClock {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    public static var milliseconds: Int64 { cl_realtime_ms() }
}

public enum Randomness {
    /// `count` bytes from getrandom(2).
    public static func bytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            // With flags 0 getrandom fails only for a bad address, which this is not.
            _ = cl_random(buffer.baseAddress, count)
            initialized = count
        }
    }
}
