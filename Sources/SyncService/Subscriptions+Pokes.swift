// Pokes to one subscriber (protocol.md, "Deltas are a favour"): what a heartbeat says, what is made
// good once a slow subscriber has read everything, and where the scope is that nobody wrote to for
// so long that only the store knows it.

import MizuBytes
import MizuEventLoop
import MizuServer
import MizuSync
import MizuTopics
import MizuWire

extension Subscriptions {
    func sendPoke(_ asker: Asker, at head: ScopeHead) {
        asker.send { LiveWriter.poke(topic: asker.topic, at: head, to: &$0) }
    }

    /// The socket has taken all that waited for it: topics that moved on behind a waiting poke get
    /// another.
    func sendDuePokes(_ asker: Asker) {
        var due: [(topic: ByteSlice, head: ScopeHead)] = []
        var unknown: [(topic: ByteSlice, scope: Name)] = []
        var waiting: [Subscription] = []
        topics.forEachSubscription(of: asker.socket) { waiting.append($0) }
        for subscription in waiting where topics[subscription].isPokeWaiting {
            guard let topic = topics.name(of: subscription.topic),
                let scope = Self.scope(of: topic)
            else { continue }
            guard let head = sync.tail.head(scope) else {
                topics[subscription].isPokeWaiting = false
                unknown.append((topic, scope))
                continue
            }
            if topics[subscription].drained(head: head.cursor) == .poke {
                topics[subscription].record(.poke, upTo: head.cursor)
                due.append((topic, head))
            }
        }
        for (topic, head) in due { sendPoke(asker.about(topic), at: head) }
        for (topic, scope) in unknown { askPoke(asker.about(topic), of: scope) }
    }

    /// One poke, for the topics in turn; a pong if there is none (protocol.md, "GET /ws").
    func sendHeartbeat(_ asker: Asker) {
        let last = asker.service.sockets[asker.socket]?.heartbeatTopic
        let next = topics.nextSubscription(of: asker.socket, after: last)
        asker.service.sockets.update(asker.socket) { $0.heartbeatTopic = next?.topic }
        guard let next, let topic = topics.name(of: next.topic),
            let scope = Self.scope(of: topic)
        else {
            return asker.send { LiveWriter.pong(ref: nil, to: &$0) }
        }
        // A scope that nobody wrote to for long is no longer in the tail: a `pong` in place of its
        // poke would hide a lost message for ever.
        guard let head = sync.tail.head(scope) else {
            return askPoke(asker.about(topic), of: scope)
        }
        sendPoke(asker.about(topic), at: head)
    }

    private static func scope(of topic: ByteSlice) -> Name? {
        TopicName.scope(of: topic).flatMap { Name($0) }
    }

    /// Pokes one subscriber at a position that only the store knows, if it is still subscribed.
    private func askPoke(_ asker: Asker, of scope: Name) {
        let path = asker.returnPath
        askHead(of: scope, on: asker.worker.index) { live, head in
            let (asker, subscriptions) = (live.asker(path.question), live.service.subscriptions)
            guard subscriptions.topics.subscription(of: asker.socket, to: asker.topic) != nil
            else { return }
            subscriptions.sendPoke(asker, at: head)
        }
    }

    /// Asks the store where the scope is; `resume` gets it on that worker, later, or never if the
    /// store cannot be read.
    func askHead(
        of scope: Name, on worker: Int,
        _ resume: @escaping @Sendable (LiveWorker, ScopeHead) -> Void
    ) {
        let (workers, tail) = (sync.workers, sync.tail)
        sync.read(for: sync.ownAsker, of: scope) { (reader, _) throws(StoreError) in
            // Whoever is sent this head and looks must not hear from the tail of an older one.
            try tail.reading(of: scope, from: reader) { (reader) throws(StoreError) in
                try reader.head(of: scope)
            }
        } answer: { result in
            guard case .success(let head) = result else { return }
            workers.performLive(on: worker) { resume($0, head) }
        }
    }
}
