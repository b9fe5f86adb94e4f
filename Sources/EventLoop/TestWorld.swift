// What the threads of an app under test have in place of the machine's clocks and of its random
// numbers. A thread is in a world or in none; threads that it starts are in the same one, so all of
// an app is: its worker, its committer, its readers. Threads and tasks of others are in none.
//
// In debug builds alone: nothing that serves people asks what time a test says it is, or draws a
// token that a test could know.

#if DEBUG
    import CLinux
    import Synchronization

    /// A clock that stands still until it is moved, and random numbers that follow from a seed
    /// (SplitMix64; Steele, Lea, Flood 2014). Any thread.
    public final class TestWorld: Sendable {
        public let clock: ManualClock
        private let state: Mutex<UInt64>

        public init(clock: ManualClock, seed: UInt64) {
            self.clock = clock
            state = Mutex(seed)
        }

        /// The world of the calling thread.
        public static var current: TestWorld? {
            cl_thread_world().map { Unmanaged<TestWorld>.fromOpaque($0).takeUnretainedValue() }
        }

        /// Runs `body` in this world, and what it starts.
        public func run<R>(_ body: () throws -> R) rethrows -> R {
            let before = cl_thread_world()
            cl_set_thread_world(Unmanaged.passUnretained(self).toOpaque())
            defer { cl_set_thread_world(before) }
            return try withExtendedLifetime(self) { try body() }
        }

        /// Runs `body` in no world: by the machine's clock.
        public static func leave<R>(_ body: () throws -> R) rethrows -> R {
            let before = cl_thread_world()
            cl_set_thread_world(nil)
            defer { cl_set_thread_world(before) }
            return try body()
        }

        public func next() -> UInt64 {
            state.withLock { state in
                state &+= 0x9E37_79B9_7F4A_7C15
                var mixed = state
                mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
                mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
                return mixed ^ (mixed >> 31)
            }
        }

        func bytes(_ count: Int) -> [UInt8] {
            (0..<count).map { _ in UInt8(truncatingIfNeeded: next() >> 32) }
        }
    }
#endif
