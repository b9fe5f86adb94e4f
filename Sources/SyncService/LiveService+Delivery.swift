// Telling subscribers (protocol.md, "Deltas are a favour"). A frame is written once and shared by
// everyone who gets it; a fan-out to many is cut into slices of a tick, so that the worker's other
// connections are served between them. No allocation for a subscriber.

import MizuBytes
import MizuEventLoop
import MizuLive
import MizuServer
import MizuSync
import MizuWebSocket

extension Delivery {
    /// A fan-out under way: frames that are ready, and the walk over the topic's subscribers.
    struct Job {
        enum Content {
            /// Changes of a scope; the delta is nil where it would be too large.
            case changes(News, poke: ByteSlice, delta: ByteSlice?)
            /// A poke whether or not the subscriber has been told.
            case poke(ByteSlice, cursor: Int)
            /// An app's message.
            case message(ByteSlice, number: Int, except: Token?)
        }
        var walk: FanOut
        let content: Content
    }
}

extension LiveService {
    /// Subscribers visited in one tick.
    private static let tickSubscribersMax = 4096

    // MARK: What is new

    /// Queues what a commit added for those who are subscribed here.
    func deliver(_ feed: [CommittedChanges]) {
        for changes in feed {
            let name = TopicName.sync(scope: ByteSlice(changes.scope.bytes))
            guard let topic = topics.topic(named: name) else { continue }
            let news = News(
                base: changes.base.cursor, cursor: changes.head.cursor,
                changeBytes: changes.bytes.count)
            let delta =
                news.changeBytes <= limits.deltaBytesMax
                ? frame { text in
                    LiveWriter.delta(
                        topic: name, base: news.base, cursor: news.cursor,
                        epoch: ByteSlice(changes.head.epoch.bytes), changes: [changes.bytes],
                        to: &text)
                } : nil
            deliveries.append(
                Delivery.Job(
                    walk: topics.fanOut(to: topic),
                    content: .changes(news, poke: pokeFrame(name, changes.head), delta: delta)))
        }
    }

    /// Queues an app's message for those who are subscribed here.
    func broadcast(_ payload: ByteSlice, to name: ByteSlice, except: Token? = nil) {
        guard let topic = topics.topic(named: name) else { return }
        lastMessage += 1
        let frame = frame { LiveWriter.message(topic: name, payload: payload, to: &$0) }
        deliveries.append(
            Delivery.Job(
                walk: topics.fanOut(to: topic),
                content: .message(frame, number: lastMessage, except: except)))
    }

    /// Tells everyone who is subscribed to a scope here where it is.
    func poke(_ scope: Name, on worker: Worker) {
        let name = TopicName.sync(scope: ByteSlice(scope.bytes))
        guard topics.topic(named: name) != nil else { return }
        let (workers, index) = (sync.workers, worker.index)
        sync.read { (reader) throws(StoreError) in
            try reader.head(of: scope)
        } answer: { result in
            guard case .success(let head) = result else { return }
            workers.perform(on: index) { worker in
                worker.service(LiveService.self)?.queuePoke(name, head)
            }
        }
    }

    private func queuePoke(_ name: ByteSlice, _ head: Position) {
        guard let topic = topics.topic(named: name) else { return }
        deliveries.append(
            Delivery.Job(
                walk: topics.fanOut(to: topic),
                content: .poke(pokeFrame(name, head), cursor: head.cursor)))
    }

    private func frame(_ write: (inout ByteBuffer) -> Void) -> ByteSlice {
        text.removeAll()
        write(&text)
        var frame = ByteBuffer(capacity: text.count + WebSocketLimits.headerBytesMax)
        FrameWriter.append(.text, text.readable, to: &frame)
        if text.capacity > 64 * 1024 { text = ByteBuffer(capacity: 1024) }
        return frame.takeSlice(leaving: 1)
    }

