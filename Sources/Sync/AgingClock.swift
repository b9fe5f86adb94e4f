// The time by which things grow old (protocol.md, "Push", what is kept how long): counted while the
// server runs, from a clock that nobody sets. The wall clock is asked once, when a store begins.
// So a clock that leaps by a year, in either direction and for however long, and a machine that
// boots in the past forget nothing; what a server does not live through does not age it.
// Reads no clock: readings are passed in.

/// Counts milliseconds that a store has lived through.
struct AgingClock {
    /// What the wall clock and a steady one say at one moment, in milliseconds.
    struct Reading {
        /// Since 1970.
        let wall: Int64
        /// Since anything; goes on evenly and is never set.
        let steady: Int64
    }

    /// A wall clock that is apart from the steady one by more is said to have leapt.
    static let leapMilliseconds: Int64 = 3_600_000
    /// The store's time, in milliseconds; beside others of the same store it says an age.
    private(set) var time: Int64
    private var last: Reading

    /// - Parameter kept: the time when the store was used last; nil for a new store, which begins
    ///   with the wall clock's.
    init(kept: Int64?, _ reading: Reading) {
        time = kept ?? reading.wall
        last = reading
    }

    /// Takes in what another process of the same store has counted.
    mutating func catchUp(with kept: Int64) { time = max(time, kept) }

    /// Goes on to now.
    /// - Returns: how far the wall clock has leapt since the last reading, in milliseconds; nil
    ///   where it went on like the steady one, but for an hour.
    mutating func advance(to reading: Reading) -> Int64? {
        let elapsed = max(0, reading.steady - last.steady)
        let leap = (reading.wall - last.wall) - elapsed
        time += elapsed
        last = reading
        return leap.magnitude > UInt64(Self.leapMilliseconds) ? leap : nil
    }
}
