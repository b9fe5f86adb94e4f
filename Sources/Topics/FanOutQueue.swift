// What was published to topics and is still to be sent to their subscribers: queued by topic, and
// walked over the subscribers in slices, so that the worker's other connections are served between
// two of them. What is published to one topic goes together, so a subscriber is visited once for
// all of it and gets it in one write. Knows no socket: whoever owns it says how a subscriber is
// sent something. Confined to its worker.
//
//   add ──► waiting ──the oldest topic, with what waits for it──► under way ──its end──► ended
//                                                                   │   ▲
//                                                                   └───┘ a slice for each tick
//
// Subscribers may come and go at any time, during a visit too: the walk is the owner's, and must
// bear it (`TopicWalk`, `PresenceWalk`). Contents may be added during a visit.

/// Whether anything is left to be sent.
public enum FanOutProgress: Sendable { case done, more }

/// Fan-outs to the subscribers of topics. One owner, one thread.
///
/// A class, so that whoever is called during `work` may add to it. Generic and therefore
/// `@inlinable`: the walk costs no call for a subscriber but the owner's own.
public final class FanOutQueue<Topic: Equatable, Walk, Content> {
    @usableFromInline let waitingMax: Int
    @usableFromInline let togetherMax: Int
    @usableFromInline var waiting: [(topic: Topic, content: Content)] = []
    @usableFromInline var round: Round?

    /// The fan-out that is under way.
    @usableFromInline struct Round {
        @usableFromInline var contents: [Content]
        @usableFromInline var walk: Walk

        @inlinable
        init(contents: [Content], walk: Walk) {
            self.contents = contents
            self.walk = walk
        }
    }

    /// - Parameters:
    ///   - waitingMax: contents that may wait before `isFull`; what happens then is the owner's.
    ///   - togetherMax: contents that share a walk.
    @inlinable
    public init(waitingMax: Int = .max, togetherMax: Int = 64) {
        self.waitingMax = waitingMax
        self.togetherMax = togetherMax
    }

    @inlinable public var isEmpty: Bool { round == nil && waiting.isEmpty }

    /// Whether so much waits that something should be left out.
    @inlinable public var isFull: Bool { waiting.count >= waitingMax }

    /// Queues a content for all who are subscribed when its turn comes.
    @inlinable
    public func add(_ content: Content, to topic: Topic) {
        waiting.append((topic, content))
    }

    /// Takes out the oldest content that waits for a topic and that `isReplaceable`. O(waiting).
    @inlinable
    public func removeOldest(
        of topic: Topic, where isReplaceable: (Content) -> Bool = { _ in true }
    ) {
        let oldest = waiting.firstIndex { $0.topic == topic && isReplaceable($0.content) }
        if let oldest { waiting.remove(at: oldest) }
    }

    /// Visits as many subscribers as the budget allows. To be called once for each tick.
    /// - Parameters:
    ///   - budget: subscribers to be visited.
    ///   - begin: the walk over a topic's subscribers; nil if it has none left.
    ///   - next: the next subscriber of a walk; nil at its end.
    ///   - visit: sends the contents, in their order, to one subscriber.
    ///   - end: all subscribers were visited.
    @inlinable
    public func work<Subscriber>(
        budget: Int, begin: (Topic) -> Walk?, next: (inout Walk) -> Subscriber?,
        visit: (Subscriber, inout [Content]) -> Void, end: (Content) -> Void
    ) -> FanOutProgress {
        var budget = budget
        while budget > 0, beginRound(begin) {
            // Taken out while it is worked on, so that a visit may reach the queue.
            guard var current = round.take() else { break }
            while budget > 0 {
                guard let subscriber = next(&current.walk) else {
                    for content in current.contents { end(content) }
                    break
                }
                budget -= 1
                visit(subscriber, &current.contents)
                if budget == 0 { round = current }
            }
        }
        return isEmpty ? .done : .more
    }

    /// Takes up the oldest content, with all that wait for the same topic.
    /// - Returns: whether a round is under way.
    @inlinable
    func beginRound(_ begin: (Topic) -> Walk?) -> Bool {
        while round == nil {
            guard let topic = waiting.first?.topic else { return false }
            let contents = takeTogether(topic)
            if let walk = begin(topic) { round = Round(contents: contents, walk: walk) }
        }
        return true
    }

    /// Takes out what waits for a topic, at most `togetherMax`.
    @inlinable
    func takeTogether(_ topic: Topic) -> [Content] {
        let first = waiting.prefix(togetherMax).prefix { $0.topic == topic }
        var contents = first.map(\.content)
        waiting.removeFirst(contents.count)
        guard contents.count < togetherMax, !waiting.isEmpty else { return contents }
        waiting.removeAll { element in
            guard element.topic == topic, contents.count < togetherMax else { return false }
            contents.append(element.content)
            return true
        }
        return contents
    }
}