    private func pokeFrame(_ name: ByteSlice, _ head: Position) -> ByteSlice {
        frame { text in
            LiveWriter.poke(
                topic: name, cursor: head.cursor, epoch: ByteSlice(head.epoch.bytes), to: &text)
        }
    }

    // MARK: The walk

    public func work(on worker: Worker) -> ServiceWork {
        var budget = Self.tickSubscribersMax
        var done = 0
        while done < deliveries.count, budget > 0 {
            // Taken out while it is worked on, so that the table may be changed beside it.
            var job = deliveries[done]
            while budget > 0, let subscription = topics.next(&job.walk) {
                tell(subscription, job.content, on: worker)
                budget -= 1
            }
            deliveries[done].walk = job.walk
            guard budget > 0 else { break }
            done += 1
        }
        deliveries.removeFirst(done)
        return deliveries.isEmpty ? .done : .more
    }

    private func tell(
        _ subscription: Subscription, _ content: Delivery.Job.Content, on worker: Worker
    ) {
        let socket = Token(bits: subscription.token)
        guard let fill = worker.fill(of: socket) else { return }
        switch content {
        case .changes(let news, let poke, let delta):
            settlePoke(subscription, fill)
            let delivery = topics[subscription].delivery(
                of: news, queue: fill.isFull ? .full : .free, limits: limits)
            switch delivery {
            case .nothing: return
            case .delta: worker.send(frame: delta ?? poke, to: socket)
            case .poke: worker.send(frame: poke, to: socket)
            }
            topics[subscription].note(delivery, upTo: news.cursor)
        case .poke(let frame, let cursor):
            settlePoke(subscription, fill)
            guard !topics[subscription].isPokeWaiting else { return }
            worker.send(frame: frame, to: socket)
            topics[subscription].note(.poke, upTo: cursor)
        case .message(let frame, let number, let except):
            guard topics[subscription].sent < number, socket != except else { return }
            topics[subscription].sent = number
            // Best effort: whoever does not read misses messages, and nobody else waits for them.
            if !fill.isFull { worker.send(frame: frame, to: socket) }
        }
    }

    /// A poke of an earlier tick has gone where the kernel takes what it is given.
    private func settlePoke(_ subscription: Subscription, _ fill: QueueFill) {
        if !fill.isBlocked { topics[subscription].isPokeWaiting = false }
    }

    func sendPoke(_ topic: ByteSlice, _ head: Position, to socket: Token, on worker: Worker) {
        say(to: socket, on: worker) { text in
            LiveWriter.poke(
                topic: topic, cursor: head.cursor, epoch: ByteSlice(head.epoch.bytes), to: &text)
        }
    }

    // MARK: Making good

    /// Everything that waited has gone: topics that moved on behind a waiting poke get another.
    public func hasRoom(_ socket: Token, on worker: Worker) {
        var due: [(topic: ByteSlice, head: Position)] = []
        var waiting: [Subscription] = []
        topics.forEachSubscription(of: socket.bits) { waiting.append($0) }
        for subscription in waiting where topics[subscription].isPokeWaiting {
            guard let name = topics.name(of: subscription.topic),
                let head = head(ofTopic: name)
            else {
                topics[subscription].isPokeWaiting = false
                continue
            }
            if topics[subscription].afterDrain(head: head.cursor) == .poke {
                topics[subscription].note(.poke, upTo: head.cursor)
                due.append((name, head))
            }
        }
        for (topic, head) in due { sendPoke(topic, head, to: socket, on: worker) }
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
        if let next, let name = topics.name(of: next.topic), let head = head(ofTopic: name) {
            sendPoke(name, head, to: socket, on: worker)
        } else {
            say(to: socket, on: worker) { LiveWriter.pong(ref: nil, to: &$0) }
        }
    }

    private func head(ofTopic name: ByteSlice) -> Position? {
        TopicName.scope(of: name).flatMap { Name($0) }.flatMap { sync.tail.head($0) }
    }
}
