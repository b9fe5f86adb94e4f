// Which nodes are known, and the presence that they share, as values: without a server or a
// carrier.

import MizuBytes
import MizuEventLoop
import MizuTestSupport
import MizuTopics
import Testing

@testable import MizuSyncService

@Suite("Other nodes")
struct NodeTableTests {
    private func moment(_ milliseconds: UInt64) -> Instant {
        Instant(nanoseconds: 0).adding(milliseconds: milliseconds)
    }

    @Test("a node appears, is heard again, is linked again, falls silent and is taken out once")
    func life() {
        var table = NodeTable()
        let node = NodeID(bits: 1)
        #expect(table.heard(NodeReport(links: 1), of: node, at: moment(0)) == .appeared)
        #expect(table.heard(NodeReport(links: 1), of: node, at: moment(1_000)) == .nothing)
        #expect(table.heard(NodeReport(links: 2), of: node, at: moment(2_000)) == .linkedAgain)
        #expect(table.takeSilent(at: moment(6_000), graceMilliseconds: 5_000).isEmpty)
        table.forgive(at: moment(6_000))
        #expect(table.takeSilent(at: moment(10_000), graceMilliseconds: 5_000).isEmpty)
        #expect(table.takeSilent(at: moment(11_000), graceMilliseconds: 5_000) == [node])
        #expect(table.count == 0)
        #expect(table.takeSilent(at: moment(99_000), graceMilliseconds: 5_000).isEmpty)
    }

    @Test("it is bounded")
    func bound() {
        var table = NodeTable()
        for bits in 0..<10_000 {
            _ = table.heard(NodeReport(), of: NodeID(bits: UInt64(bits)), at: moment(0))
        }
        #expect(table.count == NodeTable.nodesMax)
    }
}

@Suite("Presence over nodes")
struct SharedPresenceTests {
    private let limits = PresenceLimits(graceMilliseconds: 1_000, intervalMilliseconds: 10)

    /// One node: what its sockets see, and what it shares.
    private struct Node: ~Copyable {
        let id: NodeID
        var table: PresenceTable
        var shared: SharedPresence

        mutating func set(_ member: Int, _ isHere: Bool, _ limits: PresenceLimits, now: UInt64) {
            let connection = PresenceConnection(worker: 0, token: Token(bits: UInt64(member)))
            if isHere {
                let entry = PresenceEntry(id: ByteSlice("m\(member)"), info: nil, limits: limits)
                _ = table.enter(connection, "room", as: entry, now: now)
                shared.enter(connection, "room", as: entry, now: now)
            } else {
                table.leave(connection, "room", now: now)
                shared.leave(connection, "room", now: now)
            }
        }

        var members: Set<String> { Set(table.members(of: "room").map(\.id.string)) }
    }

    @Test("whatever is lost on the way, all nodes come to show who is anywhere")
    func losses() {
        for seed in 0..<200 {
            var numbers = SeededGenerator(seed: UInt64(seed))
            var a = Node(
                id: NodeID(bits: 1), table: PresenceTable(limits: limits),
                shared: SharedPresence(limits: limits))
            var b = Node(
                id: NodeID(bits: 2), table: PresenceTable(limits: limits),
                shared: SharedPresence(limits: limits))
            var here: Set<Int> = []
            var now: UInt64 = 1_000_000_000
            // Both watch, whoever is a member.
            let watcher = PresenceConnection(worker: 1, token: Token(bits: 1))
            _ = a.table.enter(watcher, "room", as: nil, now: now)
            _ = b.table.enter(watcher, "room", as: nil, now: now)
            for step in 0..<60 {
                now += 20_000_000
                // In the end nothing is lost.
                let loses = step < 40
                let member = numbers.next(below: 6)
                if step < 40 {
                    let isHere = numbers.next(below: 2) == 0
                    if isHere { here.insert(member) } else { here.remove(member) }
                    if member < 3 {
                        a.set(member, isHere, limits, now: now)
                    } else {
                        b.set(member, isHere, limits, now: now)
                    }
                } else if step == 40 {
                    // As when a link comes back.
                    a.shared.doubt("room", now: now)
                    exchange(&a, &b, asking: true, now: now) { false }
                    b.shared.doubt("room", now: now)
                    exchange(&b, &a, asking: true, now: now) { false }
                }
                exchange(&a, &b, asking: false, now: now) { loses && numbers.next(below: 3) == 0 }
                exchange(&b, &a, asking: false, now: now) { loses && numbers.next(below: 3) == 0 }
            }
            let expected = Set(here.map { "m\($0)" })
            #expect(a.members == expected, "seed \(seed)")
            #expect(b.members == expected, "seed \(seed)")
            // Each goes without a word.
            a.shared.nodeLeft(b.id, inOrder: false, &a.table, now: now)
            #expect(a.members == expected.filter { $0 < "m3" }, "seed \(seed)")
            b.shared.forget("room", &b.table, now: now)
            #expect(b.members == expected.filter { $0 >= "m3" }, "seed \(seed)")
        }
    }

