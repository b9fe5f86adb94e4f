// When the committer folds, with a clock of the test's own.

import MizuEventLoop
import MizuSync
import Testing

@testable import MizuSyncService

@Suite("The pace of folds (engine.md, Folding)")
struct FoldPaceTests {
    private static func at(_ milliseconds: UInt64) -> Instant {
        Instant(nanoseconds: 1_000_000_000).adding(milliseconds: milliseconds)
    }

    @Test("who has nothing to fold does nothing, whatever else is said")
    func nothing() {
        var pace = FoldPace(lastCommit: Self.at(0))
        pace.committed(at: Self.at(0))
        pace.demanded()
        pace.failed(at: Self.at(0))
        #expect(pace.step(.nothing, at: Self.at(5_000)) == .nothing)
    }

    @Test("all is folded when nobody has pushed for a moment, or after a second")
    func idle() {
        var pace = FoldPace(lastCommit: Self.at(0))
        pace.committed(at: Self.at(0))
        #expect(pace.step(.whenIdle, at: Self.at(0)) == .wait(until: Self.at(50)))
        for time in stride(from: UInt64(20), through: 980, by: 20) {
            pace.committed(at: Self.at(time))
            let due = min(time + 50, 1_000)
            #expect(pace.step(.whenIdle, at: Self.at(time)) == .wait(until: Self.at(due)))
        }
        #expect(pace.step(.whenIdle, at: Self.at(1_000)) == .whole)
        #expect(pace.folded(leaving: .nothing, at: Self.at(1_000)) == .none)
        pace.committed(at: Self.at(1_000))
        #expect(pace.step(.whenIdle, at: Self.at(1_049)) == .wait(until: Self.at(1_050)))
        #expect(pace.step(.whenIdle, at: Self.at(1_050)) == .whole)
    }

    @Test("much is folded in slices, and at once where a reader waits")
    func demand() {
        var pace = FoldPace(lastCommit: Self.at(0))
        pace.committed(at: Self.at(0))
        #expect(pace.step(.now, at: Self.at(0)) == .slice)
        pace.demanded()
        #expect(pace.step(.now, at: Self.at(0)) == .whole)
        #expect(pace.step(.whenIdle, at: Self.at(0)) == .whole)
        #expect(pace.folded(leaving: .nothing, at: Self.at(0)) == .none)
        pace.committed(at: Self.at(1))
        #expect(pace.step(.whenIdle, at: Self.at(1)) == .wait(until: Self.at(51)))
    }

    @Test("a fold that failed or met another program is tried again after a while")
    func failure() {
        var pace = FoldPace(lastCommit: Self.at(0))
        pace.committed(at: Self.at(0))
        pace.demanded()
        pace.postponed(at: Self.at(0))
        #expect(pace.step(.now, at: Self.at(99)) == .wait(until: Self.at(100)))
        #expect(!pace.isFailing)
        #expect(pace.step(.now, at: Self.at(100)) == .whole)
        pace.failed(at: Self.at(100))
        #expect(pace.isFailing)
        #expect(pace.step(.now, at: Self.at(150)) == .wait(until: Self.at(200)))
        #expect(pace.step(.now, at: Self.at(200)) == .whole)
        #expect(pace.folded(leaving: .now, at: Self.at(200)) == .none)
        #expect(pace.folded(leaving: .nothing, at: Self.at(200)) == .recovered)
        #expect(!pace.isFailing)
    }

    @Test("what was committed while a fold went on is not older than the fold")
    func load() {
        var pace = FoldPace(lastCommit: Self.at(0))
        // Somebody pushes all the time, and something waits whenever it is looked.
        for time in stride(from: UInt64(0), through: 5_000, by: 10) {
            pace.committed(at: Self.at(time))
            guard pace.step(.whenIdle, at: Self.at(time)) == .whole else { continue }
            #expect(time % 1_000 == 0, "a fold at \(time) ms")
            #expect(pace.folded(leaving: .whenIdle, at: Self.at(time)) == .none)
        }
        // While slices go on, nothing is begun anew.
        pace.demanded()
        #expect(pace.folded(leaving: .now, at: Self.at(5_000)) == .none)
        #expect(pace.step(.now, at: Self.at(5_000)) == .whole)
    }
}
