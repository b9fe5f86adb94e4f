// A function that is called ever so often is called no deeper than at first.

import MizuEventLoop
import Synchronization
import Testing

@Suite("A place for a function")
struct FunctionSlotTests {
    @Test("it holds the one that was set last")
    func last() {
        let slot = FunctionSlot<Int, String>()
        #expect(slot.function == nil)
        slot.set { "one of \($0)" }
        slot.set { "two of \($0)" }
        #expect(slot.function?(7) == "two of 7")
    }

    @Test("after a hundred thousand calls the next one needs no more stack")
    func depth() throws {
        let slot = FunctionSlot<Int, Void>()
        let places = Mutex<Set<UInt>>([])
        slot.set { _ in
            var here = 0
            let place = withUnsafePointer(to: &here) { UInt(bitPattern: $0) }
            places.withLock { _ = $0.insert(place) }
        }
        for number in 0..<100_000 { slot.function?(number) }
        // Wrapped once more by each call they would be ten megabytes apart, if the stack had them.
        // The address sanitizer lays variables into a megabyte of its own.
        let seen = places.withLock { $0 }
        let (low, high) = (try #require(seen.min()), try #require(seen.max()))
        #expect(high - low < 2 << 20)
    }
}
