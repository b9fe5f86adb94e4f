// Subscribing (protocol.md, "GET /ws"): the ack tells where the scope is, and from there on nothing
// is missed. Position and subscription are taken in one go on the worker, so a commit comes either
// before both, and the ack shows it, or after both, and its mail finds the subscriber.

import MizuBytes
import MizuEventLoop
import MizuLive
import MizuServer
import MizuSync

extension LiveService {
    func subscribe(
        _ socket: Token, _ ref: JSONValue?, to topic: ByteSlice,
        from position: ClientMessage.Position?, on worker: Worker
    ) {
        guard let scopeBytes = TopicName.scope(of: topic) else {
            return subscribeToApp(socket, ref, topic, on: worker)
        }
        guard let scope = Name(scopeBytes) else {
            return refuse(
                socket, ref, topic: topic, .invalidRequest("topic: no name of a scope"), on: worker)
        }
        guard sync.mayUse(user(of: socket), scope, .subscribe) else {
            // Nor does an earlier subscription stand.
            topics.unsubscribe(socket.bits, from: topic)
            return refuse(socket, ref, topic: topic, .scopeDenied(scope), on: worker)
        }
        let request = SyncSubscription(
            socket: socket, ref: ref, topic: topic, scope: scope, from: position)
        guard let request else {
            return refuse(
                socket, ref, topic: topic, .invalidRequest("epoch: no name"), on: worker)
        }
        asked[AskedSubscription(socket: socket, topic: topic)] = nil
        if let from = request.from {
            subscribe(request, from: from, on: worker)
        } else if let head = sync.tail.head(scope) {
            begin(request, .pokes, at: head, sent: head.cursor, on: worker)
        } else {
            askStore(request, on: worker)
        }
    }

    /// With a position: deltas from there on.
    private func subscribe(
        _ request: SyncSubscription, from position: Position, on worker: Worker
    ) {
        switch sync.tail.delta(request.scope, after: position) {
        case .current:
            let head =
                sync.tail.head(request.scope) ?? ScopeHead(position, checksum: nil)
            begin(request, .deltas, at: head, sent: position.cursor, on: worker)
        case .frame(let base, let head, let changes):
            guard begin(request, .deltas, at: head, sent: head.cursor, on: worker) else { return }
            say(to: request.socket, on: worker) {
                LiveWriter.delta(
                    topic: request.topic, base: base, cursor: head.cursor,
                    epoch: ByteSlice(head.epoch.bytes), changes: changes, to: &$0)
            }
        case .tooFarBehind(let head):
            guard begin(request, .deltas, at: head, sent: head.cursor, on: worker) else { return }
            sendPoke(request.topic, head, to: request.socket, on: worker)
        case .refused(let refusal):
            refuse(request.socket, request.ref, topic: request.topic, refusal, on: worker)
        case .askStore: askStore(request, on: worker)
        }
    }

    /// Enters the subscription and acknowledges it.
    /// - Returns: false where the connection has too many.
    @discardableResult
    private func begin(
        _ request: SyncSubscription, _ mode: SubscriptionMode, at head: ScopeHead, sent: Int,
        on worker: Worker
    ) -> Bool {
        let outcome = topics.subscribe(
            request.socket.bits, to: request.topic, mode: mode, sent: sent)
        guard outcome != .limitReached else {
            tooMany(request.socket, request.ref, request.topic, on: worker)
            return false
        }
        acknowledge(request, at: head, on: worker)
        return true
    }

    private func acknowledge(
        _ request: SyncSubscription, at head: ScopeHead, on worker: Worker
    ) {
        say(to: request.socket, on: worker) {
            LiveWriter.ack(
                ref: request.ref, topic: request.topic, cursor: head.cursor,
                epoch: ByteSlice(head.epoch.bytes), checksum: head.checksum?.bits, to: &$0)
        }
    }

    // MARK: Behind the tail

    /// What the store says to a subscriber that the tail knows nothing of.
    private struct StoreAnswer: Sendable {
        let head: ScopeHead
        /// The page after the subscriber's position; nil where it asked for pokes.
        let pull: Result<PullPage, Refusal>?
    }

    /// Reads what is missing on a reader's thread and goes on here.
    private func askStore(_ request: SyncSubscription, on worker: Worker) {
        let (workers, index, tail, limits) = (sync.workers, worker.index, sync.tail, sync.limits)
        lastAsk += 1
        let number = lastAsk
        asked[AskedSubscription(socket: request.socket, topic: request.topic)] = number
        sync.read(for: reader(of: request.socket), of: request.scope) {
            (reader, _) throws(StoreError) in
            let moment = tail.moment()
            let pull: Result<PullPage, Refusal>? =
                if let from = request.from {
                    try reader.pull(
                        PullRequest(
                            scope: request.scope, cursor: from.cursor, epoch: from.epoch,
                            limit: limits.pullChangesMax), limits: limits)
                } else { nil }
            let head = try reader.head(of: request.scope)
            tail.learn(head, of: request.scope, since: moment)
            return StoreAnswer(head: head, pull: pull)
        } answer: { result in
            workers.perform(on: index) { worker in
                worker.service(LiveService.self)?.goOn(request, number, with: result, on: worker)
            }
        }
    }

