// What is published to topics, on its way to the sockets of one worker (protocol.md, "Deltas are a
// favour"). A frame is written once and shared by everyone who gets it; a fan-out to many is cut
// into slices of a tick. No allocation for a subscriber. Confined to its worker.
//
//   committer: CommitPublication ┐
//   an app's message             ├─ publish ─► FanOutQueue<TopicPublication> ─ visit ─► a socket's
//   a scope may have moved       ┘                                                       send queue

import MizuBytes
import MizuEventLoop
import MizuServer
import MizuSync
import MizuTopics
import MizuWire
import Synchronization

/// What a commit added to scopes, and the frames that say it: each is framed once for all workers,
/// by the first that needs it, and never where none does. Any thread.
final class CommitPublication: Sendable {
    let feed: [CommittedChanges]
    /// Of each scope's changes the poke, and then the delta. Empty until one is needed.
    private let frames = Mutex<[Publication?]>([])

    enum Frame: Int { case poke, delta }

    /// Scopes of the framework's that changed; nobody is subscribed to them.
    let internalScopes: [Name]

    init(_ feed: [CommittedChanges], internalScopes: [Name]) {
        self.feed = feed
        self.internalScopes = internalScopes
    }

    /// The frame of the changes at `index`; `make` is called once for all workers, by whoever comes
    /// first, while the others wait.
    func get(_ frame: Frame, at index: Int, _ make: () -> Publication) -> Publication {
        let place = 2 * index + frame.rawValue
        return frames.withLock { frames in
            if frames.isEmpty { frames = Array(repeating: nil, count: 2 * feed.count) }
            if let made = frames[place] { return made }
            let fresh = make()
            frames[place] = fresh
            return fresh
        }
    }
}

/// What was published to one topic, for the sockets of this worker.
struct TopicPublication {
    enum Content {
        /// Changes of a scope.
        case changes(ChangeSpan)
        /// A poke, whatever the subscriber was sent before.
        case poke(cursor: Int)
        /// An app's message.
        case message(number: Int, except: Token?)
    }

    let content: Content
    /// The poke, or the app's message.
    var notice: Broadcast
    /// The changes themselves; nil if they would be too large.
    var delta: Broadcast?
    /// When it was queued, and how many were visited since.
    var since = Instant(nanoseconds: 0)
    var visited = 0
}

final class TopicFanOuts {
    /// Subscribers visited in one tick, some milliseconds' worth of writes.
    private static let tickSubscribersMax = 512
    /// Publications that wait before new ones take the place of older ones.
    static let waitingMax = 1024

    private let subscriptions: Subscriptions
    private let compresses: (@Sendable (_ topic: String) -> Bool)?
    private let queue = FanOutQueue<TopicID, TopicWalk, TopicPublication>(waitingMax: waitingMax)
    /// Numbers an app's messages, so that a fan-out that meets a subscriber twice sends once.
    private(set) var lastMessage = 0
    /// Messages that were left out since the last look.
    private var dropped = 0
    private var text = ByteBuffer(capacity: 1024)

    init(_ subscriptions: Subscriptions, hooks: LiveHooks) {
        self.subscriptions = subscriptions
        compresses = hooks.compresses
    }

    // MARK: Publishing

    /// Queues what a commit added for those who are subscribed here.
    func publish(_ commit: CommitPublication) {
        guard subscriptions.topics.topicCount > 0 else { return }
        for (index, changes) in commit.feed.enumerated() {
            let name = TopicName.sync(scope: ByteSlice(changes.scope.bytes))
            guard let topic = subscriptions.topics.topic(named: name) else { continue }
            let span = ChangeSpan(
                base: changes.base.cursor, cursor: changes.head.cursor,
                byteCount: changes.bytes.count)
            let mayCompress = mayCompress(name)
            let poke = commit.get(.poke, at: index) { frame(pokeOf: name, at: changes.headWithSum) }
            var queued = TopicPublication(
                content: .changes(span),
                notice: broadcast(poke, to: topic, mode: .pokes, compresses: mayCompress))
            if span.byteCount <= subscriptions.limits.deltaBytesMax {
                let delta = commit.get(.delta, at: index) {
                    frame { text in
                        LiveWriter.delta(
                            topic: name, after: span.base, to: changes.head,
                            changes: [changes.bytes], to: &text)
                    }
                }
                queued.delta = broadcast(
                    delta, to: topic, mode: .deltas,
                    compresses: mayCompress && changes.isByReaders)
            }
            add(queued, to: topic)
        }
    }

    /// Queues an app's message for those who are subscribed here.
    /// - Parameter isByReader: whether who made it may read what else is published there.
    func publish(
        _ message: Publication, to name: ByteSlice, isByReader: Bool = true, except: Token? = nil
    ) {
        guard let topic = subscriptions.topics.topic(named: name) else { return }
        lastMessage += 1
        let notice = broadcast(
            message, to: topic, mode: .pokes, compresses: isByReader && mayCompress(name))
        add(
            TopicPublication(
                content: .message(number: lastMessage, except: except), notice: notice),
            to: topic)
    }

    /// Queues a poke for everyone who is subscribed to a scope here, once the store says where the
    /// scope is.
    func publishPoke(of scope: Name, on worker: Int) {
        let name = TopicName.sync(scope: ByteSlice(scope.bytes))
        guard subscriptions.topics.topic(named: name) != nil else { return }
        subscriptions.askHead(of: scope, on: worker) { live, head in
            live.service.fanOuts.publishPoke(of: name, at: head)
        }
    }

