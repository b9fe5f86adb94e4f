// What a node counts of the commits of others: what was worst lately, and how long a change took by
// the time that is written in it.

import MizuBytes
import MizuEventLoop
import MizuSync
import Testing

@testable import MizuSyncService

@Suite("Figures of the feed")
struct FeedCountersTests {
    private func moment(_ milliseconds: UInt64) -> Instant {
        Instant(nanoseconds: 0).adding(milliseconds: milliseconds)
    }

    @Test("the worst is remembered for one span at least, and for two at most")
    func worst() {
        var worst = WorstLately()
        #expect(worst.value(at: moment(1_000)) == 0)
        worst.saw(7, at: moment(1_500))
        worst.saw(3, at: moment(2_000))
        #expect(worst.value(at: moment(2_000)) == 7)
        #expect(worst.value(at: moment(6_500)) == 7)
        worst.saw(4, at: moment(7_000))
        #expect(worst.value(at: moment(7_000)) == 7)
        #expect(worst.value(at: moment(11_900)) == 4)
        #expect(worst.value(at: moment(60_000)) == 0)
    }

    private func changes(_ text: String) -> CommittedChanges {
        CommittedChanges(
            scope: "list:1", base: Position(cursor: 0, epoch: "e"),
            head: Position(cursor: 1, epoch: "e"), bytes: ByteSlice(text),
            ends: [text.utf8.count], borders: [1])
    }

    @Test("a change is as late as its own time says, and one without a time is not counted")
    func delay() {
        let counters = FeedCounters()
        let time = RFC3339.text(millisecondsSince1970: Int(WallClock.milliseconds) - 3_000)
        counters.told(changes(#"{"id":"a","time":"\#(String(decoding: time, as: UTF8.self))"}"#))
        #expect(counters.figures.delay.counts.reduce(0, +) == 1)
        #expect(counters.figures.lagMilliseconds >= 3_000)
        #expect(counters.figures.delay.sum >= 3_000_000_000)
        for text in [#"{"id":"a"}"#, #"{"time":7}"#, #"{"time":"soon"}"#, "{}"] {
            counters.told(changes(text))
        }
        #expect(counters.figures.delay.counts.reduce(0, +) == 1)
        // The other machine's clock is ahead.
        counters.told(changes(#"{"time":"9999-12-31T23:59:59.999Z"}"#))
        #expect(counters.figures.delay.counts.reduce(0, +) == 2)
        #expect(counters.figures.delay.counts[0] == 1)
        // A time before all times is none that a sum could hold for long.
        counters.told(changes(#"{"time":"0001-01-01T00:00:00Z"}"#))
    }

    @Test("what was missing is told for a while, and news and gaps are counted")
    func counts() {
        let counters = FeedCounters()
        counters.received()
        counters.received()
        counters.foundGap()
        counters.found(behind: 0)
        counters.found(behind: 5)
        let figures = counters.figures
        #expect((figures.received, figures.gaps, figures.changesBehind) == (2, 1, 5))
    }
}