    /// What `from` has to say goes to `to`, which may ask; answers are lost like the rest.
    private func exchange(
        _ from: inout Node, _ to: inout Node, asking: Bool, now: UInt64, isLost: () -> Bool
    ) {
        var shares = from.shared.advance(&from.table, to: now).map(\.share)
        if asking { shares.append(.ask) }
        _ = from.table.advance(to: now)
        for share in shares where !isLost() {
            var (reply, isAnswer) = (
                to.shared.take(share, of: "room", from: from.id, &to.table, now: now), false
            )
            for _ in 0..<2 {
                guard !isLost() else { break }
                let said: PresenceShare
                switch reply {
                case .nothing: return
                case .ask: said = .ask
                case .tell(let share): said = share
                }
                reply =
                    isAnswer
                    ? to.shared.take(said, of: "room", from: from.id, &to.table, now: now)
                    : from.shared.take(said, of: "room", from: to.id, &from.table, now: now)
                isAnswer.toggle()
            }
        }
    }

    @Test("who does not answer to a doubt is not believed")
    func doubt() {
        var table = PresenceTable(limits: limits)
        var shared = SharedPresence(limits: limits)
        let (node, now) = (NodeID(bits: 7), UInt64(1_000_000_000))
        let watcher = PresenceConnection(worker: 0, token: Token(bits: 1))
        _ = table.enter(watcher, "room", as: nil, now: now)
        let list = PresenceShare.list(version: 4, members: #"[{"id":"a"},{"id":"b","info":[1]}]"#)
        #expect(shared.take(list, of: "room", from: node, &table, now: now) == .nothing)
        #expect(Set(table.members(of: "room").map(\.id)) == ["a", "b"])
        // It continues what is known; then a gap.
        let more = PresenceShare.changes(base: 4, version: 5, joined: #"[{"id":"c"}]"#, left: ["a"])
        #expect(shared.take(more, of: "room", from: node, &table, now: now) == .nothing)
        #expect(shared.take(more, of: "room", from: node, &table, now: now) == .nothing)
        #expect(Set(table.members(of: "room").map(\.id)) == ["b", "c"])
        let gap = PresenceShare.changes(base: 8, version: 9, joined: #"[{"id":"d"}]"#, left: [])
        #expect(shared.take(gap, of: "room", from: node, &table, now: now) == .ask)
        shared.doubt("room", now: now)
        let due = shared.next
        #expect(due == now + SharedPresence.answerNanoseconds)
        _ = shared.advance(&table, to: due ?? 0)
        #expect(table.members(of: "room").isEmpty)
    }

    @Test("what makes no member is left out, and one node's members are bounded")
    func bounds() {
        let limits = PresenceLimits(membersMax: 10)
        var table = PresenceTable(limits: limits)
        var shared = SharedPresence(limits: limits)
        let now: UInt64 = 1
        for members in [
            "[]", "[1,2]", #"[{"id":""},{"id":5},{}]"#, #"[{"id":"a","id":"a"}]"#,
        ] {
            _ = shared.take(
                .list(version: 1, members: ByteSlice(members)), of: "room",
                from: NodeID(bits: 1), &table, now: now)
            #expect(table.members(of: "room").isEmpty, "\(members)")
        }
        let many = (0..<100).map { #"{"id":"m\#($0)"}"# }.joined(separator: ",")
        for node in 1...3 {
            _ = shared.take(
                .list(version: 1, members: ByteSlice("[\(many)]")), of: "room",
                from: NodeID(bits: UInt64(node)), &table, now: now)
        }
        #expect(table.members(of: "room").count == 10)
    }
}
