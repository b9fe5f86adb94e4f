// What several processes that serve one store tell each other of scopes: this one tells what it
// commits, takes in what the others tell, and looks at the store where they might have told
// something that never came. News is a favour: it makes a change reach the sockets here sooner,
// and nothing is decided by it.
//
//   own commit ──┬─► FollowedScopes.offer ──in order──► workers
//   news ────────┤          └──something is missing──► catch up: the log, from the store ──► offer
//   poll ────────┘
//
// A poll asks for the ends of all scopes that sockets here follow, by one question, seldom while
// news comes and often while it does not, at moments that no other process shares. Scopes are
// followed from before the first subscriber is answered until a sweep finds that nobody is left.
// One thread with a reader. +CatchUp reads what is missing.

import Logging
import MizuBytes
import MizuEventLoop
import MizuServer
import MizuSync
import MizuWire
import Synchronization

/// How often a node looks by itself. Milliseconds, of which each wait takes 75 to 125 per cent.
package struct StoreNewsTimes: Sendable {
    /// Between two polls while news comes.
    package var pollWithNews: UInt64 = 2_000
    /// And while it does not.
    package var pollAlone: UInt64 = 250
    /// Between two looks for scopes that nobody follows any more.
    package var sweep: UInt64 = 10_000
    /// Scopes in one question.
    package var scopesMax = 5_000

    package init() {}
}

/// A carrier of news as the store's part uses it. Any thread.
package struct StoreCarrier: Sendable {
    package var publish: @Sendable (NewsMessage) -> Void
    /// Each scope once until `unfollow`.
    package var follow: @Sendable (NewsSubject) -> Void
    package var unfollow: @Sendable (NewsSubject) -> Void
    /// Says who is to get `connected`, `disconnected`, and what concerns scopes.
    package var listen: @Sendable (@escaping @Sendable (NewsEvent) -> Void) -> Void
    /// Whether nobody is there to be told.
    package var isAlone: @Sendable () -> Bool

    package init(
        publish: @escaping @Sendable (NewsMessage) -> Void,
        follow: @escaping @Sendable (NewsSubject) -> Void,
        unfollow: @escaping @Sendable (NewsSubject) -> Void,
        listen: @escaping @Sendable (@escaping @Sendable (NewsEvent) -> Void) -> Void,
        isAlone: @escaping @Sendable () -> Bool = { false }
    ) {
        self.publish = publish
        self.follow = follow
        self.unfollow = unfollow
        self.listen = listen
        self.isAlone = isAlone
    }
}

final class StoreNews: Sendable {
    enum Mail: Sendable {
        case event(NewsEvent)
        /// Something is missing before what was committed to the scope.
        case behind(Name)
        /// A worker follows none of these.
        case idle([Name], sweep: Int)
    }

    /// On the news' thread. What throws is done again with the next poll.
    typealias Looker = @Sendable (any SyncReader) throws(StoreError) -> Void

    static let stopMilliseconds: UInt64 = 5_000

    private let carrier: StoreCarrier?
    let followed: FollowedScopes
    let tail: LogTail
    let access: AccessControl
    let roles: Roles?
    let workers: Workers
    let logger: Logger
    private let thread: MailThread<Mail>
    private let publish: Publish
    private let times: StoreNewsTimes
    /// Told of internal scopes that others have changed.
    private let watchers = Mutex<[@Sendable ([Name]) -> Void]>([])
    /// What is read of an internal scope when it has moved.
    private let lookers = Mutex<[Name: [Looker]]>([:])
    private let catchUps = Atomic<Int>(0)
    let counters = FeedCounters()

    init(
        carrier: StoreCarrier?, times: StoreNewsTimes, followed: FollowedScopes, tail: LogTail,
        access: AccessControl, roles: Roles?, workers: Workers, logger: Logger,
        publish: @escaping Publish
    ) throws(SystemError) {
        thread = try MailThread("mizu-news")
        self.carrier = carrier
        self.times = times
        self.followed = followed
        self.tail = tail
        self.access = access
        self.roles = roles
        self.workers = workers
        self.logger = logger
        self.publish = publish
    }

    func start(_ reader: sending any SyncReader) throws(SystemError) {
        let owned: (any SyncReader)? = reader
        try thread.start(handover: owned) { owned, inbox in
            if let owned { self.run(owned, &inbox) }
        }
        let thread = thread
        carrier?.listen { thread.post(.event($0)) }
    }

    func stop() {
        _ = thread.stop(withinMilliseconds: Self.stopMilliseconds)
    }

