// Looking into a TopicTable: a topic's subscribers for a fan-out, a connection's topics for its
// session and its heartbeat, and the state of each subscription. Nothing here allocates but
// `topicNames(of:)`.

import MizuBytes

extension TopicTable {
    /// The topic of that name; nil if nobody is subscribed to it.
    @inlinable
    public func topic(named name: ByteSlice) -> TopicID? {
        guard let index = topicsByName[name] else { return nil }
        return TopicID(index: index, generation: topics[Int(index)].generation)
    }

    /// The topic's name; nil if it has vanished.
    @inlinable
    public func name(of topic: TopicID) -> ByteSlice? {
        isCurrent(topic) ? topics[Int(topic.index)].name : nil
    }

    /// Subscribers of the topic; 0 if it has vanished.
    @inlinable
    public func subscriberCount(of topic: TopicID) -> Int {
        isCurrent(topic) ? topics[Int(topic.index)].members.count : 0
    }

    /// A connection's subscription to a topic. O(its subscriptions).
    @inlinable
    public func subscription(of token: Token, to name: ByteSlice) -> Subscription? {
        guard let slot = slot(of: token), let topic = topicsByName[name],
            let edge = edge(ofSlot: slot, topic: topic)
        else { return nil }
        return subscription(edge)
    }

    /// The state of a subscription that was just found.
    @inlinable
    public subscript(subscription: Subscription) -> State {
        get {
            assert(isCurrent(subscription), "a Subscription outlived a change of its table")
            return edges[Int(subscription.edge)].state
        }
        set {
            assert(isCurrent(subscription), "a Subscription outlived a change of its table")
            edges[Int(subscription.edge)].state = newValue
        }
    }

    // MARK: Fan-out

    /// Begins a walk over all who are subscribed now.
    @inlinable
    public func walk(over topic: TopicID) -> TopicWalk {
        TopicWalk(topic: topic, remaining: subscriberCount(of: topic))
    }

    /// The next subscriber of a walk; nil at its end and if the topic has vanished. O(1).
    @inlinable
    public func next(_ walk: inout TopicWalk) -> Subscription? {
        walk.remaining = min(walk.remaining, subscriberCount(of: walk.topic))
        guard walk.remaining > 0 else { return nil }
        walk.remaining -= 1
        return subscription(topics[Int(walk.topic.index)].members[walk.remaining])
    }

    // MARK: A connection's topics

    /// Calls `body` for each subscription of a connection, in no promised order.
    @inlinable
    public func forEachSubscription(of token: Token, _ body: (Subscription) -> Void) {
        guard let slot = slot(of: token) else { return }
        var edge = slots[slot].firstEdge
        while edge != Self.edgeNone {
            body(subscription(edge))
            edge = edges[Int(edge)].nextOfSlot
        }
    }

    /// The subscription of a connection after the one to `topic`, in turn: the first again after
    /// the last, for nil, and where `topic` is not among them. Nil if it has none.
    /// For heartbeats: each call with the topic of the one before visits them all.
    @inlinable
    public func nextSubscription(of token: Token, after topic: TopicID?) -> Subscription? {
        guard let slot = slot(of: token) else { return nil }
        let first = slots[slot].firstEdge
        guard let topic, isCurrent(topic), let edge = edge(ofSlot: slot, topic: topic.index) else {
            return subscription(first)
        }
        let next = edges[Int(edge)].nextOfSlot
        return subscription(next == Self.edgeNone ? first : next)
    }

    /// The names of a connection's topics, for listing sessions. O(its subscriptions).
    @inlinable
    public func topicNames(of token: Token) -> [ByteSlice] {
        var names: [ByteSlice] = []
        forEachSubscription(of: token) { names.append(topics[Int($0.topic.index)].name) }
        return names
    }

    // MARK: Validity

    @inlinable
    func isCurrent(_ topic: TopicID) -> Bool {
        Int(topic.index) < topics.count && topics[Int(topic.index)].generation == topic.generation
    }

    @inlinable
    func isCurrent(_ subscription: Subscription) -> Bool {
        isCurrent(subscription.topic) && Int(subscription.edge) < edges.count
            && edges[Int(subscription.edge)].topic == subscription.topic.index
            && edges[Int(subscription.edge)].slot
                == UInt32(truncatingIfNeeded: subscription.token.index)
    }
}
