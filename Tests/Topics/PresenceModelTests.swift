// Presence against an oracle: seeded schedules on a few topics with small limits. The oracle knows
// who has which connection and whose grace runs; replicas do what a client does with lists and
// messages, and must never see a leave before its join, a gap, or anything twice.

import MizuBytes
import MizuTestSupport
import Testing

@testable import MizuTopics

/// What is so, from nothing but sets.
private struct Oracle {
    struct Seat: Hashable {
        let connection: Int
        let topic: Int
    }
    var members: [Seat: String?] = [:]
    /// Deadlines by topic and id.
    var graces: [Int: [String: UInt64]] = [:]
    var shown: [Int: [String: String]] = [:]
    var changedAt: [Int: UInt64] = [:]
    let limits: PresenceLimits

    func here(_ topic: Int) -> Set<String> {
        Set(members.compactMap { $0.key.topic == topic ? $0.value : nil })
            .union(graces[topic, default: [:]].keys)
    }

    mutating func advance(to now: UInt64) {
        for (topic, ends) in graces {
            for (id, end) in ends where end <= now {
                graces[topic]?[id] = nil
                changedAt[topic] = now
            }
        }
    }

    /// - Returns: whether it is shown.
    mutating func enter(_ seat: Seat, _ id: String?, _ json: String, _ now: UInt64) -> Bool {
        if case let before?? = members[seat], before != id { leave(seat, now) }
        members[seat] = .some(nil)
        guard let id, here(seat.topic).contains(id) || here(seat.topic).count < limits.membersMax
        else { return false }
        members[seat] = id
        graces[seat.topic]?[id] = nil
        shown[seat.topic, default: [:]][id] = json
        changedAt[seat.topic] = now
        return true
    }

    mutating func leave(_ seat: Seat, _ now: UInt64) {
        members[seat] = nil
        changedAt[seat.topic] = now
    }

    mutating func lose(_ seat: Seat, _ now: UInt64) {
        guard case let id?? = members.removeValue(forKey: seat) else { return }
        let others = members.contains { $0.key.topic == seat.topic && $0.value == id }
        guard !others else { return }
        graces[seat.topic, default: [:]][id] = now + limits.graceMilliseconds * 1_000_000
    }

    func expected(_ topic: Int) -> [String: String] {
        var found: [String: String] = [:]
        for id in here(topic) { found[id] = shown[topic]?[id] }
        return found
    }
}

/// A client's picture of a topic.
private struct Replica {
    var version: Int
    /// Nil while they are too many to name.
    var members: [String: String]?
    var count: Int

    init(_ list: PresenceList) {
        (version, members, count) = (list.version, list.members.map(byID), list.count)
    }

    mutating func apply(_ news: PresenceNews) throws {
        guard news.version > version else { return }
        try #require(news.base <= version, "a gap")
        version = news.version
        count = news.count
        switch news.content {
        case .countAlone: members = nil
        case .members(let all): members = byID(all)
        case .changes(let joined, let left):
            var known = try #require(members, "changes of names that were not told")
            for id in left {
                try #require(known.removeValue(forKey: id.string) != nil, "left before it joined")
            }
            for (id, json) in joined.flatMap({ byID($0) }) {
                try #require(known[id] != json, "told twice")
                known[id] = json
            }
            members = known
        }
        if let members { try #require(members.count == count) }
    }
}

private func byID(_ entries: [PresenceEntry]) -> [String: String] {
    Dictionary(uniqueKeysWithValues: entries.map { ($0.id.string, $0.json.string) })
}

private func byID(_ json: ByteSlice) -> [String: String] {
    var found: [String: String] = [:]
    for value in JSONValue(validated: ByteSlice("[\(json.string)]")).elements {
        found[value.member("id")?.string ?? "?"] = value.bytes.string
    }
    return found
}

private struct Schedule: ~Copyable {
    let limits: PresenceLimits
    var chance: SeededGenerator
    var table: PresenceTable
    var oracle: Oracle
    var replicas: [Oracle.Seat: Replica] = [:]
    var toldAt: [ByteSlice: UInt64] = [:]
    var lists = 0
    var now: UInt64 = 0

    init(seed: UInt64) {
        chance = SeededGenerator(seed: seed)
        limits = PresenceLimits(
            graceMilliseconds: 300, messagesPerSecondMax: 50,
            namedMembersMax: Int.random(in: 3...8, using: &chance),
            membersMax: Int.random(in: 4...9, using: &chance))
        table = PresenceTable(limits: limits)
        oracle = Oracle(limits: limits)
    }

    private func connection(_ seat: Oracle.Seat) -> PresenceConnection {
        PresenceConnection(worker: seat.connection % 3, token: token(seat.connection / 3))
    }