    /// Is told, on the news' thread, of internal scopes that others may have changed.
    func onInternalChange(_ hear: @escaping @Sendable ([Name]) -> Void) {
        watchers.withLock { $0.append(hear) }
    }

    /// Reads an internal scope whenever it has moved, by whomever: once for each move that is
    /// found, and again until it succeeds.
    func onMove(of scope: Name, _ look: @escaping Looker) {
        lookers.withLock { $0[scope, default: []].append(look) }
        follow(scope)
    }

    /// Times that the log was read because something was missing.
    var catchUpCount: Int { catchUps.load(ordering: .relaxed) }

    /// How this node fares with the commits of others. Any thread.
    var figures: FeedFigures {
        var figures = counters.figures
        figures.catchUps = catchUpCount
        figures.scopes = followed.count
        return figures
    }

    // MARK: Following

    /// Follows a scope: to be called before the store is asked where a subscriber begins, and again
    /// when it begins there, because a sweep may have found nobody meanwhile.
    /// - Parameter position: where it begins.
    func follow(_ scope: Name, from position: Position? = nil) {
        guard followed.follow(scope, from: position) else { return }
        carrier?.follow(.scope(scope))
    }

    // MARK: What commits bring

    /// Takes in what this process has committed, which the tail has by now. A committer's thread.
    func committed(_ feed: [CommittedChanges], _ internalHeads: [InternalHead]) {
        let told = carrier.flatMap { $0.isAlone() ? nil : $0 }
        for changes in feed {
            if offer(changes) == .behind { thread.post(.behind(changes.scope)) }
            told?.publish(.commit(changes))
        }
        tellWatched(access.watched(internalHeads))
        if !internalHeads.isEmpty { told?.publish(.internalHeads(internalHeads)) }
    }

    @discardableResult
    func offer(_ changes: CommittedChanges) -> FollowedScopes.Verdict {
        followed.offer(changes) {
            var mail = MailBatch(to: workers)
            publish([changes], [], &mail)
            mail.send()
        }
    }

    private func tellWatched(_ scopes: [Name]) {
        guard !scopes.isEmpty else { return }
        var mail = MailBatch(to: workers)
        publish([], scopes, &mail)
        mail.send()
    }

    // MARK: The thread

    private struct Sweep {
        var number = 0
        var moment: UInt64 = 0
        /// How many workers have named a scope.
        var idle: [Name: Int] = [:]
        var answers = 0
    }

    private struct Turn {
        var isNewsHere = false
        var nextPoll: Instant
        /// When the look at all scopes began that is under way, or over.
        var roundBegan = Instant.now
        var nextSweep: Instant
        var sweep = Sweep()
        /// To be looked at in the store.
        var due: Set<Name> = []
        var isFailing = false
        var random = RandomNumbers()
    }

    private func run(_ reader: any SyncReader, _ inbox: inout MailInbox<Mail>) {
        var turn = Turn(nextPoll: .now, nextSweep: .now.adding(milliseconds: times.sweep))
        while true {
            let until = min(turn.nextPoll, turn.nextSweep)
            let wait = Int(clamping: until.milliseconds(since: .now)) + (until > .now ? 1 : 0)
            guard inbox.receive(withinMilliseconds: wait) == .goOn else { return }
            for mail in inbox.mail { take(mail, &turn) }
            if Instant.now >= turn.nextPoll {
                if followed.isRoundOver { turn.roundBegan = .now }
                for scope in followed.next(times.scopesMax) { turn.due.insert(scope) }
                turn.nextPoll = pollTime(isNewsHere: turn.isNewsHere, &turn.random)
            }
            look(reader, &turn)
            if turn.due.isEmpty, followed.isRoundOver { counters.completed(turn.roundBegan) }
            if Instant.now >= turn.nextSweep { beginSweep(&turn) }
        }
    }

    private func pollTime(isNewsHere: Bool, _ random: inout RandomNumbers) -> Instant {
        let mean = isNewsHere ? times.pollWithNews : times.pollAlone
        let span = max(1, mean / 2)
        return .now.adding(milliseconds: mean - mean / 4 + random.next() % span)
    }

    private func take(_ mail: Mail, _ turn: inout Turn) {
        switch mail {
        case .behind(let scope):
            counters.foundGap()
            turn.due.insert(scope)
        case .idle(let scopes, let number): takeIdle(scopes, number, &turn)
        case .event(let event): take(event, &turn)
        }
    }

