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

    enum Standing: Equatable {
        case room
        case full
        /// The same, and this was not so when it was looked at before.
        case justFull
    }

    /// - Parameter free: bytes left; nil where that is not known, which is taken for enough.
    mutating func look(at now: Instant, free: () -> Int?) -> Standing {
        guard bytesMin > 0 else { return .room }
        if let nextLook, now < nextLook { return isBelow ? .full : .room }
        nextLook = now.adding(milliseconds: Self.lookMilliseconds)
        let wasBelow = isBelow
        isBelow = free().map { $0 < bytesMin } ?? false
        guard isBelow else { return .room }
        return wasBelow ? .full : .justFull
    }
}
