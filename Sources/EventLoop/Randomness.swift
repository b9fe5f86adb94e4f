// Random numbers of the kernel (getrandom(2)), which nobody can guess. In a test's world
// (`TestWorld`) they follow from a seed instead, so that a run comes back as it was; that is so in
// debug builds alone.

import CLinux

public enum Randomness {
    /// `count` bytes from getrandom(2).
    public static func bytes(_ count: Int) -> [UInt8] {
        #if DEBUG
            if let world = TestWorld.current { return world.bytes(count) }
        #endif
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            // With flags 0 getrandom fails only for a bad address, which this is not.
            _ = cl_random(buffer.baseAddress, count)
            initialized = count
        }
    }
}

/// The same as a generator: the system's, and a test's where there is one.
public struct RandomNumbers: RandomNumberGenerator, Sendable {
    private var system = SystemRandomNumberGenerator()

    public init() {}

    public mutating func next() -> UInt64 {
        #if DEBUG
            if let world = TestWorld.current { return world.next() }
        #endif
        return system.next()
    }
}
