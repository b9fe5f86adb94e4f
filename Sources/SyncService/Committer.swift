// A writer's thread: the only one of a store, or one of several that share it, of which each has
// the scopes whose names have its hash. Pushes of all workers that wait together
// become one transaction; then the new changes go to the tail, then to every worker, and only then
// do answers leave. So nobody can be shown a change that another look would not show.
//
//   any thread ──push──► mailbox ──drain──► SyncEngine.commit ──► LogTail ──► workers ──► answers
//   a reader ────demand──► mailbox           └── between two batches, or when idle: fold
//
// Beyond `pendingMutationsMax` or `pendingBytesMax` a push is refused with `unavailable` instead of
// waiting.

import Logging
import MizuBytes
import MizuEventLoop
import MizuServer
import MizuSync
import Synchronization

/// The committer's front: any thread may push.
final class Committer: Sendable {
    /// Mutations that wait to be committed, of all pushes together.
    static let pendingMutationsMax = 50_000
    /// Bytes of requests that wait to be committed.
    static let pendingBytesMax = 128 << 20
    /// Mutations of one transaction: more only makes the first of them wait longer.
    static let batchMutationsMax = 1_000
    /// Bytes of the requests of one transaction; the last one may pass it.
    static let batchBytesMax = 2 << 20
    /// How often the log is looked through for what is too old. Where more was found than one look
    /// may take away, the next one follows as soon as nobody waits.
    static let trimMilliseconds: UInt64 = 1_000

    /// How long `stop` waits for the commit that is under way and for those that wait.
    static let stopMilliseconds: UInt64 = 10_000

    private struct Job: Sendable {
        let request: PushRequest
        let byteCount: Int
        let answer: PushReply
    }

    private enum Mail: Sendable {
        case push(Job)
        /// A reader waits for a fold.
        case foldDemand
    }

    private let thread: MailThread<Mail>
    private let pendingMutations = Atomic<Int>(0)
    private let pendingBytes = Atomic<Int>(0)
    /// Nothing is received any more.
    private let isStopped = Atomic<Bool>(false)
    /// Whether writes can be made.
    let health: StoreHealth
    /// What the thread has done.
    let counters = CommitCounters()
    private let workers: Workers
    private let tail: LogTail
    private let pages: SharedPages
    private let access: AccessControl
    private let publish: Publish
    private let onRestore: @Sendable () -> Void
    private let logger: Logger
    private let diskFreeBytesMin: Int?
    /// Tells what is committed in the place of `publish`, where others write to the store.
    private let storeNews: StoreNews?
    /// Whether this one looks through the logs for what is too old: one of a process does.
    private let trims: Bool

    /// - Parameters:
    ///   - publish: gets every commit's changes, on the committer's thread, before the answers;
    ///     what it makes of them leaves before these.
    ///   - onRestore: called there when an older state was put back under the server.
    init(
        workers: Workers, tail: LogTail, pages: SharedPages, access: AccessControl, logger: Logger,
        diskFreeBytesMin: Int? = 0, storeNews: StoreNews? = nil, trims: Bool = true,
        failing: FailingCommitters = FailingCommitters(),
        publish: @escaping Publish, onRestore: @escaping @Sendable () -> Void
    ) throws(SystemError) {
        thread = try MailThread("mizu-committer")
        health = StoreHealth(failing)
        self.storeNews = storeNews
        self.trims = trims
        self.workers = workers
        self.tail = tail
        self.pages = pages
        self.access = access
        self.publish = publish
        self.onRestore = onRestore
        self.logger = logger
        self.diskFreeBytesMin = diskFreeBytesMin
    }

    /// Adds what the committer has done, and what waits for it. Any thread.
    func add(to figures: inout SyncFigures) {
        counters.add(to: &figures)
        figures.waitingMutations += pendingMutations.load(ordering: .relaxed)
        figures.waitingBytes += pendingBytes.load(ordering: .relaxed)
    }

    /// Starts the thread, which takes the engine over.
    func start(_ engine: sending SyncEngine) throws(SystemError) {
        let thread = thread
        engine.onFoldDemand { thread.post(.foldDemand) }
        try thread.start(handover: engine) { self.run($0, &$1) }
    }

    /// Commits `request` with whatever waits beside it. `answer` is called on the committer's
    /// thread, once everything is durable and published, or at once where too much waits.
    func push(
        _ request: PushRequest, byteCount: Int, answer: @escaping PushReply
    ) {
        guard !isStopped.load(ordering: .acquiring) else {
            return refuse(answer, .unavailable("the database is closed"))
        }
        let count = request.mutations.count
        let waiting = pendingMutations.add(count, ordering: .relaxed).newValue
        let bytes = pendingBytes.add(byteCount, ordering: .relaxed).newValue
        guard waiting <= Self.pendingMutationsMax, bytes <= Self.pendingBytesMax else {
            forget(mutations: count, bytes: byteCount)
            return refuse(answer, .unavailable("too many pushes wait; try again"))
        }
        thread.post(.push(Job(request: request, byteCount: byteCount, answer: answer)))
    }

