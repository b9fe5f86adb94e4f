// Telling subscribers (protocol.md, "Deltas are a favour"). A frame is written once and shared by
// everyone who gets it; a fan-out to many is cut into slices of a tick, so that the worker's other
// connections are served between them. No allocation for a subscriber.

import MizuBytes
import MizuEventLoop
import MizuLive
import MizuServer
import MizuSync
import MizuWebSocket

/// What a commit added to a scope, and the frames that tell it: made once for all workers.
public struct CommitNews: Sendable {
    let changes: CommittedChanges
    let poke = LazyPublication()
    let delta = LazyPublication()

    public init(_ changes: CommittedChanges) { self.changes = changes }
}

/// A fan-out: what there is to tell the subscribers of a topic.
struct Telling {
    enum Content {
        /// Changes of a scope.
        case changes(News)
        /// A poke whether or not the subscriber has been told.
        case poke(cursor: Int)
        /// An app's message.
        case message(number: Int, except: Token?)
    }
    let topic: TopicID
    let content: Content
    /// The poke, or the app's message.
    var notice: Broadcast
    /// The changes themselves; nil where they would be too large.
    var delta: Broadcast?
}

/// The fan-outs under way: the topic's subscribers are visited once, and each is told all of it.
struct TellingRound {
    var tellings: [Telling]
    var walk: FanOut
}

extension LiveService {
    /// Subscribers visited in one tick, some milliseconds' worth of writes: the worker's other
    /// connections are served between two slices.
    private static let tickSubscribersMax = 512
    /// Fan-outs that wait before new ones take the place of older ones.
    static let waitingTellingsMax = 1024
    /// Fan-outs to one topic that go together.
    private static let roundTellingsMax = 64

    // MARK: What is new

    /// Queues what a commit added for those who are subscribed here.
    func deliver(_ feed: [CommitNews]) {
        for news in feed {
            let changes = news.changes
            let name = TopicName.sync(scope: ByteSlice(changes.scope.bytes))
            guard let topic = topics.topic(named: name) else { continue }
            let run = News(
                base: changes.base.cursor, cursor: changes.head.cursor,
                changeBytes: changes.bytes.count)
            let compresses = mayCompress(name)
            let poke = broadcast(
                news.poke.get { pokePublication(name, changes.headWithSum) }, to: topic,
                mode: .pokes, compresses: compresses)
            var telling = Telling(topic: topic, content: .changes(run), notice: poke)
            if run.changeBytes <= limits.deltaBytesMax {
                let publication = news.delta.get {
                    self.publication { text in
                        LiveWriter.delta(
                            topic: name, base: run.base, cursor: run.cursor,
                            epoch: ByteSlice(changes.head.epoch.bytes), changes: [changes.bytes],
                            to: &text)
                    }
                }
                telling.delta = broadcast(
                    publication, to: topic, mode: .deltas,
                    compresses: compresses && changes.isByReaders)
            }
            queue(telling)
        }
    }

    /// Adds a fan-out. Where too many wait, the topic's older one gives way: its subscribers see
    /// the gap in the newer one's `base` and get a poke. Messages of apps are left out instead.
    private func queue(_ telling: Telling) {
        if tellings.count >= Self.waitingTellingsMax {
            switch telling.content {
            case .message: return
            case .changes, .poke:
                let older = tellings.firstIndex { waiting in
                    guard case .changes = waiting.content else { return false }
                    return waiting.topic == telling.topic
                }
                if let older { tellings.remove(at: older) }
            }
        }
        tellings.append(telling)
    }

    /// Queues an app's message for those who are subscribed here.
    /// - Parameter isByReader: whether who made it may read what else is told there.
    func tell(
        _ message: Publication, to name: ByteSlice, isByReader: Bool = true, except: Token? = nil
    ) {
        guard let topic = topics.topic(named: name) else { return }
        lastMessage += 1
        queue(
            Telling(
                topic: topic, content: .message(number: lastMessage, except: except),
                notice: broadcast(
                    message, to: topic, mode: .pokes,
                    compresses: isByReader && mayCompress(name))))
    }

    /// Tells everyone who is subscribed to a scope here where it is.
    func poke(_ scope: Name, on worker: Worker) {
        let name = TopicName.sync(scope: ByteSlice(scope.bytes))
        guard topics.topic(named: name) != nil else { return }
        askHead(of: scope, on: worker) { service, worker, head in service.queuePoke(name, head) }
    }