    mutating func step() throws {
        try wait(UInt64.random(in: 0...60_000_000, using: &chance))
        let seat = Oracle.Seat(
            connection: Int.random(in: 0..<12, using: &chance),
            topic: Int.random(in: 0..<3, using: &chance))
        let name = ByteSlice("topic \(seat.topic)")
        switch Int.random(in: 0..<10, using: &chance) {
        case 0..<5:
            let number = Int.random(in: 0..<10, using: &chance)
            let id = number == 0 ? nil : "m\(number)"
            let info = "\(Int.random(in: 0..<2, using: &chance))"
            let entry = id.flatMap {
                PresenceEntry(
                    id: ByteSlice($0), info: JSONValue(validated: ByteSlice(info)), limits: limits)
            }
            let isShown = oracle.enter(seat, id, entry?.json.string ?? "", now)
            let found = table.enter(connection(seat), name, as: entry, now: now)
            let entrance = try #require(found)
            try #require(entrance.isShown == isShown)
            replicas[seat] = Replica(entrance.list)
        case 5..<7:
            if oracle.members[seat] != nil { oracle.leave(seat, now) }
            table.leave(connection(seat), name, now: now)
            replicas[seat] = nil
        default:
            oracle.lose(seat, now)
            table.lose(connection(seat), name, now: now)
            replicas[seat] = nil
        }
        try compare()
    }

    /// Lets time pass, and all that is due happen.
    mutating func wait(_ nanoseconds: UInt64) throws {
        let end = now + nanoseconds
        while let next = table.next, next <= end {
            now = max(now, next)
            try advance()
        }
        now = end
        try advance()
    }

    private mutating func advance() throws {
        oracle.advance(to: now)
        for news in table.advance(to: now) {
            let before = toldAt.updateValue(now, forKey: news.topic)
            try #require(before.map { now - $0 >= 100_000_000 } ?? true, "told too soon")
            for seat in replicas.keys where ByteSlice("topic \(seat.topic)") == news.topic {
                try replicas[seat]?.apply(news)
            }
            if case .members = news.content { lists += 1 }
        }
    }

    private func compare() throws {
        for topic in 0..<3 {
            let expected = oracle.expected(topic)
            try #require(byID(table.members(of: ByteSlice("topic \(topic)"))) == expected)
            // 12 subscribers at 50 messages a second may wait for 240 ms, and a look for 10 more.
            let isOld = now >= oracle.changedAt[topic, default: 0] + 251_000_000
            for (seat, replica) in replicas where seat.topic == topic && isOld {
                try #require(replica.count == expected.count)
                if let members = replica.members { try #require(members == expected) }
            }
        }
    }

    /// When all have gone and all graces are over, nothing is left.
    mutating func end() throws {
        try wait(1_000_000_000)
        try compare()
        for seat in oracle.members.keys {
            oracle.lose(seat, now)
            table.lose(connection(seat), ByteSlice("topic \(seat.topic)"), now: now)
        }
        replicas = [:]
        try wait(1_000_000_000)
        try #require(table.next == nil)
        try #require(table.topicCount == 0)
    }
}

@Suite("Presence against an oracle")
struct PresenceModelTests {
    @Test("30 schedules of 400 steps: members, replicas, graces and intervals are as they must be")
    func schedules() throws {
        var lists = 0
        for seed in UInt64(1)...30 {
            var schedule = Schedule(seed: seed)
            for _ in 0..<400 { try schedule.step() }
            try schedule.end()
            lists += schedule.lists
        }
        #expect(lists > 10, "schedules must pass the limit of names in both directions: \(lists)")
    }
}

@Suite("Seats of those who watch")
struct PresenceRoomTests {
    @Test("a message is sent if it continues the last one, once; after a gap only a list helps")
    func steps() {
        var seat = PresenceSeat(token: token(1), info: nil, state: .asked(1))
        #expect(seat.step(base: 0, version: 1) == .skip)
        seat.state = .missed
        #expect(seat.step(base: 0, version: 1) == .skip)
        seat.state = .upTo(5)
        #expect(seat.step(base: 5, version: 6) == .send)
        #expect(seat.step(base: 3, version: 6) == .send, "other topics have numbers between")
        #expect(seat.step(base: 3, version: 5) == .skip)
        #expect(seat.step(base: 6, version: 7) == .askForList)
    }

    @Test("a walk that pauses meets everybody who stays, whoever comes and goes meanwhile")
    func pausing() {
        for seed in UInt64(1)...20 {
            var chance = SeededGenerator(seed: seed)
            let room = PresenceRoom(topic: "r")
            for slot in 0..<100 {
                room[token(slot)] = PresenceSeat(token: token(slot), info: nil, state: .upTo(0))
            }
            var stayed = Set((0..<100).map { token($0) })
            var met: Set<Token> = []
            var walk = PresenceWalk(over: room)
            while let next = walk.next() {
                met.insert(next)
                let gone = token(Int.random(in: 0..<100, using: &chance))
                if room[gone] != nil, Bool.random(using: &chance) {
                    room[gone] = nil
                    stayed.remove(gone)
                }
                let new = token(Int.random(in: 100..<200, using: &chance))
                room[new] = PresenceSeat(token: new, info: nil, state: .upTo(9))
            }
            #expect(stayed.isSubset(of: met))
            for token in stayed { #expect(room[token]?.token == token) }
        }
    }
}
