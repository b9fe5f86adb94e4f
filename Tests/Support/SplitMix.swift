// Random numbers for tests: the same ones in every run, so that what failed once fails again.

/// Sebastiano Vigna's splitmix64.
public struct SplitMix: Sendable {
    private var state: UInt64

    public init(state: UInt64) { self.state = state }

    /// - Returns: a number from 0 up to `bound`, itself left out.
    public mutating func next(below bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return Int(truncatingIfNeeded: (mixed ^ mixed >> 31) % UInt64(max(1, bound)))
    }
}
