// Who is subscribed to what on one worker, and how a subscribe to a scope is answered (protocol.md,
// "GET /ws"): the ack says where the scope is, and from there on nothing is missed. Position and
// subscription are taken in one go on the worker, so a commit comes either before both, and the ack
// shows it, or after both, and its publication finds the subscriber. Confined to its worker.
//
//   subscribe ──the tail knows the scope──► subscribed: ack, and a delta or a poke if it is behind
//      │  └──no permission, or no such position──► refused: an earlier subscription does not stand
//      └──only the store knows──► asked ──answered, and still allowed──► subscribed, or refused
//                                   └──unsubscribe or another subscribe──► overtaken: ack alone
//
// What is published meanwhile is `TopicFanOuts`'; pokes to one subscriber are in +Pokes.

import MizuBytes
import MizuEventLoop
import MizuServer
import MizuSync
import MizuTopics
import MizuWire

final class Subscriptions {
    let sync: SyncService
    let limits: LiveLimits
    var topics: TopicTable<SubscriptionState>
    /// What the permissions of subscriptions stood on.
    private(set) var bases = PermissionBases()
    private var lastAsk = 0

    init(sync: SyncService, limits: LiveLimits) {
        self.sync = sync
        self.limits = limits
        topics = TopicTable(subscriptionsMax: limits.subscriptionsPerConnectionMax)
    }

    /// Ends the subscription that the request names, also one that is still being asked for.
    func end(_ asker: Asker) {
        forgetAsk(asker)
        releaseBasis(asker)
        topics.unsubscribe(asker.socket, from: asker.topic)
    }

    /// Ends all subscriptions of a socket that has gone.
    func removeAll(_ socket: Token) {
        if !bases.isEmpty {
            var ids: [PermissionBases.ID] = []
            topics.forEachSubscription(of: socket) { ids.append(topics[$0].basis) }
            for id in ids { bases.release(id) }
        }
        topics.removeAll(socket)
    }

    // MARK: What permission stood on

    /// Records what the permission of a subscription stands on now.
    /// - Returns: its number; 0 for nothing.
    func stand(_ asker: Asker, on pass: AccessPass) -> PermissionBases.ID {
        guard !pass.seen.isEmpty || !bases.isEmpty,
            let subscription = topics.subscription(of: asker.socket, to: asker.topic)
        else { return 0 }
        if let storeNews = sync.storeNews {
            // From where it was looked at: what has changed since is a reason to ask again.
            for what in pass.seen { storeNews.follow(what.scope, from: what.position) }
        }
        let (older, newer) = (topics[subscription].basis, bases.take(pass))
        topics[subscription].basis = newer
        bases.release(older)
        return newer
    }

    /// The subscription ends, or begins anew.
    private func releaseBasis(_ asker: Asker) {
        guard !bases.isEmpty,
            let subscription = topics.subscription(of: asker.socket, to: asker.topic)
        else { return }
        bases.release(topics[subscription].basis)
        topics[subscription].basis = 0
    }

    // MARK: An app's own topics

    /// Subscribes to a topic that the app allows.
    /// - Parameter lastMessage: the number of the last message published; later ones are sent.
    /// - Returns: false if the connection has too many; that was answered.
    func subscribe(_ asker: Asker, after lastMessage: Int) -> Bool {
        let state = SubscriptionState(mode: .pokes, sent: lastMessage)
        releaseBasis(asker)
        guard topics.subscribe(asker.socket, to: asker.topic, as: state) != .limitReached else {
            refuseTooMany(asker)
            return false
        }
        return true
    }

    private func refuseTooMany(_ asker: Asker) {
        let most = limits.subscriptionsPerConnectionMax
        asker.refuse(.invalidRequest("a connection has at most \(most) subscriptions"))
    }

    // MARK: Scopes