    private func take(_ event: NewsEvent, _ turn: inout Turn) {
        if case .message = event { counters.received() }
        switch event {
        case .connected: turn.isNewsHere = true
        case .disconnected:
            turn.isNewsHere = false
            turn.nextPoll = pollTime(isNewsHere: false, &turn.random)
        case .following(.scope(let scope)): turn.due.insert(scope)
        case .following: break
        case .message(.commit(let changes), _):
            // As of an own commit: rights first, then the tail, then the sockets.
            access.noteGrants([changes])
            tail.append(changes)
            switch offer(changes) {
            case .told: counters.told(changes)
            case .behind:
                counters.foundGap()
                turn.due.insert(changes.scope)
            case .known, .nobody: break
            }
        case .message(.position(let scope, let head), _):
            if followed.learned(scope, at: head.position) { turn.due.insert(scope) }
        case .message(.internalHeads(let heads), _):
            takeInternal(heads)
            let read = lookers.withLock { $0 }
            for head in heads where read[head.scope] != nil { turn.due.insert(head.scope) }
        // A node is new here. What it committed while it took itself to be alone it told nobody.
        case .message(.heartbeat, _): turn.nextPoll = .now
        // Of sockets and topics: not the store's.
        case .message: break
        }
    }

    func takeInternal(_ heads: [InternalHead]) {
        for head in heads { tail.note(head) }
        tellWatched(access.watched(heads))
        for hear in watchers.withLock({ $0 }) { hear(heads.map(\.scope)) }
    }

    /// Looks where the scopes that are due end, and tells what is missing.
    private func look(_ reader: any SyncReader, _ turn: inout Turn) {
        guard !turn.due.isEmpty else { return }
        let scopes = Array(turn.due)
        do throws(StoreError) {
            var first = 0
            var behind = 0
            while first < scopes.count {
                let part = Array(scopes[first..<min(scopes.count, first + times.scopesMax)])
                for (scope, head) in zip(part, try tail.learnHeads(of: part, from: reader)) {
                    if scope.isInternal {
                        try lookInternal(scope, head, reader)
                    } else if followed.learned(scope, at: head.position) {
                        behind += followed.missing(scope, at: head.position)
                        catchUps.add(1, ordering: .relaxed)
                        try catchUp(scope, from: reader)
                    } else {
                        // Nothing is to be told, because nobody was here when it was written.
                        tail.begin(scope, anewAt: head)
                    }
                }
                first += part.count
            }
            counters.found(behind: behind)
            turn.due = []
            turn.isFailing = false
        } catch {
            // What is due stays so, and the next poll tries again.
            if !turn.isFailing { logger.error("the store cannot be read: \(error.message)") }
            turn.isFailing = true
        }
    }

    private func lookInternal(
        _ scope: Name, _ head: ScopeHead, _ reader: any SyncReader
    ) throws(StoreError) {
        guard followed.learned(scope, at: head.position) else { return }
        for look in lookers.withLock({ $0[scope] }) ?? [] { try look(reader) }
        followed.jump(scope, to: head.position) {}
        takeInternal([InternalHead(scope: scope, head: head)])
    }

    // MARK: Letting go

    private func beginSweep(_ turn: inout Turn) {
        turn.nextSweep = .now.adding(milliseconds: times.sweep)
        let (scopes, moment) = followed.all()
        guard !scopes.isEmpty else { return }
        turn.sweep = Sweep(number: turn.sweep.number + 1, moment: moment)
        let (thread, number) = (thread, turn.sweep.number)
        workers.performLiveOnAll { live in
            let subscriptions = live.service.subscriptions
            thread.post(.idle(scopes.filter { !subscriptions.follows($0) }, sweep: number))
        }
    }

    private func takeIdle(_ scopes: [Name], _ number: Int, _ turn: inout Turn) {
        guard number == turn.sweep.number else { return }
        for scope in scopes { turn.sweep.idle[scope, default: 0] += 1 }
        turn.sweep.answers += 1
        guard turn.sweep.answers == workers.count else { return }
        let idle = turn.sweep.idle.filter { $0.value == workers.count }.map(\.key)
            .filter { !$0.isInternal }
        turn.sweep.idle = [:]
        letGo(idle, unlessAskedSince: turn.sweep.moment)
    }

    /// Follows scopes no longer, but those that somebody has asked for since the moment.
    func letGo(_ scopes: [Name], unlessAskedSince moment: UInt64) {
        for scope in followed.unfollow(scopes, unlessAskedSince: moment) {
            carrier?.unfollow(.scope(scope))
        }
    }
}

extension Cluster {
    /// The node's carrier, for what concerns scopes.
    package var storeCarrier: StoreCarrier {
        StoreCarrier(
            publish: { self.publish($0) }, follow: { self.follow($0) },
            unfollow: { self.unfollow($0) }, listen: { self.onStoreNews($0) },
            isAlone: { self.isAlone })
    }
}
