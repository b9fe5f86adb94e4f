// The latest changes of every scope, in memory, as the bytes that go out: a pull's page is a few
// slices of them; a delta is written once for all subscribers.
// Shared by all threads. It may know less than the store but never anything else: what it cannot
// decide it leaves to the store (`.askStore`), and that a cursor is ahead of the log it never says.
//
// The order that makes "one truth": the committer commits, appends to the tail, and only then lets
// any answer or message go. So whatever a peer can have seen, every worker's next look at the tail
// shows too.

import MizuBytes
import Synchronization

/// The tails of all scopes' logs, within one budget (`SyncLimits.tailBytesMax`) from which the
/// scope that was used longest ago falls out first. Thread-safe; holds its lock only while it
/// copies references, or joins small neighbours in `append`.
public final class LogTail: Sendable {
    private let limits: SyncLimits
    private let isShared: Bool
    private let table: Mutex<TailTable>

    /// - Parameter isShared: others write to the store, too. Then what is here may be behind, and
    ///   who answers from it asks the store first where the log ends (`learn`).
    public init(limits: SyncLimits, isShared: Bool = false) {
        self.limits = limits
        self.isShared = isShared
        table = Mutex(TailTable(limits: limits, isShared: isShared))
    }

    /// What the tail says to a pull.
    public enum PullAnswer: Sendable {
        case page(PullPage)
        case askStore
        case refused(Refusal)
    }

    /// What the tail says to a subscriber at a position.
    public enum Delta: Sendable {
        /// Nothing is new.
        case current
        /// All changes from `base` (exclusive) to `head`: comma-joined JSON, in slices. Ends where
        /// a mutation ends and is at most `SyncLimits.deltaBytesMax` long.
        case frame(base: Int, head: ScopeHead, [ByteSlice])
        /// More than that behind: send a poke.
        case tooFarBehind(head: ScopeHead)
        case askStore
        case refused(Refusal)
    }

    /// Bytes of memory that all tails hold. Any thread.
    public var byteCount: Int { table.withLock { $0.byteCount } }

    /// Scopes of which anything is known. Any thread.
    public var scopeCount: Int { table.withLock { $0.scopeCount } }

    /// A moment in the tail's life; see `learn`.
    public struct Moment: Hashable, Sendable {
        let evictions: Int
    }
}

// MARK: Writing

extension LogTail {
    /// Adds what a commit has made durable. Called on the committer's thread, after the commit and
    /// before any answer or message that comes of it is sent. What is known already is ignored;
    /// behind a gap the scope's tail begins anew.
    public func append(_ changes: CommittedChanges) {
        table.withLock { $0.append(changes) }
    }

    /// Takes in where a commit has brought an internal scope, which has no log. As `append`.
    public func note(_ internalHead: InternalHead) {
        table.withLock { $0.note(internalHead.head, of: internalHead.scope) }
    }

    /// Forgets all that is known: the store holds an older state now. What readers read before is
    /// not learned from any more.
    public func forgetAll() {
        table.withLock { $0.forgetAll() }
    }

    /// Now; to be asked before a store is read whose answer goes to `learn`.
    public func moment() -> Moment {
        table.withLock { Moment(evictions: $0.evictions) }
    }

    /// What the tail shows of a scope at one moment. Two that are equal had no commit to the scope
    /// between them that anybody was told of: a commit is here before it is answered, and shows as
    /// another end of the log, or as an eviction of it.
    public struct Sight: Hashable, Sendable {
        /// Where the log ends; nil if only the store knows.
        public let head: Position?
        private let appended: Position?
        /// How far anybody has seen the log.
        private let seen: Int?
        public let moment: Moment

        init(head: Position?, appended: Position?, seen: Int?, moment: Moment) {
            self.head = head
            self.appended = appended
            self.seen = seen
            self.moment = moment
        }
    }

    public func sight(of scope: Name) -> Sight {
        table.withLock { table in
            let tail = table.use(scope)
            return Sight(
                head: tail.flatMap { $0.isComplete ? $0.head : nil }, appended: tail?.head,
                seen: tail?.seen, moment: Moment(evictions: table.evictions))
        }
    }

    /// A position at or behind all that anybody was shown of the scope, as far as this process has
    /// learned of it: for who has asked the store and is to read from a copy that may be behind.
    /// Nil where only the store knows, and in a store that nobody else writes to.
    public func shown(_ scope: Name) -> Position? {
        guard isShared else { return nil }
        return table.withLock { $0.shown(scope) }
    }

