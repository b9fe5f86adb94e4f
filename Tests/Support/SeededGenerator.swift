// Random numbers that follow from a seed, so that a failure comes back with its seed: SplitMix64
// (Steele, Lea, Flood 2014), the same numbers on every machine. For all tests; a value, one owner.

/// Numbers that follow from a seed.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to and without `bound`; 0 if `bound` is below 2. By the remainder, so
    /// that it costs one call of `next` whatever the bound.
    public mutating func next(below bound: Int) -> Int {
        Int(truncatingIfNeeded: next() % UInt64(max(1, bound)))
    }
}