    /// Asks the store where the scope is; `goOn` gets it on this worker, later. Not called where
    /// the store cannot be read.
    private func askHead(
        of scope: Name, on worker: Worker,
        _ goOn: @escaping @Sendable (LiveService, Worker, ScopeHead) -> Void
    ) {
        let (workers, index, tail) = (sync.workers, worker.index, sync.tail)
        sync.read(for: sync.ownAsker, of: scope) { (reader, _) throws(StoreError) in
            // Whoever is told of this head and looks must not hear from the tail of an older one.
            try tail.reading(of: scope, from: reader) { (reader) throws(StoreError) in
                try reader.head(of: scope)
            }
        } answer: { result in
            guard case .success(let head) = result else { return }
            workers.perform(on: index) { worker in
                guard let service = worker.service(LiveService.self) else { return }
                goOn(service, worker, head)
            }
        }
    }

    /// Pokes one subscriber at a position that only the store knows, if it is still subscribed.
    private func askPoke(_ topic: ByteSlice, of scope: Name, to socket: Token, on worker: Worker) {
        askHead(of: scope, on: worker) { service, worker, head in
            guard service.topics.subscription(of: socket.bits, to: topic) != nil else { return }
            service.sendPoke(topic, head, to: socket, on: worker)
        }
    }

    private func queuePoke(_ name: ByteSlice, _ head: ScopeHead) {
        guard let topic = topics.topic(named: name) else { return }
        let poke = broadcast(
            pokePublication(name, head), to: topic, mode: .pokes, compresses: mayCompress(name))
        queue(Telling(topic: topic, content: .poke(cursor: head.cursor), notice: poke))
    }

    private func publication(_ write: (inout ByteBuffer) -> Void) -> Publication {
        text.removeAll()
        write(&text)
        defer { if text.capacity > 64 * 1024 { text = ByteBuffer(capacity: 1024) } }
        return Publication(text: text.readable, charging: sync.workers.queued)
    }

    private func pokePublication(_ name: ByteSlice, _ head: ScopeHead) -> Publication {
        publication { Self.writePoke(name, head, to: &$0) }
    }

    // MARK: The walk

    public func work(on worker: Worker) -> ServiceWork {
        let ends = endCredentials(on: worker)
        var budget = Self.tickSubscribersMax
        while budget > 0, beginRound() {
            // Taken out while it is worked on, so that the table may be changed beside it.
            guard var current = round.take() else { break }
            while budget > 0, let subscription = topics.next(&current.walk) {
                budget -= 1
                guard holds(Token(bits: subscription.token), on: worker),
                    let recipient = worker.recipient(Token(bits: subscription.token))
                else { continue }
                for index in current.tellings.indices {
                    // Asked first: where the socket turns out to have gone, so has its
                    // subscription.
                    let queue = worker.isFull(recipient) ? QueueRoom.full : .free
                    guard recipient.isOpen else { break }
                    tell(subscription, &current.tellings[index], recipient, queue, on: worker)
                }
            }
            guard current.walk.isAtEnd else {
                round = current
                break
            }
            for telling in current.tellings {
                worker.end(telling.notice)
                if let delta = telling.delta { worker.end(delta) }
            }
        }
        let presence = workOnPresence(on: worker)
        return round == nil && tellings.isEmpty ? presence.with(ends) : .more
    }

    /// Takes up the oldest fan-out that waits, with all that wait for the same topic.
    /// - Returns: whether there is a round.
    private func beginRound() -> Bool {
        guard round == nil else { return true }
        guard let topic = tellings.first?.topic else { return false }
        var together: [Telling] = []
        tellings.removeAll { telling in
            guard telling.topic == topic, together.count < Self.roundTellingsMax else {
                return false
            }
            together.append(telling)
            return true
        }
        round = TellingRound(tellings: together, walk: topics.fanOut(to: topic))
        return true
    }

    private func tell(
        _ subscription: Subscription, _ telling: inout Telling, _ recipient: Recipient,
        _ queue: QueueRoom, on worker: Worker
    ) {
        switch telling.content {
        case .changes(let news):
            settlePoke(subscription, recipient)
            let delivery = topics[subscription].delivery(
                of: news, queue: queue, limits: limits)
            switch delivery {
            case .nothing: return
            case .delta: telling.delta?.send(to: recipient, on: worker)
            case .poke: poke(subscription, &telling.notice, recipient, on: worker)
            }
            topics[subscription].note(delivery, upTo: news.cursor)
        case .poke(let cursor):
            settlePoke(subscription, recipient)
            guard !topics[subscription].isPokeWaiting else { return }
            poke(subscription, &telling.notice, recipient, on: worker)
            topics[subscription].note(.poke, upTo: cursor)
        case .message(let number, let except):
            guard topics[subscription].sent < number, recipient.socket != except else { return }
            topics[subscription].sent = number
            // Best effort: whoever does not read misses messages, and nobody else waits for them.
            if queue == .free { telling.notice.send(to: recipient, on: worker) }
        }
    }

