// Presence over nodes, for the topics that one worker owns. Each node tells the others who is in a
// topic by its own sockets, as a log of its own with versions; the others enter these members into
// their tables beside their own, one connection for each node and member. So a member is here as
// long as any node has it, and graces, intervals and limits are those of PresenceTable.
//
//   own socket ──► table, and `own` ──advance──► changes for the others
//   another's changes ──continue what is known──► guests ──► table
//          └──a gap──► ask ──► its list ──► guests ──► table
//   a node is gone: its guests leave; it has ended in order: their graces begin
//
// What a node said before a gap is doubted: if its list does not come in time, its guests leave.
// Nothing here is trusted to be well-formed: entries are made by the same limits as own ones.
// Confined to its worker; sends nothing, what is to be said is returned.

import MizuBytes
import MizuTopics

/// What the others are told of this worker's topics, and what they have told. One owner, one
/// thread.
struct SharedPresence: ~Copyable {
    private let limits: PresenceLimits
    /// The members of this node alone, which the others are told.
    private var own: PresenceTable
    private var topics: [ByteSlice: [NodeID: Guests]] = [:]
    /// Each node's number stands where a worker's does in the table; workers' begin at 0.
    private var nodeNumbers: [NodeID: Int] = [:]
    private var lastNumber = 0
    private var lastToken: UInt64 = 0
    /// Topics whose guests may be old, until when their nodes have to say so.
    private var doubts: [ByteSlice: UInt64] = [:]

    /// The members of a topic that one node has.
    private struct Guests {
        /// Of the last message; nil: one was missed.
        var version: Int?
        /// Whether it has said all since its topic was doubted last.
        var isConfirmed = true
        var connections: [ByteSlice: PresenceConnection] = [:]
    }

    /// What a message leads to.
    enum Reply: Equatable {
        case nothing
        /// Something was missed: ask all nodes.
        case ask
        /// Tell all nodes.
        case tell(PresenceShare)
    }

    /// How long a node may take to answer a question for its list.
    static let answerNanoseconds: UInt64 = 3_000_000_000
    /// Nodes whose members of one topic are remembered.
    private static let nodesMax = 1_024

    init(limits: PresenceLimits) {
        self.limits = limits
        var all = limits
        // By name, however many: the limits of what sockets are told are the other table's.
        (all.namedMembersMax, all.namedBytesMax) = (.max, .max)
        own = PresenceTable(limits: all, tellsNobody: true)
    }

    // MARK: Own members

    /// A socket of this node is in the topic as that member; nil: as none.
    mutating func enter(
        _ connection: PresenceConnection, _ topic: ByteSlice, as entry: PresenceEntry?, now: UInt64
    ) {
        guard let entry else { return own.leave(connection, topic, now: now) }
        _ = own.enter(connection, topic, as: entry, now: now)
    }

    mutating func leave(_ connection: PresenceConnection, _ topic: ByteSlice, now: UInt64) {
        own.leave(connection, topic, now: now)
    }

    mutating func lose(_ connection: PresenceConnection, _ topic: ByteSlice, now: UInt64) {
        own.lose(connection, topic, now: now)
    }

    /// When `advance` has something to do.
    var next: UInt64? {
        let doubt = doubts.values.min()
        guard let due = own.next else { return doubt }
        return min(due, doubt ?? .max)
    }

    /// Makes what is to be told, and lets guests go that nobody vouches for.
    mutating func advance(
        _ table: inout PresenceTable, to now: UInt64
    ) -> [(topic: ByteSlice, share: PresenceShare)] {
        if !doubts.isEmpty {
            for (topic, due) in doubts where due <= now { settle(topic, &table, now) }
        }
        return own.advance(to: now).map { news in
            switch news.content {
            // All that there are: whoever missed what was before need not ask.
            case .changes(let joined, _) where joined.count == news.count:
                (news.topic, .list(version: news.version, members: Self.array(joined)))
            case .changes(let joined, let left):
                (
                    news.topic,
                    .changes(
                        base: news.base, version: news.version, joined: Self.array(joined),
                        left: left)
                )
            case .members(let all):
                (news.topic, .list(version: news.version, members: Self.array([all])))
            // There is no limit to names.
            case .countAlone: (news.topic, .ask)
            }
        }
    }

    /// This node's members of a topic.
    func list(of topic: ByteSlice) -> PresenceShare {
        guard let list = own.list(of: topic), let members = list.members else {
            return .list(version: 0, members: "[]")
        }
        return .list(version: list.version, members: Self.array([members]))
    }

