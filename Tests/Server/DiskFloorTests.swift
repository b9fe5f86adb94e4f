// The space that must be left on the database's disk, with the space and the time passed in.

import MizuEventLoop
import MizuSync
import Testing

@testable import MizuSyncService

@Suite("The floor of free space")
struct DiskFloorTests {
    private static let start = Instant(nanoseconds: 1_000_000_000)

    private func isBelow(_ bytesMin: Int?, free: Int, total: Int) -> Bool {
        var floor = DiskFloor(bytesMin: bytesMin)
        return floor.isBelow(at: Self.start) { DiskSpace(freeBytes: free, totalBytes: total) }
    }

    @Test("by itself it is 256 MiB, and a twentieth of a small disk")
    func usual() {
        let mebibyte = 1 << 20
        #expect(isBelow(nil, free: 255 * mebibyte, total: 25_000 * mebibyte))
        #expect(!isBelow(nil, free: 256 * mebibyte, total: 25_000 * mebibyte))
        #expect(!isBelow(nil, free: 4 * mebibyte, total: 64 * mebibyte))
        #expect(isBelow(nil, free: 3 * mebibyte, total: 64 * mebibyte))
    }

    @Test("what an operator names holds on every disk, and 0 is no floor")
    func named() {
        #expect(isBelow(1_000, free: 999, total: 1_000))
        #expect(!isBelow(1_000, free: 1_000, total: 1_000))
        #expect(!isBelow(0, free: 0, total: 1_000))
    }

    @Test("the disk is asked once a second at most, and an unknown one is enough")
    func looks() {
        var floor = DiskFloor(bytesMin: 10)
        var asked = 0
        func look(after milliseconds: UInt64, free: Int?) -> Bool {
            floor.isBelow(at: Self.start.adding(milliseconds: milliseconds)) {
                asked += 1
                return free.map { DiskSpace(freeBytes: $0, totalBytes: 100) }
            }
        }
        #expect(look(after: 0, free: 9))
        #expect(look(after: 999, free: 50))
        #expect(asked == 1)
        #expect(!look(after: 1_000, free: 50))
        #expect(!look(after: 2_000, free: nil))
        #expect(asked == 3)
    }
}
