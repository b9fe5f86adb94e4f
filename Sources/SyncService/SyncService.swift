// Joins Sync to the server: one store with its committer and reader threads, the tail that all
// workers read, and the hook that says who may what. `/_sync/*` (Endpoints) and `/ws` (LiveService)
// speak for it; apps use it through `Sync` in the Mizu room. Any thread.

import Logging
import MizuBytes
import MizuDoor
import MizuEventLoop
import MizuHTTP
import MizuMetrics
import MizuServer
import MizuSync
import Synchronization

/// What is done with the changes of a commit, and with the names of the framework's scopes on which
/// permissions stand and that it changed. On the committer's thread.
public typealias Publish = @Sendable ([CommittedChanges], [Name], inout MailBatch) -> Void

/// What is done with the answer to a push: it goes into the mail, beside those of the same commit.
public typealias PushReply = @Sendable (PushAnswer, inout MailBatch) -> Void

public final class SyncService: Sendable {
    public let limits: SyncLimits
    public let tail: LogTail
    let workers: Workers
    /// Who may what.
    let access: AccessControl
    /// How often an address and a user may ask, and how much; nil: as often as they like.
    let limiter: RateLimiter?
    package let logger: Logger
    let readLimits: ReadLimits
    /// What the store was asked for, for who asks the same.
    let pages: SharedPages
    /// Tells other processes that serve the store, and hears of them; nil where there are none.
    let storeNews: StoreNews?
    private let committers: Committers
    let readers: Readers
    let index: ReadIndex?
    /// What is shared of a store that others write to, too.
    let sharing: Sharing
    /// What it is called, without a password.
    package var place: String { sharing.place }
    /// What other parts of this node add to its metrics.
    package let metrics = MetricSources()
    /// What `/cluster` of the admin listener says of the nodes that share the store.
    package let nodes = ClusterReports()

    /// Starts the committer and the reader threads on `store`.
    /// - Parameters:
    ///   - store: taken over; closed by `stop`.
    ///   - roles: the app's; nil: no right is asked for in the transaction.
    ///   - system: the framework's own mutations; rooms above may add theirs later.
    ///   - reads: how many reads may wait, of whom and how long.
    ///   - authorize: who may what.
    ///   - limiter: asked for each message of a socket; pushes pay there for their mutations. The
    ///     server asks the same one for each request.
    ///   - publish: gets every commit's changes, and puts what it makes of them into the mail that
    ///     has the answers behind it: the seam by which topics are fed.
    ///   - onRestore: called on the committer's thread when a backup was put back into the open
    ///     database: subscribers stand at positions that are no more.
    ///   - sharing: what is needed where other processes write to the store, too.
    package static func start(
        _ store: sending any SyncStore, mutator: any Mutator, limits: SyncLimits,
        roles: Roles? = nil, system: SystemMutations = SystemMutations(),
        workers: Workers, logger: Logger, reads: ReadLimits = ReadLimits(),
        limiter: RateLimiter? = nil, authorize: AccessRule, sharing: Sharing = Sharing(),
        publish: @escaping Publish,
        onRestore: @escaping @Sendable () -> Void = {}
    ) throws(SyncStartError) -> SyncService {
        let isShared = store.isShared
        let tail = LogTail(limits: limits, isShared: isShared)
        let followed = FollowedScopes()
        let pages = SharedPages(byteCountMax: reads.pagesBytesMax)
        do {
            let readers = try Readers(reads, logger: logger)
            let index =
                isShared ? try ReadIndex(tail: tail, followed: followed, logger: logger) : nil
            let access = AccessControl(
                authorize, tail: tail, readers: readers, index: index, logger: logger)
            let storeNews =
                isShared
                ? try StoreNews(
                    carrier: sharing.carrier, times: sharing.times, followed: followed, tail: tail,
                    access: access, roles: roles, workers: workers, logger: logger,
                    publish: publish) : nil
            let count = isShared && sharing.another != nil ? max(1, sharing.committers) : 1
            let failing = FailingCommitters()
            let committers = Committers(
                try (0..<count).map { (number) throws(SystemError) in
                    try Committer(
                        workers: workers, tail: tail, pages: pages, access: access,
                        logger: logger, diskFreeBytesMin: limits.diskFreeBytesMin,
                        storeNews: storeNews, trims: number == 0, failing: failing,
                        publish: publish, onRestore: onRestore)
                })
            for index in 0..<readers.count {
                let reader = try store.makeReader()
                try readers.start(index, reader)
            }
            if let index {
                let reader = try store.makeReader()
                try index.start(reader)
            }
            if let storeNews {
                let reader = try store.makeReader()
                try storeNews.start(reader)
            }
            let parts = (mutator, limits, roles, system)
            for number in 1..<committers.all.count {
                guard let another = sharing.another else { break }
                try committers.all[number].start(Self.engine(try another(number), parts))
            }
            try committers.all[0].start(Self.engine(store, parts))
            return SyncService(
                limits: limits, tail: tail, workers: workers, access: access,
                limiter: limiter, logger: logger, readLimits: reads, pages: pages,
                storeNews: storeNews, committers: committers, readers: readers, index: index,
                sharing: sharing)
        } catch let error as StoreError {
            throw .store(error)
        } catch let error as SystemError {
            throw .system(error)
        } catch {
            preconditionFailure("neither the store's nor the kernel's error: \(error)")
        }
    }

