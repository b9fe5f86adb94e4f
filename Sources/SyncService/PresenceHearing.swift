// What the other nodes have told of their members, for the topics that one worker owns: of each
// node and topic the last version that is known whole, and the members of then, entered into the
// table of the topic as one connection for each. Nothing is taken in that does not continue what is
// known, so what is shown is always what that node once had.
//
//             ┌──a change that continues it──┐
//             ▼                              │
//   nothing ──list──► current ───────────────┘
//      │                │  ▲
//      │                │  └──list, or changes up to the newest version that was heard of──┐
//      └──a version, or─┴──a gap, a newer version──► behind: asks that node now, then after  │
//         a change                                   1 beat, 2, 4, … 16 ───────────────────┘
//
//   nothing heard of it for 40 beats: forgotten, its members leave
//   the node is silent: its members leave, and it is behind (asked when it is heard again)
//
// Every message may be lost, late, doubled or out of order: an old one says nothing new, and a
// missing one shows by the next version, which its node repeats (PresenceTelling). Who begins to
// follow a topic asks all nodes for their versions, three times. Beats are not counted while there
// is no link. Nothing is trusted to be well-formed: entries are made by the same limits as own
// ones. Confined to its worker; sends nothing.

import MizuBytes
import MizuTopics

/// The others' part of presence over nodes. One owner, one thread.
struct PresenceHearing: ~Copyable {
    private let limits: PresenceLimits
    private var topics: [ByteSlice: [NodeID: Guests]] = [:]
    /// Those that are behind, and when they are asked next.
    private var behind: [Place: Wait] = [:]
    /// Topics that were begun to be followed, and when all nodes are asked next.
    private var begun: [ByteSlice: Wait] = [:]
    private var beatCount = 0
    /// Each node's number stands where a worker's does in the table; workers' begin at 0.
    private var nodeNumbers: [NodeID: Int] = [:]
    private var lastNumber = 0
    private var lastToken: UInt64 = 0

    private struct Place: Hashable {
        let topic: ByteSlice
        let node: NodeID
    }

    /// In beats.
    private struct Wait {
        var wait = 1
        var left = 1

        /// - Returns: whether it is over; then a longer one has begun.
        mutating func beat() -> Bool {
            left -= 1
            guard left <= 0 else { return false }
            wait = min(wait * 2, PresenceTelling.waitMax)
            left = wait
            return true
        }
    }

    /// The members of a topic that one node has.
    private struct Guests {
        /// The version at which `connections` are its members; nil: of none.
        var version: Int?
        /// The newest version that was heard of.
        var newest = 0
        /// In which beat it was heard last.
        var heardAt: Int
        var connections: [ByteSlice: PresenceConnection] = [:]
        var gathering: Gathering?

        var isBehind: Bool { version.map { $0 < newest } ?? true }
    }

    /// A list of which not all parts have come.
    private struct Gathering {
        let version: Int
        let partCount: Int
        var parts: [Int: [PresenceEntry]] = [:]
        var entryCount = 0
    }

    /// Beats after which a node that says nothing of a topic has no members there.
    static let beatsMax = 40
    /// Beats from one look for these to the next.
    private static let lookBeats = 8
    /// Nodes whose members of one topic are remembered.
    private static let nodesMax = 1_024

    init(limits: PresenceLimits) { self.limits = limits }

    /// Whether anything waits for a beat.
    var hasBeats: Bool { !topics.isEmpty || !begun.isEmpty }

    // MARK: Messages

    /// Takes in what a node has said of a topic that is watched here.
    /// - Returns: whether it is to be asked for its list.
    mutating func take(
        _ share: PresenceShare, of topic: ByteSlice, from node: NodeID,
        _ table: inout PresenceTable, now: UInt64
    ) -> Bool {
        let place = Place(topic: topic.compacted, node: node)
        guard var guests = takeGuests(place) else { return false }
        guests.heardAt = beatCount
        let before = guests.version
        switch share {
        case .ask: break
        case .version(let version): guests.newest = max(guests.newest, version)
        case .list(let version, let part, let count, let members):
            guests.newest = max(guests.newest, version)
            guard guests.version.map({ $0 < version }) ?? true,
                let all = gather(members, part, of: count, version, &guests)
            else { break }
            replace(all, place, &guests, &table, now)
            guests.version = version
        case .changes(let base, let version, let joined, let left):
            guests.newest = max(guests.newest, version)
            guard guests.version == base else { break }
            for entry in entries(in: joined) { enter(entry, place, &guests, &table, now) }
            for id in left { leave(id, place, &guests, &table, now) }
            guests.version = version
        }
        if let version = guests.version, let gathering = guests.gathering,
            gathering.version <= version
        {
            guests.gathering = nil
        }
        let isBehind = guests.isBehind
        topics[place.topic, default: [:]][node] = guests
        guard isBehind else {
            behind[place] = nil
            return false
        }
        if behind[place] == nil {
            behind[place] = Wait()
            return true
        }
        // It goes forward, so it is worth asking soon.
        if guests.version != before { behind[place] = Wait() }
        return false
    }

    private mutating func takeGuests(_ place: Place) -> Guests? {
        if let guests = topics[place.topic]?.removeValue(forKey: place.node) { return guests }
        guard (topics[place.topic]?.count ?? 0) < Self.nodesMax else { return nil }
        return Guests(heardAt: beatCount)
    }

