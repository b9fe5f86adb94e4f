// What a node counts of the commits of other processes, as they reach it: by news, or by a look at
// the store. Words of the news' thread alone (`CounterWords` has the proof) and a few values that
// it leaves for whoever makes a report. Decides nothing.
//
// How long a change took is told by the time that the commit has written into it, so the clocks of
// both machines are in it: where they differ, so does the figure.

import MizuBytes
import MizuEventLoop
import MizuMetrics
import MizuSync
import Synchronization

/// The largest of what was seen lately: in this span of five seconds and the one before. A value.
struct WorstLately: Sendable {
    static let spanMilliseconds: UInt64 = 5_000

    private var ends = Instant(nanoseconds: 0)
    private var now = 0
    private var before = 0

    private mutating func turn(at moment: Instant) {
        guard moment >= ends else { return }
        let isLongAgo = moment.milliseconds(since: ends) >= Self.spanMilliseconds
        (before, now) = (isLongAgo ? 0 : now, 0)
        ends = moment.adding(milliseconds: Self.spanMilliseconds)
    }

    mutating func saw(_ value: Int, at moment: Instant) {
        turn(at: moment)
        now = max(now, value)
    }

    /// 0 where nothing was seen.
    mutating func value(at moment: Instant) -> Int {
        turn(at: moment)
        return max(now, before)
    }
}

/// The words and values of one node. The news' thread writes, any thread reads.
final class FeedCounters: Sendable {
    private enum Word: Int, CaseIterable {
        case received, gaps
    }

    private struct Lately {
        var lagMilliseconds = WorstLately()
        var behind = WorstLately()
        /// Of the last look at the store after which nothing was missing.
        var complete = Instant.now
    }

    private static var delays: Int { Word.allCases.count }

    private let words = CounterWords(count: delays + HistogramBounds.seconds.wordCount)
    private let lately = Mutex(Lately())

    /// News of another process has come.
    func received() { words.writer.add(1, to: Word.received.rawValue) }

    /// What has come begins behind what was known.
    func foundGap() { words.writer.add(1, to: Word.gaps.rawValue) }

    /// Changes of another process are on their way to the sockets.
    func told(_ changes: CommittedChanges) {
        guard let committed = changes.firstMilliseconds else { return }
        let delay = max(0, Int(WallClock.milliseconds) &- committed)
        let (nanoseconds, isTooMuch) = UInt64(delay).multipliedReportingOverflow(by: 1_000_000)
        guard !isTooMuch else { return }
        words.writer.record(nanoseconds, in: .seconds, at: Self.delays)
        lately.withLock { $0.lagMilliseconds.saw(delay, at: .now) }
    }

    /// A look at the store has shown so many changes that were not known.
    func found(behind count: Int) {
        guard count > 0 else { return }
        lately.withLock { $0.behind.saw(count, at: .now) }
    }

    /// All scopes that are followed were looked at since `moment`, and what was missing was told.
    func completed(_ moment: Instant) { lately.withLock { $0.complete = moment } }

    /// What there is to say now, without what others count.
    var figures: FeedFigures {
        var figures = FeedFigures()
        figures.received = words[Word.received.rawValue]
        figures.gaps = words[Word.gaps.rawValue]
        figures.delay.add(words, at: Self.delays)
        lately.withLock { lately in
            let now = Instant.now
            figures.lagMilliseconds = lately.lagMilliseconds.value(at: now)
            figures.changesBehind = lately.behind.value(at: now)
            figures.incompleteMilliseconds = Int(clamping: now.milliseconds(since: lately.complete))
        }
        return figures
    }
}

/// How a node fares with the commits of others, at one moment.
package struct FeedFigures: Sendable {
    package var received: UInt64 = 0
    package var gaps: UInt64 = 0
    /// Times that the log was read because something was missing.
    package var catchUps = 0
    /// From a commit elsewhere to the mail for the sockets here.
    package var delay = HistogramSample(.seconds)
    /// The worst of it in the last five to ten seconds.
    package var lagMilliseconds = 0
    /// Changes that a look at the store has shown and nobody had told, the most of one look in the
    /// last five to ten seconds.
    package var changesBehind = 0
    /// Since the last look at all scopes that are followed.
    package var incompleteMilliseconds = 0
    /// Scopes that are followed.
    package var scopes = 0
    /// Questions for the ends of logs, and requests that waited for one.
    package var indexQueries = 0
    package var indexRequests = 0
}

extension CommittedChanges {
    /// When the first of them was committed, in milliseconds since 1970, as it says itself.
    fileprivate var firstMilliseconds: Int? {
        guard let end = ends.first, end <= bytes.count,
            let time = (try? JSON.parse(bytes[0..<end]))?.member("time")?.string
        else { return nil }
        var text = time
        return text.withUTF8 { RFC3339.milliseconds(UnsafeRawBufferPointer($0)) }
    }
}
