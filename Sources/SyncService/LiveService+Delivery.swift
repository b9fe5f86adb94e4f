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
    /// Fan-outs that wait before new ones take the place of older ones.
    static let waitingJobsMax = 1024

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
            let poke = pokeFrame(name, changes.head)
            queue(
                Delivery.Job(
                    walk: topics.fanOut(to: topic),
                    content: .changes(news, poke: poke, delta: delta)))
        }
    }

    /// Adds a fan-out. Where too many wait, the topic's older one gives way: its subscribers see
    /// the gap in the newer one's `base` and get a poke. Messages of apps are left out instead.
    private func queue(_ job: Delivery.Job) {
        if deliveries.count >= Self.waitingJobsMax {
            switch job.content {
            case .message: return
            case .changes, .poke:
                // The first may be under way: its walk goes on.
                let older = deliveries.dropFirst().firstIndex { waiting in
                    guard case .changes = waiting.content else { return false }
                    return waiting.walk.topic == job.walk.topic
                }
                if let older { deliveries.remove(at: older) }
            }
        }
        deliveries.append(job)
    }

    /// Queues an app's message for those who are subscribed here.
    func broadcast(_ payload: ByteSlice, to name: ByteSlice, except: Token? = nil) {
        guard let topic = topics.topic(named: name) else { return }
        lastMessage += 1
        let frame = frame { LiveWriter.message(topic: name, payload: payload, to: &$0) }
        queue(
            Delivery.Job(
                walk: topics.fanOut(to: topic),
                content: .message(frame, number: lastMessage, except: except)))
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
        _ goOn: @escaping @Sendable (LiveService, Worker, Position) -> Void
    ) {
        let (workers, index, tail) = (sync.workers, worker.index, sync.tail)
        sync.read { (reader) throws(StoreError) in
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

    private func queuePoke(_ name: ByteSlice, _ head: Position) {
        guard let topic = topics.topic(named: name) else { return }
        queue(
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
        let presence = workOnPresence(on: worker)
        return deliveries.isEmpty ? presence : .more
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