    /// Takes in where a scope's log ends, as a reader found it. Any thread; to be called before
    /// anything goes out that a reader has read (a page, a snapshot, a head), for two reasons:
    /// the next pull at this head need not ask the store; and a reader may have seen a commit that
    /// is not appended here yet, so from now on the tail must not say that nothing is new.
    /// - Parameter moment: taken before the reader began. Were the scope written to *and* forgotten
    ///   in between, the reader's view would be too old; so after an eviction nothing new is begun.
    /// - Parameter page: the changes before `head` that were read with it, all of one epoch; in a
    ///   store that others write to they are kept, so that the next pull need not read them. Whose
    ///   grants they changed is to be known by then, as with `append`.
    public func learn(
        _ head: ScopeHead, of scope: Name, with page: CommittedChanges? = nil, since moment: Moment
    ) {
        table.withLock { $0.learn(head, of: scope, with: page, since: moment) }
    }

    /// Lets go what is known of a scope, in a store that others write to, if it ends before `head`:
    /// what is missing in between is not looked for any more, and until the tail begins there
    /// nobody can be answered from it, and no permission that stands on it is known to hold.
    /// - Parameter head: as a reader found it and `learn` was told.
    public func begin(_ scope: Name, anewAt head: ScopeHead) {
        table.withLock { $0.begin(scope, anewAt: head) }
    }
}

extension LogTail {
    /// Reads from a store, on a reader's thread, and learns what that shows of the scope's log
    /// before anything of it can go out: `moment`, `body`, `learn`, in the one right order.
    public func reading<R>(
        of scope: Name, from reader: any SyncReader,
        _ body: (any SyncReader) throws(StoreError) -> R
    ) throws(StoreError) -> R {
        let moment = moment()
        let result = try body(reader)
        // Asked for after the reading, so it covers all that was read.
        learn(try reader.head(of: scope), of: scope, since: moment)
        return result
    }
}

// MARK: Reading

extension LogTail {
    /// Where the scope's log ends, nil if only the store knows. Any thread.
    public func head(_ scope: Name) -> ScopeHead? {
        guard let tail = tail(of: scope), tail.isComplete else { return nil }
        return ScopeHead(tail.head, checksum: tail.checksum)
    }

    /// Answers a pull from memory. Any thread; O(segments + changes of the page).
    public func pull(_ request: PullRequest) -> PullAnswer {
        guard let tail = tail(of: request.scope) else { return .askStore }
        switch tail.check(cursor: request.cursor, epoch: request.epoch) {
        case .unknown: return .askStore
        case .epochChanged: return .refused(.epochChanged)
        case .known: break
        }
        var cut = PageCut(changesMax: request.limit, bytesMax: limits.pageBytesMax)
        var position = Position(
            cursor: request.cursor, epoch: tail.epoch(at: request.cursor) ?? tail.head.epoch)
        var changes: [ByteSlice] = []
        for segment in tail.segments(after: request.cursor) {
            let end = segment.cut(after: position.cursor, &cut)
            guard end > position.cursor else { break }
            if !changes.isEmpty { changes.append(PullPage.comma) }
            changes.append(segment.slice(after: position.cursor, through: end))
            position = Position(cursor: end, epoch: segment.head.epoch)
            guard end == segment.head.cursor else { break }
        }
        return .page(
            PullPage(
                changes: changes, position: position,
                rest: position.cursor < tail.head.cursor ? .more : .nothing(tail.checksum)))
    }

    /// What a subscriber at `position` has not seen. Any thread.
    public func delta(_ scope: Name, after position: Position) -> Delta {
        guard let tail = tail(of: scope) else { return .askStore }
        switch tail.check(cursor: position.cursor, epoch: position.epoch) {
        case .unknown: return .askStore
        case .epochChanged: return .refused(.epochChanged)
        case .known: break
        }
        guard position.cursor < tail.head.cursor else { return .current }
        let head = ScopeHead(tail.head, checksum: tail.checksum)
        var cursor = position.cursor
        var byteCount = 0
        var slices: [ByteSlice] = []
        for segment in tail.segments(after: cursor) {
            let slice = segment.slice(after: cursor, through: segment.head.cursor)
            if !slices.isEmpty { slices.append(PullPage.comma) }
            slices.append(slice)
            byteCount += slice.count + 1
            guard byteCount <= limits.deltaBytesMax else { return .tooFarBehind(head: head) }
            cursor = segment.head.cursor
        }
        return .frame(base: position.cursor, head: head, slices)
    }

    private func tail(of scope: Name) -> ScopeTail? {
        table.withLock { $0.use(scope) }
    }
}

extension LogTail {
    /// Whether the scope's log ends there, as far as anybody was told; false where only the store
    /// knows. Copies nothing. Any thread.
    public func ends(_ scope: Name, at position: Position) -> Bool {
        table.withLock { $0.ends(scope, at: position) }
    }

    /// Whether each change behind the position is here, up to the end of the log as far as anybody
    /// was told; false where only the store knows. Copies nothing. Any thread.
    public func covers(_ scope: Name, from position: Position) -> Bool {
        table.withLock { $0.covers(scope, from: position) }
    }
}
