// Who is subscribed to what, on one worker: topics by name, subscribers by token, and the edges
// between them in one array, so that an idle subscription costs 20 bytes and its state, beside
// spare capacity. `State` is what the owner keeps for each subscription, such as how far it was
// sent. Keeps no history and no bytes but the topics' names. Confined to its worker. Knows no
// socket; a subscriber is a token.
//
//   slots[token's index] ─first─► edge ─nextOfSlot─► edge ─► none      a connection's topics
//   topics[id].members   = [edge, edge, edge]                          a topic's subscribers
//   edge.position        = its place in members, so that leaving is a swap with the last
//
// Generic and therefore `@inlinable` as a whole: the owner's module gets code for its own `State`.

import MizuBytes

/// Topics and their subscribers. One owner, one thread.
public struct TopicTable<State: BitwiseCopyable & Sendable>: ~Copyable {
    /// Topics of one connection; beyond it `.limitReached`.
    @usableFromInline let subscriptionsMax: Int
    @usableFromInline var edges: ContiguousArray<Edge> = []
    /// First of the unused edges, linked by `nextOfSlot`.
    @usableFromInline var firstFreeEdge = UInt32.max
    @usableFromInline var slots: ContiguousArray<Slot> = []
    @usableFromInline var topics: ContiguousArray<Topic> = []
    @usableFromInline var freeTopics: ContiguousArray<UInt32> = []
    @usableFromInline var topicsByName: [ByteSlice: UInt32] = [:]
    /// Names that got their first subscriber or lost their last, while somebody wants to know.
    @usableFromInline var movedNames: Set<ByteSlice>?

    /// One subscription.
    @usableFromInline struct Edge {
        @usableFromInline var state: State
        @usableFromInline var slot: UInt32
        @usableFromInline var topic: UInt32
        @usableFromInline var nextOfSlot: UInt32
        /// Index of this edge in its topic's `members`.
        @usableFromInline var position: UInt32

        @inlinable
        init(state: State, slot: UInt32, topic: UInt32, nextOfSlot: UInt32, position: UInt32) {
            self.state = state
            self.slot = slot
            self.topic = topic
            self.nextOfSlot = nextOfSlot
            self.position = position
        }
    }

    /// The end of a list of edges.
    @inlinable static var edgeNone: UInt32 { .max }

    /// A connection's end of its edges, at the index of its token.
    @usableFromInline struct Slot {
        @usableFromInline var generation: UInt32 = 0
        @usableFromInline var firstEdge = UInt32.max
        @usableFromInline var count: UInt32 = 0

        @inlinable
        init() {}
    }

    @usableFromInline struct Topic {
        @usableFromInline var name: ByteSlice
        @usableFromInline var generation: UInt32
        @usableFromInline var members: ContiguousArray<UInt32>

        @inlinable
        init(name: ByteSlice, generation: UInt32, members: ContiguousArray<UInt32>) {
            self.name = name
            self.generation = generation
            self.members = members
        }
    }

    /// - Parameter subscriptionsMax: topics of one connection; beyond it `.limitReached`.
    @inlinable
    public init(subscriptionsMax: Int) { self.subscriptionsMax = subscriptionsMax }

    /// What one idle subscription costs in this table, in bytes: its edge and its place among
    /// the topic's members. Arrays may have as much again in reserve.
    public static var bytesPerSubscription: Int {
        MemoryLayout<Edge>.stride + MemoryLayout<UInt32>.stride
    }

    /// What a connection costs in this table while it has no subscription, in bytes.
    public static var bytesPerConnection: Int { MemoryLayout<Slot>.stride }

    /// Subscriptions of all connections.
    @inlinable public var count: Int { subscriptionCount }
    @usableFromInline var subscriptionCount = 0

    /// Remembers from now on which topics begin and end to exist.
    public mutating func watchTopics() { movedNames = [] }

    /// Whether `takeMovedTopics` has something.
    @inlinable
    public var hasMovedTopics: Bool { movedNames.map { !$0.isEmpty } ?? false }

    /// The topics that have begun or ended since the last call, and whether each exists now. One
    /// that has done both is among them.
    public mutating func takeMovedTopics() -> [(name: ByteSlice, exists: Bool)] {
        guard let names = movedNames else { return [] }
        movedNames = []
        return names.map { ($0, topicsByName[$0] != nil) }
    }

    /// Topics that have a subscriber; others do not exist.
    @inlinable public var topicCount: Int { topicsByName.count }

    // MARK: Subscribing

    /// Subscribes a connection to a topic, or replaces its subscription. O(its subscriptions).
    /// - Parameters:
    ///   - name: copied if the topic is new.
    ///   - state: how it begins.
    @inlinable
    public mutating func subscribe(
        _ token: Token, to name: ByteSlice, as state: State
    ) -> SubscribeOutcome {
        let slot = token.index
        prepareSlot(token)
        if let topic = topicsByName[name], let edge = edge(ofSlot: slot, topic: topic) {
            edges[Int(edge)].state = state
            return .replaced(subscription(edge))
        }
        guard Int(slots[slot].count) < subscriptionsMax else {
            return .limitReached
        }
        let topic = topicsByName[name] ?? addTopic(name)
        let edge = addEdge(
            Edge(
                state: state, slot: UInt32(truncatingIfNeeded: slot), topic: topic,
                nextOfSlot: slots[slot].firstEdge,
                position: UInt32(truncatingIfNeeded: topics[Int(topic)].members.count)))
        topics[Int(topic)].members.append(edge)
        slots[slot].firstEdge = edge
        slots[slot].count += 1
        subscriptionCount += 1
        return .added(subscription(edge))
    }

