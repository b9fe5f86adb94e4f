// What a committer counts: its batches, how large they are and how long they take, and how long the
// disk took of that. Words of the committer's thread alone (`CounterWords` has the proof); a scrape
// reads them. A node with several committers has one of these for each.

import MizuEventLoop
import MizuMetrics
import MizuSync

/// The words of one committer. Its thread writes, any thread reads.
final class CommitCounters: Sendable {
    private enum Word: Int, CaseIterable {
        case pushes, refusedPushes, commits, conflicts
    }

    private static var mutations: Int { Word.allCases.count }
    private static var seconds: Int { mutations + HistogramBounds.counts.wordCount }
    private static var syncSeconds: Int { seconds + HistogramBounds.seconds.wordCount }
    private static var wordCount: Int { syncSeconds + HistogramBounds.seconds.wordCount }

    private let words = CounterWords(count: wordCount)

    /// A batch has been committed and handed on, or refused as a whole.
    /// - Parameters:
    ///   - moment: when it was begun.
    ///   - syncNanoseconds: how long the disk took to make it durable; 0: nothing was synced.
    ///   - conflicts: how often it was begun again.
    func committed(
        pushes: Int, mutations: Int, since moment: Instant, syncNanoseconds: UInt64,
        conflicts: Int
    ) {
        let writer = words.writer
        writer.add(pushes, to: Word.pushes.rawValue)
        writer.add(1, to: Word.commits.rawValue)
        writer.add(conflicts, to: Word.conflicts.rawValue)
        writer.record(UInt64(clamping: mutations), in: .counts, at: Self.mutations)
        let elapsed = Instant.now.nanoseconds &- moment.nanoseconds
        writer.record(elapsed, in: .seconds, at: Self.seconds)
        if syncNanoseconds > 0 {
            writer.record(syncNanoseconds, in: .seconds, at: Self.syncSeconds)
        }
    }

    /// Pushes were refused because the disk is full.
    func refused(pushes: Int) { words.writer.add(pushes, to: Word.refusedPushes.rawValue) }

    /// Adds what was counted to `figures`.
    func add(to figures: inout SyncFigures) {
        figures.pushes &+= words[Word.pushes.rawValue]
        figures.refusedPushes &+= words[Word.refusedPushes.rawValue]
        figures.commits.append(words[Word.commits.rawValue])
        figures.conflicts &+= words[Word.conflicts.rawValue]
        figures.mutations.add(words, at: Self.mutations)
        figures.commitSeconds.add(words, at: Self.seconds)
        figures.syncSeconds.add(words, at: Self.syncSeconds)
    }
}

/// What a sync service has done and holds, at one moment, more or less.
package struct SyncFigures: Sendable {
    package var pushes: UInt64 = 0
    package var refusedPushes: UInt64 = 0
    /// By committer.
    package var commits: [UInt64] = []
    /// Commits that were begun again.
    package var conflicts: UInt64 = 0
    /// Of each commit.
    package var mutations = HistogramSample(.counts)
    package var commitSeconds = HistogramSample(.seconds)
    package var syncSeconds = HistogramSample(.seconds)
    package var waitingMutations = 0
    package var waitingBytes = 0
    package var waitingReads = 0
    package var tailBytes = 0
    package var tailScopes = 0
    package var pageBytes = 0
    package var pageReads = 0
}

extension SyncService {
    /// What there is to say now. Any thread; takes each of the short locks once.
    package var figures: SyncFigures {
        var figures = SyncFigures()
        addCommits(to: &figures)
        figures.waitingReads = readers.waiting
        figures.tailBytes = tail.byteCount
        figures.tailScopes = tail.scopeCount
        figures.pageBytes = pages.byteCount
        figures.pageReads = pages.flightCount
        return figures
    }
}