    private func poke(
        _ subscription: Subscription, _ notice: inout Broadcast, _ recipient: Recipient,
        on worker: Worker
    ) {
        guard topics[subscription].mode == .deltas else {
            return notice.send(to: recipient, on: worker)
        }
        // It takes the place of the deltas that wait, and of an older poke; it is none of the
        // group's.
        worker.dropQueued(Self.tag(of: subscription.topic), of: recipient)
        worker.send(
            notice.publication, to: recipient, tag: Self.tag(of: subscription.topic))
    }

    /// A poke of an earlier tick has gone where the kernel takes what it is given.
    private func settlePoke(_ subscription: Subscription, _ recipient: Recipient) {
        if !recipient.isBlocked { topics[subscription].isPokeWaiting = false }
    }

    func sendPoke(_ topic: ByteSlice, _ head: ScopeHead, to socket: Token, on worker: Worker) {
        say(to: socket, on: worker) { Self.writePoke(topic, head, to: &$0) }
    }

    private static func writePoke(
        _ topic: ByteSlice, _ head: ScopeHead, to text: inout ByteBuffer
    ) {
        LiveWriter.poke(
            topic: topic, cursor: head.cursor, epoch: ByteSlice(head.epoch.bytes),
            checksum: head.checksum?.bits, to: &text)
    }

    // MARK: Making good

    /// Everything that waited has gone: topics that moved on behind a waiting poke get another.
    public func hasRoom(_ socket: Token, on worker: Worker) {
        var due: [(topic: ByteSlice, head: ScopeHead)] = []
        var unknown: [(topic: ByteSlice, scope: Name)] = []
        var waiting: [Subscription] = []
        topics.forEachSubscription(of: socket.bits) { waiting.append($0) }
        for subscription in waiting where topics[subscription].isPokeWaiting {
            guard let name = topics.name(of: subscription.topic),
                let scope = scope(ofTopic: name)
            else { continue }
            guard let head = sync.tail.head(scope) else {
                topics[subscription].isPokeWaiting = false
                unknown.append((name, scope))
                continue
            }
            if topics[subscription].afterDrain(head: head.cursor) == .poke {
                topics[subscription].note(.poke, upTo: head.cursor)
                due.append((name, head))
            }
        }
        presenceHasRoom(socket, on: worker)
        for (topic, head) in due { sendPoke(topic, head, to: socket, on: worker) }
        for (topic, scope) in unknown { askPoke(topic, of: scope, to: socket, on: worker) }
    }

    /// One poke, for the topics in turn; a pong where there is none (protocol.md, "GET /ws").
    public func heartbeat(_ socket: Token, on worker: Worker) {
        let slot = socket.index
        if slot >= heartbeatTopics.count {
            heartbeatTopics.append(
                contentsOf: repeatElement(nil, count: slot + 1 - heartbeatTopics.count))
        }
        let next = topics.nextSubscription(of: socket.bits, after: heartbeatTopics[slot])
        heartbeatTopics[slot] = next?.topic
        if let next, let name = topics.name(of: next.topic), let scope = scope(ofTopic: name) {
            // A scope that nobody wrote to for long is no longer in the tail: a `pong` in place of
            // its poke would hide a lost message for ever.
            guard let head = sync.tail.head(scope) else {
                return askPoke(name, of: scope, to: socket, on: worker)
            }
            sendPoke(name, head, to: socket, on: worker)
        } else {
            say(to: socket, on: worker) { LiveWriter.pong(ref: nil, to: &$0) }
        }
    }

    private func scope(ofTopic name: ByteSlice) -> Name? {
        TopicName.scope(of: name).flatMap { Name($0) }
    }
}

extension Publication {
    /// An app's message, framed for the subscribers of its topic.
    init(message payload: ByteSlice, to topic: ByteSlice, charging ledger: ByteLedger) {
        var text = ByteBuffer(capacity: payload.count + topic.count + 64)
        LiveWriter.message(topic: topic, payload: payload, to: &text)
        self.init(text: text.readable, charging: ledger)
    }
}
