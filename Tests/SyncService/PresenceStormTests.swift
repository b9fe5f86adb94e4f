// Whole clusters that share presence over a carrier that loses, delays, doubles and reorders what
// they say, by a seed: links are cut, nodes are paused, die, end and start, topics are followed and
// given up. When all of that is over every node comes to show who is anywhere, and then all are
// quiet. No thread, no clock.

import MizuBytes
import MizuEventLoop
import MizuTestSupport
import MizuTopics
import Testing

@testable import MizuSyncService

/// A node of a simulation: what Cluster and PresenceRooms do around the values, without threads.
private final class SimulatedNode {
    let id: NodeID
    var table: PresenceTable
    var shared: SharedPresence
    var nodes = NodeTable()
    var isLinked = true
    var isPaused = false
    var isWatching = false
    var members: Set<Int> = []
    var inbox: [Letter] = []

    init(_ bits: UInt64, _ limits: PresenceLimits, beatMilliseconds: UInt64) {
        id = NodeID(bits: bits)
        table = PresenceTable(limits: limits)
        shared = SharedPresence(node: id, limits: limits, beatMilliseconds: beatMilliseconds)
    }

    var shown: Set<String> { Set(table.members(of: "room").map(\.id.string)) }
}

private struct Letter {
    let message: NewsMessage
    let from: NodeID
    let due: Int
}

private struct Simulation {
    static let beatMilliseconds: UInt64 = 50
    static let roundMilliseconds: UInt64 = 10
    static let roundsPerBeat = Int(beatMilliseconds / roundMilliseconds)
    private static let silence: UInt64 = 500
    private let limits = PresenceLimits(graceMilliseconds: 200, intervalMilliseconds: 20)
    private let watcher = PresenceConnection(worker: 1, token: Token(bits: 1))

    private(set) var nodes: [SimulatedNode] = []
    private var numbers: SeededGenerator
    private var lastNode: UInt64 = 0
    private var round = 1_000
    var isCalm = false
    private(set) var saidCount = 0

    init(seed: UInt64, nodes count: Int) {
        numbers = SeededGenerator(seed: seed)
        for _ in 0..<count { nodes.append(start()) }
    }

    private var now: UInt64 { UInt64(round) * Self.roundMilliseconds * 1_000_000 }

    private mutating func chance(_ one: Int) -> Bool { numbers.next(below: one) == 0 }

    private mutating func start() -> SimulatedNode {
        lastNode += 1
        return SimulatedNode(lastNode, limits, beatMilliseconds: Self.beatMilliseconds)
    }

    // MARK: The carrier

    private mutating func publish(_ message: NewsMessage, from node: SimulatedNode) {
        guard node.isLinked else { return }
        // As bytes, as over every carrier.
        guard let (message, sender) = NewsCoding.decode(NewsCoding.encode(message, from: node.id))
        else {
            Issue.record("not understood: \(message)")
            return
        }
        if case .presence = message { saidCount += 1 }
        for other in nodes where other !== node && other.isLinked {
            if case .presence = message, !other.isWatching { continue }
            guard !isCalm else {
                other.inbox.append(Letter(message: message, from: sender, due: round))
                continue
            }
            for _ in 0..<(chance(4) ? 0 : chance(6) ? 2 : 1) {
                let due = round + (chance(3) ? numbers.next(below: 30) : 0)
                other.inbox.append(Letter(message: message, from: sender, due: due))
            }
        }
    }

    private mutating func publish(_ all: [SharedPresence.Telling], from node: SimulatedNode) {
        // Dictionaries give them in another order in each process.
        let sorted = all.enumerated().sorted {
            (Self.rank($0.element.share), $0.offset) < (Self.rank($1.element.share), $1.offset)
        }
        for (topic, share) in sorted.map(\.element) {
            publish(.presence(topic: topic, share), from: node)
        }
    }

    private static func rank(_ share: PresenceShare) -> UInt64 {
        if case .ask(let node) = share { node.map { 1 + $0.bits } ?? 1 } else { 0 }
    }

