// The presence that nodes share, as values: what is told, taken in, asked for and asked again, and
// what it costs. Whole clusters with a bad carrier are in PresenceStormTests.

import MizuBytes
import MizuTopics
import Testing

@testable import MizuSyncService

@Suite("Presence over nodes")
struct SharedPresenceTests {
    private let limits = PresenceLimits(graceMilliseconds: 1_000, intervalMilliseconds: 10)
    private let beat: UInt64 = 1_000_000_000
    private let me = NodeID(bits: 1)
    private let node = NodeID(bits: 7)

    private func connection(_ number: Int) -> PresenceConnection {
        PresenceConnection(worker: 0, token: Token(bits: UInt64(number)))
    }

    private func entry(_ id: String, info: JSONValue? = nil) -> PresenceEntry? {
        PresenceEntry(id: ByteSlice(id), info: info, limits: limits)
    }

    private func list(_ version: Int, _ ids: String...) -> PresenceShare {
        let members = ids.map { #"{"id":"\#($0)"}"# }.joined(separator: ",")
        return .list(version: version, part: 0, of: 1, members: ByteSlice("[\(members)]"))
    }

    private func changes(
        _ base: Int, _ version: Int, joined: String = "", left: [ByteSlice] = []
    ) -> PresenceShare {
        let joined = joined.isEmpty ? "[]" : #"[{"id":"\#(joined)"}]"#
        return .changes(base: base, version: version, joined: ByteSlice(joined), left: left)
    }

    private func shared(_ limits: PresenceLimits? = nil) -> SharedPresence {
        SharedPresence(node: me, limits: limits ?? self.limits, beatMilliseconds: 1_000)
    }

    @Test("what does not continue what is known is asked for, again and again, and never shown")
    func gaps() {
        var table = PresenceTable(limits: limits)
        var shared = shared()
        var now = beat
        func take(_ share: PresenceShare) -> PresenceShare? {
            shared.take(share, of: "room", from: node, &table, now: now)
        }
        var members: Set<ByteSlice> { Set(table.members(of: "room").map(\.id)) }
        #expect(take(list(4, "a", "b")) == nil)
        #expect(take(changes(4, 5, joined: "c", left: ["a"])) == nil)
        #expect(take(changes(4, 5, joined: "c", left: ["a"])) == nil, "twice")
        #expect(take(list(4, "a", "b")) == nil, "late")
        #expect(take(.version(5)) == nil)
        #expect(members == ["b", "c"])
        #expect(take(changes(6, 7, joined: "e")) == .ask(of: node))
        #expect(take(changes(7, 8, joined: "f")) == nil, "it is asked already")
        #expect(members == ["b", "c"])
        // After 1 beat, 2, 4, 8, 16 and 16.
        var asked: [UInt64] = []
        for number in UInt64(0)...40 {
            now = beat * (2 + number)
            let said = shared.advance(&table, to: now, isLinked: { true })
            if said.contains(where: { $0.share == .ask(of: node) }) { asked.append(number) }
            _ = take(changes(7, 8, joined: "f"))
        }
        #expect(asked == [0, 2, 6, 14, 30])
        // What was late comes, and all is whole.
        #expect(take(changes(5, 6, joined: "d")) == nil)
        #expect(take(changes(6, 7, joined: "e")) == nil)
        #expect(take(changes(7, 8, joined: "f")) == nil)
        #expect(members == ["b", "c", "d", "e", "f"])
        #expect(take(list(9)) == nil)
        #expect(members.isEmpty)
    }

    @Test("a version is said again after 1, 2, 4, 8 and each 16 beats; an empty list ends")
    func repeats() {
        var table = PresenceTable(limits: limits)
        var shared = shared()
        shared.enter(connection(1), "room", as: entry("a"), now: 0)
        func said(_ beats: ClosedRange<UInt64>) -> [UInt64] {
            beats.flatMap { number in
                shared.advance(&table, to: beat * number, isLinked: { true }).map { _ in number }
            }
        }
        // The first one is the change itself, and a beat.
        #expect(said(0...80) == [0, 0, 2, 6, 14, 30, 46, 62, 78])
        shared.linked()
        #expect(said(81...85) == [81, 83])
        // Paused: others may have counted it out.
        #expect(said(95...97) == [95, 97])
        shared.leave(connection(1), "room", now: beat * 98)
        #expect(said(98...200) == [98, 98, 100, 104, 112, 128])
        #expect(shared.next == nil)
    }

    @Test("who says nothing of a topic is forgotten, but not while there is no link")
    func lease() {
        var table = PresenceTable(limits: limits)
        var shared = shared()
        _ = shared.take(list(3, "a"), of: "room", from: node, &table, now: 0)
        for number in UInt64(0)...100 {
            _ = shared.advance(&table, to: beat * number, isLinked: { false })
        }
        #expect(table.members(of: "room").count == 1)
        for number in UInt64(101)...150 {
            _ = shared.advance(&table, to: beat * number, isLinked: { true })
        }
        #expect(table.members(of: "room").isEmpty)
        #expect(shared.next == nil)
    }

    @Test("a silent node's members leave, and it is asked when it is heard again")
    func silence() {
        var table = PresenceTable(limits: limits)
        var shared = shared()
        _ = shared.take(list(3, "a"), of: "room", from: node, &table, now: 0)
        let none = shared.appeared(node)
        #expect(none.isEmpty)
        shared.silent(node, &table, now: beat)
        #expect(table.members(of: "room").isEmpty)
        let said = shared.appeared(node)
        #expect(said.map(\.share) == [.ask(of: node)])
        _ = shared.take(list(3, "a"), of: "room", from: node, &table, now: beat)
        #expect(table.members(of: "room").map(\.id) == ["a"])
        // In order: they have their grace.
        shared.ended(node, &table, now: beat)
        #expect(table.members(of: "room").map(\.id) == ["a"])
        _ = table.advance(to: beat * 3)
        #expect(table.members(of: "room").isEmpty)
    }

    @Test("a list goes in parts, at most 4 MiB a second of a topic, however often it is asked for")
    func parts() throws {
        let limits = PresenceLimits(membersMax: 20_000, infoBytesMax: 1 << 10)
        let info = JSONValue(validated: ByteSlice("\"\(String(repeating: "x", count: 1_000))\""))
        var table = PresenceTable(limits: limits)
        var own = shared(limits)
        var other = SharedPresence(node: node, limits: limits, beatMilliseconds: 1_000)
        for number in 0..<4_000 {
            own.enter(connection(number), "room", as: entry("m\(number)", info: info), now: 0)
        }
        var unused = PresenceTable(limits: limits)
        var (asked, byteCount, messageMax, partCount) = (0, 0, 0, 0)
        // Each hundredth of a second, in which somebody asks.
        for step in UInt64(0)..<300 {
            let now = step * 10_000_000
            _ = own.take(.ask(of: me), of: "room", from: node, &unused, now: now)
            for told in own.advance(&unused, to: now, isLinked: { true }) {
                if case .list(_, let part, _, let members) = told.share {
                    byteCount += members.count
                    messageMax = max(messageMax, members.count)
                    partCount += 1
                    // Some are lost.
                    if partCount < 24, part % 7 == 3 { continue }
                }
                let reply = other.take(told.share, of: told.topic, from: me, &table, now: now)
                if reply == .ask(of: me) { asked += 1 }
            }
        }
        #expect(asked == 1)
        #expect(table.members(of: "room").count == 4_000)
        #expect(byteCount < 3 * (4 << 20) + 2 << 20)
        #expect(messageMax < 300 << 10)
    }

    @Test("what makes no member is left out, and one node's members are bounded")
    func bounds() {
        let limits = PresenceLimits(membersMax: 10)
        var table = PresenceTable(limits: limits)
        var shared = shared(limits)
        for members in [
            "[]", "[1,2]", #"[{"id":""},{"id":5},{}]"#, #"[{"id":"a","id":"a"}]"#,
        ] {
            _ = shared.take(
                .list(version: 1, part: 0, of: 1, members: ByteSlice(members)), of: "room",
                from: NodeID(bits: 9), &table, now: 1)
            #expect(table.members(of: "room").isEmpty, "\(members)")
        }
        let many = (0..<100).map { #"{"id":"m\#($0)"}"# }.joined(separator: ",")
        for node in 10...12 {
            for part in 0..<3 {
                _ = shared.take(
                    .list(version: 1, part: part, of: 3, members: ByteSlice("[\(many)]")),
                    of: "room", from: NodeID(bits: UInt64(node)), &table, now: 1)
            }
        }
        #expect(table.members(of: "room").count == 10)
    }
}