    private static func engine(
        _ store: sending any SyncStore,
        _ parts: (any Mutator, SyncLimits, Roles?, SystemMutations)
    ) -> sending SyncEngine {
        SyncEngine(
            store: store, mutator: parts.0, limits: parts.1, roles: parts.2, system: parts.3,
            now: { WallClock.milliseconds },
            steady: { Int64(clamping: Instant.now.nanoseconds / 1_000_000) })
    }

    private init(
        limits: SyncLimits, tail: LogTail, workers: Workers, access: AccessControl,
        limiter: RateLimiter?, logger: Logger, readLimits: ReadLimits, pages: SharedPages,
        storeNews: StoreNews?, committers: Committers, readers: Readers, index: ReadIndex?,
        sharing: Sharing
    ) {
        self.limits = limits
        self.tail = tail
        self.workers = workers
        self.access = access
        self.limiter = limiter
        self.logger = logger
        self.readLimits = readLimits
        self.pages = pages
        self.storeNews = storeNews
        self.committers = committers
        self.readers = readers
        self.index = index
        self.sharing = sharing
    }

    func addCommits(to figures: inout SyncFigures) {
        for committer in committers.all { committer.add(to: &figures) }
    }

    // MARK: For every caller

    /// Why what is pushed cannot be written now; nil where it can. A shared store that cannot be
    /// read is none to write to, either.
    public var writeObstacle: WriteObstacle? {
        if workers.isDraining { return .draining }
        return committers.obstacle ?? (index?.isFailing == true ? .storageFailing : nil)
    }

    /// Commits `request`; `answer` is called once, on the committer's thread or at once. Also while
    /// the server drains: what has begun is to end.
    /// - Parameter byteCount: bytes that the request holds in memory while it waits.
    public func push(
        _ request: PushRequest, byteCount: Int, answer: @escaping PushReply
    ) {
        committers.of(request.scope).push(request, byteCount: byteCount, answer: answer)
    }

    /// Who asks for a read over HTTP.
    /// - Parameter watch: what the exchange's `Response.pending(watchedBy:)` is given; nil: the
    ///   answer is wanted in any case.
    public func asker(_ peer: PeerAddress, watchedBy watch: ExchangeWatch?) -> ReadAsker {
        ReadAsker(
            source: ReadSource(peer, exempt: readLimits.exempt), kind: .request, watch: watch)
    }