    /// Subscribes to a scope.
    /// - Parameter position: where the client is; nil if it wants pokes.
    func subscribe(_ asker: Asker, to scopeName: ByteSlice, from position: Position?) {
        guard let scope = Name(scopeName) else {
            return asker.withdraw(.invalidRequest("the topic does not name a scope"))
        }
        // Before anybody says where the subscription begins, so that nothing behind it is missed.
        sync.storeNews?.follow(scope)
        asker.service.admit(asker, to: scope, for: .subscribe) { asker, ruling in
            asker.service.subscriptions.subscribe(asker, to: scope, from: position, by: ruling)
        }
    }

    private func subscribe(
        _ asker: Asker, to scope: Name, from position: Position?, by ruling: Ruling
    ) {
        guard case .allowed(let pass) = ruling else { return refuse(asker, ruling, scope) }
        forgetAsk(asker)
        if let position {
            subscribe(asker, to: scope, after: position, by: pass)
        } else if let head = sync.tail.head(scope) {
            begin(asker, .pokes, at: head, sent: head.cursor, by: pass)
        } else {
            askStore(asker, scope, position: nil)
        }
    }

    /// Nor does an earlier subscription stand.
    private func refuse(_ asker: Asker, _ ruling: Ruling, _ scope: Name) {
        end(asker)
        asker.withdraw(ruling.refusal(for: scope) ?? .scopeDenied(scope))
    }

    /// With a position: deltas from there on.
    private func subscribe(
        _ asker: Asker, to scope: Name, after position: Position, by pass: AccessPass
    ) {
        let delta = sync.tail.delta(scope, after: position)
        // A commit that has just taken the right away may be in what memory shows. Where others
        // write to the store that may stay unknown here, however often it is asked. So the store
        // is read, and permission asked behind that, which is good whatever memory says.
        if let end = delta.end(from: position), !sync.access.isGranted(pass, through: end) {
            return askStore(asker, scope, position: position)
        }
        switch delta {
        case .current:
            let head = sync.tail.head(scope) ?? ScopeHead(position, checksum: nil)
            begin(asker, .deltas, at: head, sent: position.cursor, by: pass)
        case .frame(let base, let head, let changes):
            guard begin(asker, .deltas, at: head, sent: head.cursor, by: pass) else { return }
            sendDelta(asker, after: base, to: head, changes)
        case .tooFarBehind(let head):
            guard begin(asker, .deltas, at: head, sent: head.cursor, by: pass) else { return }
            sendPoke(asker, at: head)
        case .refused(let refusal): asker.withdraw(refusal)
        case .askStore: askStore(asker, scope, position: position)
        }
    }

    /// Enters the subscription and acknowledges it.
    /// - Returns: false if the connection has too many; that was answered.
    @discardableResult
    private func begin(
        _ asker: Asker, _ mode: SubscriptionMode, at head: ScopeHead, sent: Int,
        by pass: AccessPass
    ) -> Bool {
        let state = SubscriptionState(mode: mode, sent: sent)
        releaseBasis(asker)
        guard topics.subscribe(asker.socket, to: asker.topic, as: state) != .limitReached else {
            refuseTooMany(asker)
            return false
        }
        let scope = pass.question.scope
        // A store that was away for long may have been asked for longer than a sweep waits.
        sync.storeNews?.follow(scope, from: head.position)
        asker.service.stand(asker, on: pass)
        asker.acknowledge(at: head)
        guard let storeNews = sync.storeNews else { return true }
        // What others committed since the reader looked was told to who was subscribed by then.
        if let told = storeNews.followed.told(scope), told.cursor > head.cursor {
            sendPoke(asker, at: ScopeHead(told, checksum: nil))
        }
        return true
    }

    /// Whether a socket here wants to be told of the scope's commits, or stands on them.
    func follows(_ scope: Name) -> Bool {
        bases.stand(on: scope)
            || topics.topic(named: TopicName.sync(scope: ByteSlice(scope.bytes))) != nil
    }

    private func sendDelta(
        _ asker: Asker, after base: Int, to head: ScopeHead, _ changes: [ByteSlice]
    ) {
        asker.send {
            LiveWriter.delta(
                topic: asker.topic, after: base, to: head.position, changes: changes, to: &$0)
        }
    }

    // MARK: Behind the tail