    private mutating func deliver(to node: SimulatedNode) {
        let due = node.inbox.filter { $0.due <= round }
        node.inbox.removeAll { $0.due <= round }
        for letter in due {
            switch letter.message {
            case .presence(let topic, let share) where node.isWatching:
                node.nodes.met(letter.from, at: Instant(nanoseconds: now))
                if let reply = node.shared.take(
                    share, of: topic, from: letter.from, &node.table, now: now)
                {
                    publish(.presence(topic: topic, reply), from: node)
                }
            case .heartbeat(let report):
                guard node.nodes.heard(report, of: letter.from, at: Instant(nanoseconds: now))
                else { continue }
                publish(node.shared.appeared(letter.from), from: node)
            case .goodbye:
                node.nodes.left(letter.from)
                node.shared.ended(letter.from, &node.table, now: now)
            default: break
            }
        }
    }

    // MARK: What happens

    mutating func turn() {
        round += 1
        if !isCalm { happen() }
        for node in nodes where !node.isPaused {
            deliver(to: node)
            _ = node.table.advance(to: now)
            let isLinked = node.isLinked
            publish(node.shared.advance(&node.table, to: now) { isLinked }, from: node)
            guard (round + Int(node.id.bits)) % Self.roundsPerBeat == 0 else { continue }
            publish(.heartbeat(NodeReport()), from: node)
            guard node.isLinked else { continue }
            let gone = node.nodes.takeSilent(
                at: Instant(nanoseconds: now), graceMilliseconds: Self.silence)
            for other in gone { node.shared.silent(other, &node.table, now: now) }
        }
    }

    private mutating func happen() {
        let index = numbers.next(below: nodes.count)
        let node = nodes[index]
        if chance(2), !node.isPaused { move(numbers.next(below: 8), of: node) }
        switch numbers.next(below: 200) {
        case 0, 1: if !node.isPaused { link(node, !node.isLinked) }
        case 2, 3, 4: node.isPaused.toggle()
        case 5: nodes[index] = start()
        case 6:
            guard !node.isPaused else { break }
            publish(.goodbye, from: node)
            nodes[index] = start()
        case 7, 8: if !node.isPaused { watch(node, false) }
        default: break
        }
    }

    /// Nothing bad is there any more; who was cut off comes back.
    mutating func calm() {
        isCalm = true
        for node in nodes {
            node.isPaused = false
            if !node.isLinked { link(node, true) }
        }
    }

    private mutating func link(_ node: SimulatedNode, _ isLinked: Bool) {
        node.isLinked = isLinked
        node.inbox = []
        guard isLinked else { return }
        node.nodes.forgive(at: Instant(nanoseconds: now))
        node.shared.linked()
        if node.isWatching { publish([("room", node.shared.following("room"))], from: node) }
    }

    private mutating func watch(_ node: SimulatedNode, _ isWatching: Bool) {
        guard node.isWatching != isWatching else { return }
        node.isWatching = isWatching
        if isWatching {
            _ = node.table.enter(watcher, "room", as: nil, now: now)
            guard node.isLinked else { return }
            publish([("room", node.shared.following("room"))], from: node)
        } else {
            for member in node.members { move(member, of: node) }
            node.table.leave(watcher, "room", now: now)
            node.shared.forget("room", &node.table, now: now)
        }
    }

    /// A member comes to a node, or leaves it, by its own will or not.
    private mutating func move(_ member: Int, of node: SimulatedNode) {
        let connection = PresenceConnection(worker: 0, token: Token(bits: UInt64(member)))
        if node.members.remove(member) != nil {
            if chance(2) {
                node.table.leave(connection, "room", now: now)
                node.shared.leave(connection, "room", now: now)
            } else {
                node.table.lose(connection, "room", now: now)
                node.shared.lose(connection, "room", now: now)
            }
            return
        }
        watch(node, true)
        node.members.insert(member)
        let entry = PresenceEntry(id: ByteSlice("m\(member)"), info: nil, limits: limits)
        _ = node.table.enter(connection, "room", as: entry, now: now)
        node.shared.enter(connection, "room", as: entry, now: now)
    }