    /// The app's own code, for what it reads without a request. It is one source among the others.
    /// - Parameter watch: says when nobody waits for the answer any more.
    public func jobAsker(watchedBy watch: ExchangeWatch?) -> ReadAsker {
        ReadAsker(source: .jobs, kind: .socket, watch: watch)
    }

    /// The server itself, for what it reads on behalf of everybody.
    var ownAsker: ReadAsker { ReadAsker(source: .server, kind: .socket, watch: nil) }

    /// Answers with what `work` reads, on a reader's thread: `answer` gets its value, or why there
    /// is none. The reader is `work`'s during the call only.
    public func read<Value: Sendable>(
        for asker: ReadAsker, of scope: Name,
        _ work: @escaping @Sendable (any SyncReader, ReadCheck) throws(StoreError) -> Value,
        answer: @escaping @Sendable (Result<Value, Refusal>) -> Void
    ) {
        let logger = self.logger
        readers.read(for: asker, of: scope) { result in
            switch result {
            case .failure(let refusal): answer(.failure(refusal))
            case .success(let turn):
                do throws(StoreError) {
                    answer(.success(try work(turn.reader, turn.check)))
                } catch {
                    logger.error("the store cannot be read: \(error.message)")
                    answer(.failure(.unreadable))
                }
            }
        }
    }

    /// Answers with a page: one that holds, one that somebody makes, or one that is made for it, on
    /// a reader's thread. Whoever asks was admitted, so where others write to the store, too, it
    /// was asked where the scope ends.
    /// - Parameter answer: called once, on a reader's thread, or at once if too many reads wait.
    func read(
        _ page: PageRequest, for asker: ReadAsker, answer: @escaping SharedPages.Waiter
    ) {
        readers.read(for: asker, of: page.scope) { result in
            switch result {
            case .failure(let refusal): answer(.failure(refusal))
            case .success(let turn): self.take(page, from: turn.reader, answer: answer)
            }
        }
    }

    private func take(
        _ page: PageRequest, from reader: any SyncReader, answer: @escaping SharedPages.Waiter
    ) {
        // Somebody may have read it meanwhile.
        if isShared, case .changes(let request) = page, case .page(let found) = tail.pull(request) {
            return answer(.success(found.body))
        }
        let sight = tail.sight(of: page.scope)
        switch pages.join(page, sight, answer) {
        case .found(let body): answer(.success(body))
        case .wait: break
        case .lead(let flight):
            var (result, hold) = (SharedPages.Answer.failure(.unreadable), PageHold.never)
            do throws(StoreError) {
                (result, hold) = try make(page, from: reader, since: sight.moment)
            } catch {
                logger.error("the store cannot be read: \(error.message)")
            }
            let waiters = pages.end(flight, result, hold: hold)
            answer(result)
            for waiter in waiters { waiter(result) }
        }
    }

    private func make(
        _ page: PageRequest, from reader: any SyncReader, since moment: LogTail.Moment
    ) throws(StoreError) -> (SharedPages.Answer, PageHold) {
        switch page {
        case .changes(let request):
            let answer = try readChanges(
                request, from: reader, reaching: tail.shown(request.scope), since: moment)
            var hold = PageHold.never
            if case .success(let changes) = answer, changes.rest == .more { hold = .always }
            return (answer.map(\.body), hold)
        case .records(let request):
            let read = try reader.read(
                request, limits: limits, reaching: tail.shown(request.scope))
            tail.learn(read.head, of: request.scope, since: moment)
            // A refusal is about the log's beginning, and does not hold.
            return (read.answer, .at(read.head.position))
        }
    }

    /// Finishes what was pushed and closes the store. Call it when the workers have ended.
    public func stop() {
        readers.stop()
        committers.stop()
        storeNews?.stop()
        index?.stop()
    }
}

/// Why Sync did not start.
public enum SyncStartError: Error, CustomStringConvertible {
    case store(StoreError)
    case system(SystemError)

    public var description: String {
        switch self {
        case .store(let error): error.message
        case .system(let error): "cannot start: \(error)"
        }
    }
}
