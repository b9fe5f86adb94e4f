// Changes are gathered until they pause; the clock is passed in.

import MizuEventLoop
import Testing

@testable import MizuDev

@Suite("Debounce")
struct DebounceTests {
    private func at(_ milliseconds: UInt64) -> Instant {
        Instant(nanoseconds: 1_000_000_000).adding(milliseconds: milliseconds)
    }

    @Test("a change is due when it has been quiet for long enough, and not before")
    func quiet() {
        var debounce = Debounce(quiet: 20, longest: 200)
        #expect(debounce.due == nil)
        debounce.note(.page("a"), at: at(0))
        #expect(debounce.due == at(20))
        #expect(debounce.take(at: at(19)) == [])
        #expect(debounce.take(at: at(20)) == [.page("a")])
        #expect(debounce.due == nil)
        #expect(debounce.take(at: at(500)) == [])
    }

    @Test("each change puts it off, up to the longest time")
    func longest() {
        var debounce = Debounce(quiet: 20, longest: 50)
        for moment in stride(from: UInt64(0), through: 45, by: 15) {
            debounce.note(.source("\(moment)"), at: at(moment))
            #expect(debounce.take(at: at(moment)) == [])
        }
        #expect(debounce.due == at(50))
        #expect(debounce.take(at: at(50)).count == 4)
    }

    @Test("a change that comes twice is told once, in the order of first coming")
    func twice() {
        var debounce = Debounce(quiet: 10, longest: 100)
        for path in ["b", "a", "b", "c", "a"] { debounce.note(.page(path), at: at(1)) }
        #expect(debounce.take(at: at(11)) == [.page("b"), .page("a"), .page("c")])
    }

    @Test("what comes after a batch was taken begins one of its own")
    func next() {
        var debounce = Debounce(quiet: 10, longest: 30)
        debounce.note(.page("a"), at: at(0))
        #expect(debounce.take(at: at(10)) == [.page("a")])
        debounce.note(.page("b"), at: at(29))
        #expect(debounce.due == at(39))
    }
}