    /// Answers at once. Any thread.
    func refuse(_ answer: PushReply, _ refusal: Refusal) {
        var mail = MailBatch(to: workers)
        answer(.failure(refusal), &mail)
        mail.send()
    }

    private func forget(mutations: Int, bytes: Int) {
        pendingMutations.subtract(mutations, ordering: .relaxed)
        pendingBytes.subtract(bytes, ordering: .relaxed)
    }

    /// Commits what waits and ends the thread; returns when the store is closed.
    func stop() {
        // Workers and jobs have ended. Code that pushes all the same at this very moment may get
        // no answer; a moment later it is refused.
        isStopped.store(true, ordering: .releasing)
        guard thread.stop(withinMilliseconds: Self.stopMilliseconds) == .late else { return }
        logger.error(
            "the database is not closed: a commit takes longer than \(Self.stopMilliseconds) ms")
    }

    // MARK: The thread

    private func run(_ engine: SyncEngine, _ inbox: inout MailInbox<Mail>) {
        var nextTrim = Instant.now
        var isBehind = false
        var floor = DiskFloor(bytesMin: diskFreeBytesMin)
        var pace = FoldPace()
        var outbox = MailBatch(to: workers)
        while true {
            let now = Instant.now
            if now >= nextTrim || (isBehind && inbox.mail.isEmpty) {
                isBehind = trim(engine, &floor, pace) == .behind
                nextTrim = now.adding(milliseconds: Self.trimMilliseconds)
            }
            let due = fold(engine, &pace, before: nextTrim)
            let until = isBehind ? now : due
            let wait = Int(clamping: until.milliseconds(since: .now)) + (until > .now ? 1 : 0)
            guard inbox.receive(withinMilliseconds: wait) == .goOn else { return }
            commit(inbox.mail, engine, &floor, &pace, &outbox)
            sayLeap(of: engine)
        }
    }

    /// Folds what is due.
    /// - Returns: when to come back, if no mail comes before.
    private func fold(
        _ engine: SyncEngine, _ pace: inout FoldPace, before end: Instant
    ) -> Instant {
        defer { noticeLosses(engine) }
        do throws(StoreError) {
            let progress: FoldProgress
            switch pace.step(engine.foldNeed, at: .now) {
            case .nothing:
                noteFolded(engine, &pace)
                return end
            case .wait(let until): return min(until, end)
            case .slice: progress = try engine.fold(.slice)
            case .whole: progress = try engine.fold(.whole)
            }
            if progress == .postponed {
                pace.postponed(at: .now)
            } else {
                noteFolded(engine, &pace)
            }
            // There may be more; but first whoever pushes.
            return Instant.now
        } catch {
            pace.failed(at: .now)
            takeIn(error, "the database could not be brought up to date")
            return Instant.now
        }
    }

    private func noteFolded(_ engine: SyncEngine, _ pace: inout FoldPace) {
        let news = pace.folded(leaving: engine.foldNeed, at: .now)
        if news == .recovered { takeIn(nil, "") }
    }

    /// What goes into one transaction.
    private struct Batch {
        var requests: [PushRequest] = []
        var answers: [PushReply] = []
        var mutations = 0
        var bytes = 0
    }

    private func commit(
        _ mail: [Mail], _ engine: SyncEngine, _ floor: inout DiskFloor, _ pace: inout FoldPace,
        _ outbox: inout MailBatch
    ) {
        var batch = Batch()
        for case .foldDemand in mail { pace.demanded() }
        for case .push(let job) in mail {
            batch.requests.append(job.request)
            batch.answers.append(job.answer)
            batch.mutations += job.request.mutations.count
            batch.bytes += job.byteCount
            guard
                batch.mutations >= Self.batchMutationsMax || batch.bytes >= Self.batchBytesMax
            else { continue }
            commit(batch, engine, &floor, &pace, &outbox)
            batch = Batch()
            _ = fold(engine, &pace, before: .now)
        }
        commit(batch, engine, &floor, &pace, &outbox)
    }