    /// Whether every node that watches shows who is anywhere.
    var agrees: Bool {
        let all = Set(nodes.flatMap(\.members).map { "m\($0)" })
        return nodes.allSatisfy { !$0.isWatching || $0.shown == all }
    }

    var report: String {
        nodes.map { "\($0.id): \($0.members.sorted()) shows \($0.shown.sorted())" }
            .joined(separator: "; ")
    }
}

@Suite("Presence over nodes, in a storm")
struct PresenceStormTests {
    @Test("10,000 members on five nodes: few messages, and hardly any when all is told")
    func costs() {
        let limits = PresenceLimits()
        let nodes = (1...5).map {
            SimulatedNode(UInt64($0), limits, beatMilliseconds: 1_000)
        }
        var (messageCount, byteCount) = (0, 0)
        // Who comes comes within two seconds; 2,000 sockets at a node are told every 200 ms.
        func turn(_ tick: Int) {
            let now = UInt64(tick) * 50_000_000
            for node in nodes {
                if tick < 40 {
                    for number in tick * 50..<(tick + 1) * 50 {
                        let connection = PresenceConnection(
                            worker: 0, token: Token(bits: UInt64(number)))
                        let entry = PresenceEntry(
                            id: ByteSlice("person-\(node.id.bits)-\(number)"), info: nil,
                            limits: limits)
                        _ = node.table.enter(connection, "room", as: entry, now: now)
                        node.shared.enter(connection, "room", as: entry, now: now)
                    }
                }
                var said = node.shared.advance(&node.table, to: now) { true }.map { (node, $0) }
                _ = node.table.advance(to: now)
                while !said.isEmpty {
                    let (from, (topic, share)) = said.removeFirst()
                    let message = NewsMessage.presence(topic: topic, share)
                    messageCount += 1
                    byteCount += NewsCoding.encode(message, from: from.id).count
                    for other in nodes where other !== from {
                        let reply = other.shared.take(
                            share, of: topic, from: from.id, &other.table, now: now)
                        if let reply { said.append((other, (topic, reply))) }
                    }
                }
            }
        }
        for tick in 0..<60 { turn(tick) }
        #expect(nodes.allSatisfy { $0.shown.count == 10_000 })
        // Changes in each interval, of which the first are shorter, and versions.
        #expect(messageCount < 5 * 30, "\(messageCount)")
        #expect(byteCount < 10_000 * 40, "\(byteCount)")
        // Thirty-two beats, when the last wait has begun.
        for tick in 60..<700 { turn(tick) }
        let before = messageCount
        for tick in 700..<1_340 { turn(tick) }
        #expect(messageCount - before == 5 * 2)
    }

    @Test("whatever is lost, late, doubled, cut, paused or dead, all come to show who is anywhere")
    func storm() {
        // A node may have gone as its last message came: it is forgotten after the longest time.
        let calmRounds = 60 * Simulation.roundsPerBeat
        for seed in UInt64(0)..<60 {
            var simulation = Simulation(seed: seed, nodes: 3 + Int(seed % 3))
            for _ in 0..<400 { simulation.turn() }
            simulation.calm()
            for _ in 0..<calmRounds { simulation.turn() }
            #expect(simulation.agrees, "seed \(seed): \(simulation.report)")
            // Quiet: versions alone, each node's in every sixteenth beat.
            let before = simulation.saidCount
            for _ in 0..<32 * Simulation.roundsPerBeat { simulation.turn() }
            #expect(
                simulation.saidCount - before <= simulation.nodes.count * 2,
                "seed \(seed): \(simulation.saidCount - before)")
            #expect(simulation.agrees, "seed \(seed): \(simulation.report)")
        }
    }
}
