// Stops writing while there is still space, so that SQLite can finish what it has begun, other
// programs go on, and an operator can log in. Asks for the free space at most once a second. Pure:
// time and space are passed in.

import MizuEventLoop
import MizuSync

/// Whether the store's disk has room for another commit.
struct DiskFloor {
    /// Bytes that must be left; 0: nobody looks; nil: what the size of the disk suggests.
    let bytesMin: Int?
    private var nextLook: Instant?
    private var isBelow = false

    private static let lookMilliseconds: UInt64 = 1_000
    private static let usualBytesMin = 256 << 20
    /// Of a small disk the floor is this part.
    private static let smallDiskPart = 20

    init(bytesMin: Int?) { self.bytesMin = bytesMin }

    /// - Parameter space: nil where that is not known, which is taken for enough.
    mutating func isBelow(at now: Instant, space: () -> DiskSpace?) -> Bool {
        guard bytesMin != 0 else { return false }
        if let nextLook, now < nextLook { return isBelow }
        nextLook = now.adding(milliseconds: Self.lookMilliseconds)
        isBelow = space().map { $0.freeBytes < floor(of: $0) } ?? false
        return isBelow
    }

    private func floor(of disk: DiskSpace) -> Int {
        bytesMin ?? min(Self.usualBytesMin, disk.totalBytes / Self.smallDiskPart)
    }
}