    private func goOn(
        _ request: SyncSubscription, _ number: Int, with result: Result<StoreAnswer, Refusal>,
        on worker: Worker
    ) {
        let key = AskedSubscription(socket: request.socket, topic: request.topic)
        let isCurrent = asked[key] == number
        if isCurrent { asked[key] = nil }
        guard worker.fill(of: request.socket) != nil else { return }
        let answer: StoreAnswer
        let page: PullPage?
        do throws(Refusal) {
            answer = try result.get()
            page = try answer.pull?.get()
        } catch {
            return refuse(request.socket, request.ref, topic: request.topic, error, on: worker)
        }
        // Permission may have gone while the reader read.
        guard sync.mayUse(user(of: request.socket), request.scope, .subscribe) else {
            topics.unsubscribe(request.socket.bits, from: request.topic)
            return refuse(
                request.socket, request.ref, topic: request.topic, .scopeDenied(request.scope),
                on: worker)
        }
        // The tail may have moved on while the reader read: what it knows now is what its next
        // mail will continue.
        let head = sync.tail.head(request.scope) ?? answer.head
        guard isCurrent else { return acknowledge(request, at: head, on: worker) }
        guard let page else {
            begin(request, .pokes, at: head, sent: head.cursor, on: worker)
            return
        }
        let isWhole = page.position.cursor == head.cursor
        guard begin(request, .deltas, at: head, sent: head.cursor, on: worker) else { return }
        if !isWhole {
            sendPoke(request.topic, head, to: request.socket, on: worker)
        } else if let from = request.from, from.cursor < head.cursor {
            say(to: request.socket, on: worker) {
                LiveWriter.delta(
                    topic: request.topic, base: from.cursor, cursor: head.cursor,
                    epoch: ByteSlice(head.epoch.bytes), changes: page.changes, to: &$0)
            }
        }
    }

    // MARK: An app's own topics

    private func subscribeToApp(
        _ socket: Token, _ ref: JSONValue?, _ topic: ByteSlice, on worker: Worker
    ) {
        guard beginApp(socket, ref, topic, on: worker) != nil else { return }
        // It takes the place of a subscription that may have had presence.
        leavePresence(socket, topic, on: worker)
        say(to: socket, on: worker) { LiveWriter.ack(ref: ref, topic: topic, to: &$0) }
    }

    /// Enters the subscription, if the app allows it.
    /// - Returns: whose it is; nil where it was refused.
    func beginApp(
        _ socket: Token, _ ref: JSONValue?, _ topic: ByteSlice, on worker: Worker
    ) -> LiveSession? {
        guard let session = session(of: socket),
            hooks.onMessage(session, .subscribe(topic: topic.string)) == .allow
        else {
            deny(socket, ref, topic, on: worker)
            return nil
        }
        let outcome = topics.subscribe(
            socket.bits, to: topic, mode: .pokes, sent: lastMessage)
        guard outcome != .limitReached else {
            tooMany(socket, ref, topic, on: worker)
            return nil
        }
        return session
    }

    private func tooMany(
        _ socket: Token, _ ref: JSONValue?, _ topic: ByteSlice, on worker: Worker
    ) {
        refuse(
            socket, ref, topic: ref == nil ? nil : topic,
            .invalidRequest(
                "a connection has at most \(limits.subscriptionsPerConnectionMax) subscriptions"),
            on: worker)
    }
}

/// Which subscription a reader is asked for.
struct AskedSubscription: Hashable {
    let socket: Token
    let topic: ByteSlice

    /// Keeps no more of the topic's message than its name.
    init(socket: Token, topic: ByteSlice) {
        self.socket = socket
        self.topic = topic.compacted
    }
}

/// A subscribe to a `sync:` topic while it is being answered.
struct SyncSubscription: Sendable {
    let socket: Token
    let ref: JSONValue?
    let topic: ByteSlice
    let scope: Name
    /// Where the client is; nil where it wants pokes.
    let from: Position?

    /// - Returns: nil where the epoch is no name.
    init?(
        socket: Token, ref: JSONValue?, topic: ByteSlice, scope: Name,
        from: ClientMessage.Position?
    ) {
        self.socket = socket
        self.ref = ref
        self.topic = topic.compacted
        self.scope = scope
        guard let from else {
            self.from = nil
            return
        }
        // Cursor 0 is before every epoch; whatever is told with it is not checked.
        guard let epoch = from.epoch.map({ Name($0) }) ?? (from.cursor == 0 ? "_" : nil) else {
            return nil
        }
        self.from = Position(cursor: from.cursor, epoch: epoch)
    }
}
