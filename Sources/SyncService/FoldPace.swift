// When the committer folds: between two batches where much waits, at once where a reader waits,
// else when nobody has pushed for a moment, and never later than a second after the commit, so that
// who opens the database with other tools finds what there is. Knows times only; its owner acts.

import MizuEventLoop
import MizuSync

/// Confined to the committer's thread.
struct FoldPace {
    /// Without a push for that long, all that waits is folded.
    static let idleMilliseconds: UInt64 = 50
    /// Nothing waits longer than that, however often somebody pushes.
    static let ageMilliseconds: UInt64 = 1_000
    /// A fold that failed is tried again after that.
    static let retryMilliseconds: UInt64 = 100

    enum Step: Equatable {
        case nothing
        /// Nothing before this time.
        case wait(until: Instant)
        case slice
        case whole
    }

    private var lastCommit: Instant
    /// Since when something waits; nil where nothing does.
    private var waitingSince: Instant?
    private var isDemanded = false
    /// None before this time: the last one failed, or was postponed.
    private var pause: Instant?
    /// The last fold has failed.
    private(set) var isFailing = false

    init(lastCommit: Instant = .now) { self.lastCommit = lastCommit }

    /// A batch was committed.
    mutating func committed(at now: Instant) {
        lastCommit = now
        if waitingSince == nil { waitingSince = now }
    }

    /// A reader waits.
    mutating func demanded() { isDemanded = true }

    enum News: Equatable { case none, recovered }

    /// Something was folded, or there was nothing; what the store needs now says what is left.
    /// Under load something always is: it was committed while the fold went on, and is young.
    /// - Returns: whether folds had failed before, and work again.
    mutating func folded(leaving need: FoldNeed, at now: Instant) -> News {
        guard need != .now else { return .none }
        let news: News = isFailing ? .recovered : .none
        self = FoldPace(lastCommit: lastCommit)
        if need != .nothing { waitingSince = now }
        return news
    }

    mutating func failed(at now: Instant) {
        isFailing = true
        postponed(at: now)
    }

    /// Another program is in the way.
    mutating func postponed(at now: Instant) {
        pause = now.adding(milliseconds: Self.retryMilliseconds)
    }

    /// What to do now, where the store says what it needs.
    func step(_ need: FoldNeed, at now: Instant) -> Step {
        guard need != .nothing else { return .nothing }
        if let pause, now < pause { return .wait(until: pause) }
        if isDemanded { return .whole }
        if need == .now { return .slice }
        let idle = lastCommit.adding(milliseconds: Self.idleMilliseconds)
        let old = (waitingSince ?? now).adding(milliseconds: Self.ageMilliseconds)
        let due = min(idle, old)
        return now >= due ? .whole : .wait(until: due)
    }
}