    private func commit(
        _ batch: Batch, _ engine: SyncEngine, _ floor: inout DiskFloor, _ pace: inout FoldPace,
        _ outbox: inout MailBatch
    ) {
        guard !batch.requests.isEmpty else { return }
        defer { outbox.send() }
        let began = Instant.now
        guard hasSpace(engine, &floor) else {
            for answer in batch.answers { answer(.failure(.noSpace), &outbox) }
            counters.refused(pushes: batch.answers.count)
            return forget(mutations: batch.mutations, bytes: batch.bytes)
        }
        // They would wait for the same lock, each batch as long as the one before.
        guard !health.isLocked else {
            for answer in batch.answers { answer(.failure(.locked), &outbox) }
            counters.refused(pushes: batch.answers.count)
            return forget(mutations: batch.mutations, bytes: batch.bytes)
        }
        let result = engine.commit(batch.requests)
        let what =
            result.accident?.kind == .statement
            ? "a mutation could not be decided" : "the store refused a commit"
        let accident = result.accident.map { judge($0, engine) }
        if accident != nil || !pace.isFailing { takeIn(accident, what) }
        pace.committed(at: .now)
        noticeLosses(engine)
        // First: whoever sees what a commit wrote and asks then sees whom it took a right from.
        access.noteGrants(result.feed)
        for changes in result.feed { tail.append(changes) }
        for head in result.internalHeads { tail.note(head) }
        if let storeNews {
            storeNews.committed(result.feed, result.internalHeads)
        } else {
            let watched = access.watched(result.internalHeads)
            if !result.feed.isEmpty || !watched.isEmpty { publish(result.feed, watched, &outbox) }
        }
        for (answer, outcome) in zip(batch.answers, result.answers) { answer(outcome, &outbox) }
        counters.committed(
            pushes: batch.answers.count, mutations: batch.mutations, since: began,
            syncNanoseconds: engine.lastSyncNanoseconds, conflicts: result.conflicts)
        forget(mutations: batch.mutations, bytes: batch.bytes)
    }

    /// Forgets what is too old, a bounded number of rows at a time. So that once a second a
    /// transaction shows whether the store is still what it was.
    private func trim(
        _ engine: SyncEngine, _ floor: inout DiskFloor, _ pace: FoldPace
    ) -> SyncEngine.TrimProgress {
        defer { noticeLosses(engine) }
        do throws(StoreError) {
            // A lock that is known of is waited for once, and by the shorter of both.
            let isLocked = health.isLocked
            if isLocked { try engine.proveWritable() }
            let progress = trims ? try engine.trim() : .done
            // Where nothing was too old, nothing was written that could show that writing works.
            if !isLocked, health.obstacle != nil { try engine.proveWritable() }
            if hasSpace(engine, &floor), !pace.isFailing { takeIn(nil, "") }
            return progress
        } catch {
            takeIn(error, "the log could not be trimmed")
            return .done
        }
    }

    /// Whether the disk has room for writes. If it has not, `/readyz` and the log say so.
    private func hasSpace(_ engine: SyncEngine, _ floor: inout DiskFloor) -> Bool {
        guard floor.isBelow(at: .now, space: { engine.diskSpace() }) else { return true }
        takeIn(
            StoreError(
                .unavailable, "the database's disk has less than DISK_FREE_MIN left",
                cause: .noSpace),
            "writes are refused")
        return false
    }

    /// A batch that was given up because it met others each time, or that waited for a lock, says
    /// nothing of the store by itself, but one that met a database which is read-only, or a table
    /// that is locked, says that nobody can write: a write of our own tells.
    private func judge(_ accident: StoreError, _ engine: SyncEngine) -> StoreError {
        guard accident.kind == .conflict || accident.cause == .locked else { return accident }
        do throws(StoreError) {
            try engine.proveWritable()
            return StoreError(.conflict, accident.message)
        } catch {
            return error
        }
    }

    private func takeIn(_ accident: StoreError?, _ what: String) {
        guard let accident else {
            if health.worked() { logger.notice("the store takes writes again") }
            return
        }
        // One statement's misfortune says nothing of the store.
        guard accident.kind == .unavailable else {
            return logger.error("\(what): \(accident.message)")
        }
        if health.failed(accident, now: .now) {
            logger.error("\(what): \(accident.message)")
        }
    }

    /// Tells those who keep something of logs what has become of them: some were trimmed, or a
    /// backup was put back under the server, and what the tail, the pages and subscribers know is
    /// of a log that is no more.
    private func noticeLosses(_ engine: SyncEngine) {
        let trimmed = engine.takeTrimmedScopes()
        if !trimmed.isEmpty { pages.forgetChanges(of: trimmed) }
        guard engine.takeRestore() else { return }
        logger.warning(
            """
            an older state of the database was put back while it was open: a new epoch begins, and \
            clients that saw what is not in it start over
            """)
        tail.forgetAll()
        storeNews?.followed.forgetPositions()
        pages.forgetAll()
        access.forgetAll()
        onRestore()
    }

    private func sayLeap(of engine: SyncEngine) {
        guard let leap = engine.takeLeap() else { return }
        // Ages are counted while the server runs.
        logger.warning("the clock leapt by \(leap / 1000) s: nothing is forgotten for it")
    }
}

extension Refusal {
    static let noSpace = Refusal(
        status: 503, code: "unavailable", message: "the server's disk is almost full",
        retryAfterSeconds: 30)

    static let locked = Refusal.unavailable("the store cannot take writes now")
}