    /// - Returns: the whole list, if this was what was missing of it.
    private func gather(
        _ members: ByteSlice, _ part: Int, of count: Int, _ version: Int, _ guests: inout Guests
    ) -> [PresenceEntry]? {
        guard count > 1 else { return entries(in: members) }
        if let gathering = guests.gathering, gathering.version > version { return nil }
        var gathering = guests.gathering ?? Gathering(version: version, partCount: count)
        if gathering.version != version || gathering.partCount != count {
            gathering = Gathering(version: version, partCount: count)
        }
        if gathering.parts[part] == nil {
            let room = max(0, limits.membersMax - gathering.entryCount)
            let entries = Array(entries(in: members).prefix(room))
            gathering.parts[part] = entries
            gathering.entryCount += entries.count
        }
        guests.gathering = gathering
        guard gathering.parts.count == count else { return nil }
        return (0..<count).flatMap { gathering.parts[$0] ?? [] }
    }

    private mutating func replace(
        _ all: [PresenceEntry], _ place: Place, _ guests: inout Guests,
        _ table: inout PresenceTable, _ now: UInt64
    ) {
        var gone = guests.connections
        for entry in all { gone[entry.id] = nil }
        // First, so that there is room for who came.
        for id in gone.keys { leave(id, place, &guests, &table, now) }
        for entry in all { enter(entry, place, &guests, &table, now) }
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
        _ entry: PresenceEntry, _ place: Place, _ guests: inout Guests,
        _ table: inout PresenceTable, _ now: UInt64
    ) {
        let known = guests.connections[entry.id]
        guard known != nil || guests.connections.count < limits.membersMax else { return }
        let connection = known ?? newConnection(of: place.node)
        guard table.enter(connection, place.topic, as: entry, now: now)?.isShown == true else {
            table.leave(connection, place.topic, now: now)
            guests.connections[entry.id] = nil
            return
        }
        guests.connections[entry.id] = connection
    }

    private mutating func leave(
        _ id: ByteSlice, _ place: Place, _ guests: inout Guests,
        _ table: inout PresenceTable, _ now: UInt64
    ) {
        guard let connection = guests.connections.removeValue(forKey: id) else { return }
        table.leave(connection, place.topic, now: now)
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

    // MARK: Time

    /// A topic is followed from now on, or again: all nodes are asked, and asked again.
    mutating func begin(_ topic: ByteSlice) { begun[topic.compacted] = Wait() }

    /// Asks again where no answer has come, and forgets who says nothing.
    mutating func beat(
        _ table: inout PresenceTable, now: UInt64, _ said: inout [SharedPresence.Telling]
    ) {
        beatCount += 1
        for topic in begun.keys where begun[topic]?.beat() == true {
            said.append((topic, .ask(of: nil)))
            if begun[topic]?.wait ?? 0 > 4 { begun[topic] = nil }
        }
        for place in behind.keys where behind[place]?.beat() == true {
            said.append((place.topic, .ask(of: place.node)))
        }
        guard beatCount % Self.lookBeats == 0 else { return }
        for (topic, nodes) in topics {
            for (node, guests) in nodes where beatCount - guests.heardAt > Self.beatsMax {
                remove(node, topic, &table) { $0.leave($1, topic, now: now) }
            }
        }
    }

    // MARK: Nodes

    private mutating func remove(
        _ node: NodeID, _ topic: ByteSlice, _ table: inout PresenceTable,
        _ end: (inout PresenceTable, PresenceConnection) -> Void
    ) {
        guard let guests = topics[topic]?.removeValue(forKey: node) else { return }
        for connection in guests.connections.values { end(&table, connection) }
        behind[Place(topic: topic, node: node)] = nil
        if topics[topic]?.isEmpty == true { topics[topic] = nil }
    }

    /// A node has ended in order: its members get their grace, since they are on their way to
    /// another node.
    mutating func ended(_ node: NodeID, _ table: inout PresenceTable, now: UInt64) {
        for topic in Array(topics.keys) {
            remove(node, topic, &table) { $0.lose($1, topic, now: now) }
        }
        nodeNumbers[node] = nil
    }

    /// A node is not heard any more: its members leave. That it had some is remembered for a
    /// while, because it may only have been paused.
    mutating func silent(_ node: NodeID, _ table: inout PresenceTable, now: UInt64) {
        for (topic, nodes) in topics {
            guard var guests = nodes[node] else { continue }
            for connection in guests.connections.values {
                table.leave(connection, topic, now: now)
            }
            (guests.connections, guests.version, guests.gathering) = ([:], nil, nil)
            topics[topic]?[node] = guests
            behind[Place(topic: topic, node: node)] = Wait()
        }
    }

    /// A node is heard again.
    mutating func appeared(_ node: NodeID, _ said: inout [SharedPresence.Telling]) {
        for (topic, nodes) in topics where nodes[node]?.isBehind == true {
            behind[Place(topic: topic, node: node)] = Wait()
            said.append((topic, .ask(of: node)))
        }
    }

    /// Nobody here watches the topic any more.
    mutating func forget(_ topic: ByteSlice, _ table: inout PresenceTable, now: UInt64) {
        begun[topic] = nil
        for node in Array((topics[topic] ?? [:]).keys) {
            remove(node, topic, &table) { $0.leave($1, topic, now: now) }
        }
    }
}