    /// Ends a subscription. O(the connection's subscriptions).
    /// - Returns: whether there was one.
    @inlinable
    @discardableResult
    public mutating func unsubscribe(_ token: Token, from name: ByteSlice) -> Bool {
        guard let slot = slot(of: token), let topic = topicsByName[name] else { return false }
        var previous = Self.edgeNone
        var edge = slots[slot].firstEdge
        while edge != Self.edgeNone {
            let next = edges[Int(edge)].nextOfSlot
            if edges[Int(edge)].topic == topic {
                if previous == Self.edgeNone {
                    slots[slot].firstEdge = next
                } else {
                    edges[Int(previous)].nextOfSlot = next
                }
                slots[slot].count -= 1
                removeEdge(edge)
                return true
            }
            previous = edge
            edge = next
        }
        return false
    }

    /// Ends all subscriptions of a connection. O(its subscriptions).
    @inlinable
    public mutating func removeAll(_ token: Token) {
        guard let slot = slot(of: token) else { return }
        var edge = slots[slot].firstEdge
        slots[slot].firstEdge = Self.edgeNone
        slots[slot].count = 0
        while edge != Self.edgeNone {
            let next = edges[Int(edge)].nextOfSlot
            removeEdge(edge)
            edge = next
        }
    }

    // MARK: Parts of it

    /// The index of a token's slot, if it has subscriptions there.
    @inlinable
    func slot(of token: Token) -> Int? {
        let slot = token.index
        guard slot < slots.count, slots[slot].generation == token.generation,
            slots[slot].count > 0
        else { return nil }
        return slot
    }

    /// The edge of a slot to a topic. O(the slot's edges).
    @inlinable
    func edge(ofSlot slot: Int, topic: UInt32) -> UInt32? {
        var edge = slots[slot].firstEdge
        while edge != Self.edgeNone {
            if edges[Int(edge)].topic == topic { return edge }
            edge = edges[Int(edge)].nextOfSlot
        }
        return nil
    }

    @inlinable
    func subscription(_ edge: UInt32) -> Subscription {
        let slot = edges[Int(edge)].slot
        let topic = edges[Int(edge)].topic
        return Subscription(
            token: Token(index: Int(slot), generation: slots[Int(slot)].generation),
            topic: TopicID(index: topic, generation: topics[Int(topic)].generation),
            edge: edge)
    }

    /// Makes the slot the token's own: there, and free of an earlier generation's edges.
    @inlinable
    mutating func prepareSlot(_ token: Token) {
        let slot = token.index
        if slot >= slots.count {
            slots.append(contentsOf: repeatElement(Slot(), count: slot + 1 - slots.count))
        }
        guard slots[slot].generation != token.generation else { return }
        removeAll(Token(index: slot, generation: slots[slot].generation))
        slots[slot].generation = token.generation
    }

    @inlinable
    mutating func addTopic(_ name: ByteSlice) -> UInt32 {
        let name = name.compacted
        let index: UInt32
        if let free = freeTopics.popLast() {
            index = free
            topics[Int(index)].name = name
        } else {
            index = UInt32(truncatingIfNeeded: topics.count)
            topics.append(Topic(name: name, generation: 0, members: []))
        }
        topicsByName[name] = index
        movedNames?.insert(name)
        return index
    }

    @inlinable
    mutating func addEdge(_ edge: Edge) -> UInt32 {
        guard firstFreeEdge != Self.edgeNone else {
            edges.append(edge)
            return UInt32(truncatingIfNeeded: edges.count - 1)
        }
        let index = firstFreeEdge
        firstFreeEdge = edges[Int(index)].nextOfSlot
        edges[Int(index)] = edge
        return index
    }

    /// Takes an edge out of its topic and frees it; its slot's list is the caller's.
    @inlinable
    mutating func removeEdge(_ index: UInt32) {
        let topic = Int(edges[Int(index)].topic)
        let position = Int(edges[Int(index)].position)
        topics[topic].members.swapAt(position, topics[topic].members.count - 1)
        topics[topic].members.removeLast()
        if position < topics[topic].members.count {
            let moved = topics[topic].members[position]
            edges[Int(moved)].position = UInt32(truncatingIfNeeded: position)
        }
        edges[Int(index)].nextOfSlot = firstFreeEdge
        firstFreeEdge = index
        subscriptionCount -= 1
        if topics[topic].members.isEmpty { removeTopic(topic) }
    }

    @inlinable
    mutating func removeTopic(_ topic: Int) {
        topicsByName[topics[topic].name] = nil
        movedNames?.insert(topics[topic].name)
        topics[topic].name = .empty
        topics[topic].members = []
        topics[topic].generation &+= 1
        freeTopics.append(UInt32(truncatingIfNeeded: topic))
    }
}
