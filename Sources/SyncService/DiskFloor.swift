// Stops writing while there is still space, so that SQLite can finish what it has begun, other
// programs go on, and an operator can log in. Asks for the free space at most once a second. Pure:
// time and space are passed in.

import MizuEventLoop

/// Whether the store's disk has room for another commit.
struct DiskFloor {
    /// Space that must be left; 0: nobody looks.
    let bytesMin: Int
    private var nextLook: Instant?
    private var isBelow = false

    private static let lookMilliseconds: UInt64 = 1_000

    init(bytesMin: Int) { self.bytesMin = bytesMin }

    /// - Parameter free: bytes left; nil where that is not known, which is taken for enough.
    mutating func isBelow(at now: Instant, free: () -> Int?) -> Bool {
        guard bytesMin > 0 else { return false }
        if let nextLook, now < nextLook { return isBelow }
        nextLook = now.adding(milliseconds: Self.lookMilliseconds)
        isBelow = free().map { $0 < bytesMin } ?? false
        return isBelow
    }
}
