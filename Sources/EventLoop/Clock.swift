// What time it is: the monotonic clock for deadlines, the wall clock for people and logs. The loop
// reads each once a tick and passes the value on, so that one tick sees one time. A loop is given
// its `Clock`; a test gives it one that stands still until the test moves it.

import CLinux

#if DEBUG
    import Synchronization
#endif

/// A moment of CLOCK_MONOTONIC in nanoseconds (clock_gettime(2)).
public struct Instant: Comparable, Hashable, Sendable {
    public let nanoseconds: UInt64

    public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// This moment; in a test's world (`TestWorld`) that of its clock.
    public static var now: Instant {
        #if DEBUG
            if let clock = TestWorld.current?.clock { return clock.monotonic }
        #endif
        return machine
    }

    /// This moment by the machine's clock, whatever a test has set.
    public static var machine: Instant { Instant(nanoseconds: cl_monotonic_ns()) }

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
    /// Milliseconds since 1970-01-01T00:00:00Z; in a test's world (`TestWorld`) by its clock.
    public static var milliseconds: Int64 {
        #if DEBUG
            if let clock = TestWorld.current?.clock { return clock.wallMilliseconds }
        #endif
        return cl_realtime_ms()
    }
}

/// What the process has used of the machine's processors.
public enum ProcessorTime {
    /// Nanoseconds of all its threads so far, user and kernel. Any thread.
    public static var nanoseconds: UInt64 { cl_processor_ns() }
}

/// The source of a loop's time.
public enum Clock: Sendable {
    /// The machine's clocks.
    case system
    #if DEBUG
        /// A test's. In debug builds alone: a loop would ask at every look which clock it has.
        case manual(ManualClock)
    #endif

    /// The moment for deadlines.
    public var monotonic: Instant {
        switch self {
        case .system: .now
        #if DEBUG
            case .manual(let clock): clock.monotonic
        #endif
        }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    public var wallMilliseconds: Int64 {
        switch self {
        case .system: WallClock.milliseconds
        #if DEBUG
            case .manual(let clock): clock.wallMilliseconds
        #endif
        }
    }
}

#if DEBUG
    /// A clock that stands still until it is moved. Any thread may read it; one moves it.
    public final class ManualClock: Sendable {
        private let milliseconds = Atomic<UInt64>(0)
        /// Both clocks at the beginning. The monotonic one is in the past of no machine that runs
        /// tests, so a deadline of this clock is never due by the machine's.
        private static let monotonicStart = Instant(nanoseconds: 1 << 60)
        private let wallStartMilliseconds: Int64
        private let sleepers = Mutex<[@Sendable () -> Void]>([])

        /// - Parameter wallMilliseconds: the time of day at the beginning; by default the first
        ///   second of 2026.
        public init(wallMilliseconds: Int64 = 1_767_225_600_000) {
            wallStartMilliseconds = wallMilliseconds
        }

        public var monotonic: Instant {
            Self.monotonicStart.adding(milliseconds: elapsedMilliseconds)
        }

        public var wallMilliseconds: Int64 {
            wallStartMilliseconds &+ Int64(clamping: elapsedMilliseconds)
        }

        /// How far it was moved since the beginning.
        public var elapsedMilliseconds: UInt64 { milliseconds.load(ordering: .acquiring) }

        /// Moves both clocks on, and wakes who waits for a moment of theirs.
        public func advance(milliseconds count: UInt64) {
            milliseconds.wrappingAdd(count, ordering: .acquiringAndReleasing)
            for wake in sleepers.withLock({ $0 }) { wake() }
        }

        /// Calls `wake` after each `advance`, on the thread that moves the clock.
        func onAdvance(_ wake: @escaping @Sendable () -> Void) {
            sleepers.withLock { $0.append(wake) }
        }
    }
#endif