    /// What the store says to a subscriber of whose scope the tail knows nothing.
    private struct StoreAnswer: Sendable {
        let head: ScopeHead
        /// What follows the subscriber's position; nil if it asked for pokes.
        let page: Result<PullPage, Refusal>?
    }

    /// Reads what is missing on a reader's thread and goes on here.
    private func askStore(_ asker: Asker, _ scope: Name, position: Position?) {
        let (sync, path) = (self.sync, asker.returnPath)
        let number = noteAsk(path.question, asker.live)
        let source = asker.service.sockets[asker.socket]?.source ?? .server
        sync.read(for: ReadAsker(source: source, kind: .socket, watch: nil), of: scope) {
            (reader, _) throws(StoreError) in
            let moment = sync.tail.moment()
            let page: Result<PullPage, Refusal>? =
                if let position {
                    try sync.readChanges(
                        PullRequest(
                            scope: scope, after: position, limit: sync.limits.pullChangesMax),
                        from: reader, since: moment)
                } else { nil }
            let head = try reader.head(of: scope)
            sync.tail.learn(head, of: scope, since: moment)
            return StoreAnswer(head: head, page: page)
        } answer: { result in
            path.resume { asker in
                asker.service.subscriptions.resume(
                    asker, to: scope, from: position, number: number, with: result)
            }
        }
    }

    private func resume(
        _ asker: Asker, to scope: Name, from position: Position?, number: Int,
        with result: Result<StoreAnswer, Refusal>
    ) {
        let isCurrent = takeAsk(asker, number)
        guard asker.isHere else { return }
        let (answer, page): (StoreAnswer, PullPage?)
        do throws(Refusal) {
            answer = try result.get()
            page = try answer.page?.get()
        } catch {
            return asker.withdraw(error)
        }
        // Permission may have gone while the reader read.
        asker.service.admit(asker, to: scope, for: .subscribe) { asker, ruling in
            let subscriptions = asker.service.subscriptions
            guard case .allowed(let pass) = ruling else {
                return subscriptions.refuse(asker, ruling, scope)
            }
            let read = (head: answer.head, page: page)
            subscriptions.finish(asker, scope, from: position, read, isCurrent, by: pass)
        }
    }

    private func finish(
        _ asker: Asker, _ scope: Name, from position: Position?,
        _ read: (head: ScopeHead, page: PullPage?), _ isCurrent: Bool, by pass: AccessPass
    ) {
        // The tail may have moved on while the reader read: what it knows now is what its next
        // publication will continue.
        let head = sync.tail.head(scope) ?? read.head
        guard isCurrent else { return asker.acknowledge(at: head) }
        guard let position, let page = read.page else {
            begin(asker, .pokes, at: head, sent: head.cursor, by: pass)
            return
        }
        guard begin(asker, .deltas, at: head, sent: head.cursor, by: pass) else { return }
        if page.position.cursor != head.cursor {
            sendPoke(asker, at: head)
        } else if position.cursor < head.cursor {
            sendDelta(asker, after: position.cursor, to: head, page.changes)
        }
    }

    // MARK: What is asked for

    private func noteAsk(_ question: Question, _ live: LiveWorker) -> Int {
        lastAsk += 1
        let number = lastAsk
        live.service.sockets.update(question.socket) { $0.asks[question.topic] = number }
        return number
    }

    private func forgetAsk(_ asker: Asker) {
        asker.service.sockets.update(asker.socket) { row in
            if !row.asks.isEmpty { row.asks[asker.topic] = nil }
        }
    }

    /// - Returns: whether nothing has overtaken the question with that number.
    private func takeAsk(_ asker: Asker, _ number: Int) -> Bool {
        guard asker.service.sockets[asker.socket]?.asks[asker.topic] == number else {
            return false
        }
        forgetAsk(asker)
        return true
    }
}

extension LogTail.Delta {
    /// Up to where it goes; nil where it shows nothing.
    fileprivate func end(from position: Position) -> Int? {
        switch self {
        case .frame(_, let head, _), .tooFarBehind(let head): head.cursor
        case .current: position.cursor
        case .askStore, .refused: nil
        }
    }
}
