// Who is subscribed to what, on one worker: topics by name, subscribers by token, and the edges
// between them in one array, so that an idle subscription costs 36 bytes beside spare capacity.
// Keeps no history and no bytes but the topics' names: who missed something asks Sync.
// Confined to its worker. Knows no socket; a subscriber is a token.
//
//   slots[token's index] ─first─► edge ─nextOfSlot─► edge ─► none      a connection's topics
//   topics[id].members   = [edge, edge, edge]                          a topic's subscribers
//   edge.position        = its place in members, so that leaving is a swap with the last

import MizuBytes

/// Topics and their subscribers. One owner, one thread.
public struct TopicTable: ~Copyable {
    let limits: LiveLimits
    var edges: ContiguousArray<Edge> = []
    /// First of the unused edges, linked by `nextOfSlot`.
    var firstFreeEdge = Edge.none
    var slots: ContiguousArray<Slot> = []
    var topics: ContiguousArray<Topic> = []
    var freeTopics: ContiguousArray<UInt32> = []
    var topicsByName: [ByteSlice: UInt32] = [:]

    /// One subscription.
    struct Edge {
        static let none = UInt32.max

        var state: SubscriptionState
        var slot: UInt32
        var topic: UInt32
        var nextOfSlot: UInt32
        /// Index of this edge in its topic's `members`.
        var position: UInt32
    }

    /// A connection's end of its edges, at the index of its token.
    struct Slot {
        var generation: UInt32 = 0
        var firstEdge = Edge.none
        var count: UInt32 = 0
    }

    struct Topic {
        var name: ByteSlice
        var generation: UInt32
        var members: ContiguousArray<UInt32>
    }

    public init(limits: LiveLimits = .default) { self.limits = limits }

    /// What one idle subscription costs in this table, in bytes: its edge and its place among
    /// the topic's members. Arrays may have as much again in reserve.
    public static var bytesPerSubscription: Int {
        MemoryLayout<Edge>.stride + MemoryLayout<UInt32>.stride
    }

    /// Subscriptions of all connections.
    public private(set) var count = 0

    /// Topics that have a subscriber; others do not exist.
    public var topicCount: Int { topicsByName.count }

    // MARK: Subscribing

    /// Subscribes a connection to a topic, or replaces its subscription. O(its subscriptions).
    /// - Parameters:
    ///   - name: copied if the topic is new.
    ///   - sent: where it begins: the cursor that its ack tells, or the one it came with.
    public mutating func subscribe(
        _ token: UInt64, to name: ByteSlice, mode: SubscriptionMode, sent: Int
    ) -> SubscribeOutcome {
        let slot = Self.slotIndex(token)
        prepareSlot(slot, token)
        let state = SubscriptionState(mode: mode, sent: sent)
        if let topic = topicsByName[name], let edge = edge(ofSlot: slot, topic: topic) {
            edges[Int(edge)].state = state
            return .replaced(subscription(edge))
        }
        guard Int(slots[slot].count) < limits.subscriptionsPerConnectionMax else {
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
        count += 1
        return .added(subscription(edge))
    }

    /// Ends a subscription. O(the connection's subscriptions).
    /// - Returns: whether there was one.
    @discardableResult
    public mutating func unsubscribe(_ token: UInt64, from name: ByteSlice) -> Bool {
        guard let slot = slot(of: token), let topic = topicsByName[name] else { return false }
        var previous = Edge.none
        var edge = slots[slot].firstEdge
        while edge != Edge.none {
            let next = edges[Int(edge)].nextOfSlot
            if edges[Int(edge)].topic == topic {
                if previous == Edge.none {
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
    public mutating func removeAll(_ token: UInt64) {
        guard let slot = slot(of: token) else { return }
        var edge = slots[slot].firstEdge
        slots[slot].firstEdge = Edge.none
        slots[slot].count = 0
        while edge != Edge.none {
            let next = edges[Int(edge)].nextOfSlot
            removeEdge(edge)
            edge = next
        }
    }

    // MARK: Parts of it

    static func slotIndex(_ token: UInt64) -> Int { Int(UInt32(truncatingIfNeeded: token)) }
    static func generation(_ token: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: token >> 32) }

    /// The index of a token's slot, if it has subscriptions there.
    func slot(of token: UInt64) -> Int? {
        let slot = Self.slotIndex(token)
        guard slot < slots.count, slots[slot].generation == Self.generation(token),
            slots[slot].count > 0
        else { return nil }
        return slot
    }

    /// The edge of a slot to a topic. O(the slot's edges).
    func edge(ofSlot slot: Int, topic: UInt32) -> UInt32? {
        var edge = slots[slot].firstEdge
        while edge != Edge.none {
            if edges[Int(edge)].topic == topic { return edge }
            edge = edges[Int(edge)].nextOfSlot
        }
        return nil
    }

    func subscription(_ edge: UInt32) -> Subscription {
        let slot = edges[Int(edge)].slot
        let topic = edges[Int(edge)].topic
        return Subscription(
            token: UInt64(slots[Int(slot)].generation) << 32 | UInt64(slot),
            topic: TopicID(index: topic, generation: topics[Int(topic)].generation),
            edge: edge)
    }

    /// Makes the slot the token's own: there, and free of an earlier generation's edges.
    private mutating func prepareSlot(_ slot: Int, _ token: UInt64) {
        if slot >= slots.count {
            slots.append(contentsOf: repeatElement(Slot(), count: slot + 1 - slots.count))
        }
        let generation = Self.generation(token)
        guard slots[slot].generation != generation else { return }
        removeAll(UInt64(slots[slot].generation) << 32 | UInt64(slot))
        slots[slot].generation = generation
    }

    private mutating func addTopic(_ name: ByteSlice) -> UInt32 {
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
        return index
    }

    private mutating func addEdge(_ edge: Edge) -> UInt32 {
        guard firstFreeEdge != Edge.none else {
            edges.append(edge)
            return UInt32(truncatingIfNeeded: edges.count - 1)
        }
        let index = firstFreeEdge
        firstFreeEdge = edges[Int(index)].nextOfSlot
        edges[Int(index)] = edge
        return index
    }

    /// Takes an edge out of its topic and frees it; its slot's list is the caller's.
    private mutating func removeEdge(_ index: UInt32) {
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
        count -= 1
        if topics[topic].members.isEmpty { removeTopic(topic) }
    }

    private mutating func removeTopic(_ topic: Int) {
        topicsByName[topics[topic].name] = nil
        topics[topic].name = .empty
        topics[topic].members = []
        topics[topic].generation &+= 1
        freeTopics.append(UInt32(truncatingIfNeeded: topic))
    }
}