    private static func array(_ values: [ByteSlice]) -> ByteSlice {
        var text = ByteBuffer(capacity: values.reduce(2) { $0 + $1.count + 1 })
        text.append(UInt8(ascii: "["))
        for (index, value) in values.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            text.append(value)
        }
        text.append(UInt8(ascii: "]"))
        return text.finish()
    }

    // MARK: Others' members

    /// Takes in what a node has said of a topic that is watched here.
    mutating func take(
        _ share: PresenceShare, of topic: ByteSlice, from node: NodeID,
        _ table: inout PresenceTable, now: UInt64
    ) -> Reply {
        switch share {
        case .ask: return .tell(list(of: topic))
        case .list(let version, let members):
            guard var guests = takeGuests(of: node, in: topic) else { return .nothing }
            var gone = guests.connections
            for entry in entries(in: members) {
                gone[entry.id] = nil
                enter(entry, of: node, topic, &guests, &table, now)
            }
            for id in gone.keys { leave(id, topic, &guests, &table, now) }
            (guests.version, guests.isConfirmed) = (version, true)
            put(guests, of: node, in: topic)
            return .nothing
        case .changes(let base, let version, let joined, let left):
            guard var guests = takeGuests(of: node, in: topic) else { return .nothing }
            if let known = guests.version, version <= known {
                put(guests, of: node, in: topic)
                return .nothing
            }
            // The first that it says of a topic continues nothing.
            let continues = guests.version == base
            for entry in entries(in: joined) { enter(entry, of: node, topic, &guests, &table, now) }
            for id in left { leave(id, topic, &guests, &table, now) }
            guests.version = continues ? version : nil
            put(guests, of: node, in: topic)
            guard !continues, doubts[topic] == nil else { return .nothing }
            doubts[topic] = now.addingReportingOverflow(Self.answerNanoseconds).partialValue
            return .ask
        }
    }

    /// What is known of a topic may be old: every node that has members there has to say so again.
    mutating func doubt(_ topic: ByteSlice, now: UInt64) {
        for node in topics[topic, default: [:]].keys { topics[topic]?[node]?.isConfirmed = false }
        doubts[topic] = now.addingReportingOverflow(Self.answerNanoseconds).partialValue
    }

    /// The topics in which a node has members.
    func topics(of node: NodeID) -> [ByteSlice] {
        topics.filter { $0.value[node] != nil }.map(\.key)
    }

    /// A node is gone: its members leave. If it has ended in order, they get their grace: they are
    /// on their way to another node.
    mutating func nodeLeft(
        _ node: NodeID, inOrder: Bool, _ table: inout PresenceTable, now: UInt64
    ) {
        for topic in topics(of: node) {
            guard let guests = topics[topic]?.removeValue(forKey: node) else { continue }
            for connection in guests.connections.values {
                if inOrder {
                    table.lose(connection, topic, now: now)
                } else {
                    table.leave(connection, topic, now: now)
                }
            }
            if topics[topic]?.isEmpty == true { topics[topic] = nil }
        }
        nodeNumbers[node] = nil
    }

    /// Nobody here watches the topic any more.
    mutating func forget(_ topic: ByteSlice, _ table: inout PresenceTable, now: UInt64) {
        doubts[topic] = nil
        for guests in (topics.removeValue(forKey: topic) ?? [:]).values {
            for connection in guests.connections.values {
                table.leave(connection, topic, now: now)
            }
        }
    }

    // MARK: Parts of it

    private mutating func takeGuests(of node: NodeID, in topic: ByteSlice) -> Guests? {
        if let guests = topics[topic]?.removeValue(forKey: node) { return guests }
        guard (topics[topic]?.count ?? 0) < Self.nodesMax else { return nil }
        return Guests()
    }

    private mutating func put(_ guests: Guests, of node: NodeID, in topic: ByteSlice) {
        topics[topic.compacted, default: [:]][node] = guests
    }

    private func entries(in array: ByteSlice) -> [PresenceEntry] {
        var objects = JSONObjects(JSONValue(validated: array), membersNamed: ["id", "info"])
        var all: [PresenceEntry] = []
        while all.count < limits.membersMax, (try? objects.next()) != nil {
            guard let id = objects.found[0]?.utf8,
                let entry = PresenceEntry(id: id, info: objects.found[1], limits: limits)
            else { continue }
            all.append(entry)
        }
        return all
    }

    private mutating func enter(
        _ entry: PresenceEntry, of node: NodeID, _ topic: ByteSlice, _ guests: inout Guests,
        _ table: inout PresenceTable, _ now: UInt64
    ) {
        let known = guests.connections[entry.id]
        guard known != nil || guests.connections.count < limits.membersMax else { return }
        let connection = known ?? newConnection(of: node)
        guard table.enter(connection, topic, as: entry, now: now)?.isShown == true else {
            table.leave(connection, topic, now: now)
            guests.connections[entry.id] = nil
            return
        }
        guests.connections[entry.id] = connection
    }

    private mutating func leave(
        _ id: ByteSlice, _ topic: ByteSlice, _ guests: inout Guests,
        _ table: inout PresenceTable, _ now: UInt64
    ) {
        guard let connection = guests.connections.removeValue(forKey: id) else { return }
        table.leave(connection, topic, now: now)
    }

    private mutating func newConnection(of node: NodeID) -> PresenceConnection {
        if nodeNumbers[node] == nil {
            lastNumber += 1
            nodeNumbers[node] = lastNumber
        }
        lastToken += 1
        return PresenceConnection(
            worker: -(nodeNumbers[node] ?? 0), token: Token(bits: lastToken))
    }

    /// The time to answer is over.
    private mutating func settle(_ topic: ByteSlice, _ table: inout PresenceTable, _ now: UInt64) {
        doubts[topic] = nil
        for (node, guests) in topics[topic] ?? [:] where !guests.isConfirmed {
            for connection in guests.connections.values {
                table.leave(connection, topic, now: now)
            }
            topics[topic]?[node] = nil
        }
    }
}