    /// Queues a poke for everyone who is subscribed to a scope's topic here.
    func publishPoke(of name: ByteSlice, at head: ScopeHead) {
        guard let topic = subscriptions.topics.topic(named: name) else { return }
        let poke = broadcast(
            frame(pokeOf: name, at: head), to: topic, mode: .pokes, compresses: mayCompress(name))
        add(TopicPublication(content: .poke(cursor: head.cursor), notice: poke), to: topic)
    }

    /// If too many wait, the topic's older changes give way: its subscribers see the gap in the
    /// `base` of the newer ones and get a poke. Messages of apps are left out instead.
    private func add(_ publication: TopicPublication, to topic: TopicID) {
        if queue.isFull {
            if case .message = publication.content { return dropped += 1 }
            queue.removeOldest(of: topic) { waiting in
                if case .changes = waiting.content { true } else { false }
            }
        }
        var queued = publication
        queued.since = .now
        queue.add(queued, to: topic)
    }

    // MARK: Frames

    private func frame(_ write: (inout ByteBuffer) -> Void) -> Publication {
        text.removeAll()
        write(&text)
        defer { if text.capacity > 64 * 1024 { text = ByteBuffer(capacity: 1024) } }
        return Publication(text: text.readable, charging: subscriptions.sync.workers.queued)
    }

    private func frame(pokeOf name: ByteSlice, at head: ScopeHead) -> Publication {
        frame { LiveWriter.poke(topic: name, at: head, to: &$0) }
    }

    /// Whether what is published to the topic may be compressed. Sizes of compressed messages tell
    /// where a message is like those before it: no harm among people who may read all of it, but
    /// somebody who may write without reading could guess at what others wrote, and see by the
    /// sizes whether the guess was right. So what such people make the app say goes as it is and
    /// never enters a window, and an app may switch compression off for a topic.
    func mayCompress(_ topic: ByteSlice) -> Bool { compresses.map { $0(topic.string) } ?? true }

    /// Those who get deltas and those who get pokes are sent different things, so each are a group.
    private func broadcast(
        _ publication: Publication, to topic: TopicID, mode: SubscriptionMode, compresses: Bool
    ) -> Broadcast {
        Broadcast(
            publication, group: topic.number << 1 | (mode == .deltas ? 1 : 0),
            tag: Self.tag(of: topic), compresses: compresses)
    }

    /// Names what waits of a topic in send queues.
    private static func tag(of topic: TopicID) -> UInt32 {
        UInt32(truncatingIfNeeded: topic.number) &+ 1
    }

    // MARK: Sending

    /// Sends a slice of what is queued. Once a tick.
    func work(on live: LiveWorker) -> FanOutProgress {
        let (service, worker) = (live.service, live.worker)
        if dropped > 0 { worker.countFanOutsDropped(dropped) }
        dropped = 0
        return queue.work(
            budget: Self.tickSubscribersMax,
            begin: { subscriptions.topics.walk(over: $0) },
            next: { subscriptions.topics.next(&$0) },
            visit: { subscription, publications in
                guard service.holds(subscription.token, on: worker) else { return }
                worker.withRecipient(subscription.token) { recipient in
                    for index in publications.indices {
                        publications[index].visited += 1
                        // Asked first: if the socket turns out to have gone, so has its
                        // subscription.
                        let room: QueueRoom =
                            worker.makeRoom(for: recipient) == .full ? .full : .free
                        guard recipient.isOpen else { return }
                        send(
                            &publications[index], for: subscription, to: recipient, room: room,
                            on: worker)
                    }
                }
            },
            end: { publication in
                worker.end(publication.notice)
                if let delta = publication.delta { worker.end(delta) }
                worker.countFanOut(to: publication.visited, since: publication.since)
            })
    }

    private func send(
        _ publication: inout TopicPublication, for subscription: Subscription,
        to recipient: borrowing Recipient, room: QueueRoom, on worker: Worker
    ) {
        switch publication.content {
        case .changes(let span):
            settlePoke(of: subscription, recipient)
            let announcement = subscriptions.topics[subscription].announcement(
                of: span, queue: room, limits: subscriptions.limits)
            switch announcement {
            case .nothing: return
            case .delta: publication.delta?.send(to: recipient, on: worker)
            case .poke: poke(subscription, &publication.notice, to: recipient, on: worker)
            }
            subscriptions.topics[subscription].record(announcement, upTo: span.cursor)
        case .poke(let cursor):
            settlePoke(of: subscription, recipient)
            guard !subscriptions.topics[subscription].isPokeWaiting else { return }
            poke(subscription, &publication.notice, to: recipient, on: worker)
            subscriptions.topics[subscription].record(.poke, upTo: cursor)
        case .message(let number, let except):
            guard subscriptions.topics[subscription].sent < number, recipient.socket != except
            else { return }
            subscriptions.topics[subscription].sent = number
            // Best effort: whoever does not read misses messages, and nobody else waits for them.
            if room == .free { publication.notice.send(to: recipient, on: worker) }
        }
    }

    private func poke(
        _ subscription: Subscription, _ notice: inout Broadcast,
        to recipient: borrowing Recipient, on worker: Worker
    ) {
        guard subscriptions.topics[subscription].mode == .deltas else {
            return notice.send(to: recipient, on: worker)
        }
        // It takes the place of the deltas that wait, and of an older poke; it is none of the
        // group's.
        let tag = Self.tag(of: subscription.topic)
        worker.dropQueued(tag, of: recipient)
        worker.send(notice.publication, to: recipient, tag: tag)
    }

    /// A poke of an earlier tick has left if the kernel takes what it is given.
    private func settlePoke(of subscription: Subscription, _ recipient: borrowing Recipient) {
        if !recipient.isBlocked { subscriptions.topics[subscription].isPokeWaiting = false }
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
