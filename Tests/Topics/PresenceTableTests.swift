// Presence with a clock that is passed in: by hand, and 60 seeded schedules of people who come, go,
// break off and come back, against an oracle that knows only sets.

import MizuBytes
import Testing

@testable import MizuTopics

private let millisecond: UInt64 = 1_000_000

private func connection(_ number: Int) -> PresenceConnection {
    PresenceConnection(worker: number % 2, token: token(number))
}

private func entry(
    _ id: String, _ info: String? = nil, limits: PresenceLimits = PresenceLimits()
) -> PresenceEntry {
    let json = info.map { JSONValue(validated: ByteSlice($0)) }
    guard let entry = PresenceEntry(id: ByteSlice(id), info: json, limits: limits) else {
        preconditionFailure("no entry for \(id)")
    }
    return entry
}

/// Entries by id, from JSON with commas between.
private func entries(_ json: ByteSlice?) -> [String: String] {
    guard let json else { return [:] }
    let array = JSONValue(validated: ByteSlice("[" + json.string + "]"))
    var found: [String: String] = [:]
    for value in array.elements {
        found[value.member("id")?.string ?? "?"] = value.bytes.string
    }
    return found
}

private func ids(_ json: ByteSlice?) -> [String] { entries(json).keys.sorted() }

/// What one message says, for comparing.
private func summary(_ news: [PresenceNews]) -> [String] {
    news.map { news in
        switch news.content {
        case .changes(let joined, let left):
            let came = joined.flatMap { ids($0) }.map { "+" + $0 }
            let went = left.map { "-" + $0.string }
            return (came + went + ["\(news.count)"]).joined(separator: " ")
        case .countAlone: return "\(news.count)"
        case .members(let all): return "=" + ids(all).joined(separator: ",") + " \(news.count)"
        }
    }
}

@Suite("Presence in a topic")
struct PresenceTableTests {
    @Test("a list has what was told, and whoever enters is in the next message, once for all")
    func entering() throws {
        var table = PresenceTable()
        let first = table.enter(connection(1), "r", as: entry("ann"), now: 0)
        #expect(first?.isShown == true)
        #expect(first?.list.count == 0 && first?.list.members == ByteSlice.empty)
        #expect(table.next == 0)
        #expect(summary(table.advance(to: 0)) == ["+ann 1"])
        #expect(table.next == nil)
        let second = table.enter(connection(2), "r", as: entry("bob"), now: millisecond)
        #expect(ids(second?.list.members) == ["ann"] && second?.list.count == 1)
        #expect(table.members(of: "r").map(\.id.string) == ["ann", "bob"])
        // The last message is younger than the interval.
        #expect(table.advance(to: 99 * millisecond).isEmpty)
        #expect(table.next == 100 * millisecond)
        let third = table.enter(connection(3), "r", as: entry("cid"), now: 99 * millisecond)
        #expect(ids(third?.list.members) == ["ann"])
        #expect(summary(table.advance(to: 100 * millisecond)) == ["+bob +cid 3"])
        #expect(ids(table.list(of: "r")?.members) == ["ann", "bob", "cid"])
    }

    @Test("what cancels out between two messages is not told")
    func cancelling() {
        var table = PresenceTable()
        _ = table.enter(connection(1), "r", as: entry("ann"), now: 0)
        _ = table.advance(to: 0)
        _ = table.enter(connection(2), "r", as: entry("bob"), now: millisecond)
        table.leave(connection(2), "r", now: 2 * millisecond)
        _ = table.enter(connection(3), "r", as: nil, now: 3 * millisecond)
        table.leave(connection(1), "r", now: 4 * millisecond)
        _ = table.enter(connection(1), "r", as: entry("ann"), now: 5 * millisecond)
        #expect(table.advance(to: 200 * millisecond).isEmpty)
        #expect(table.members(of: "r").map(\.id.string) == ["ann"])
    }

    @Test("a member joins with its first connection and leaves with its last")
    func severalConnections() {
        var table = PresenceTable()
        _ = table.enter(connection(9), "r", as: nil, now: 0)
        for number in 1...3 { _ = table.enter(connection(number), "r", as: entry("ann"), now: 0) }
        #expect(summary(table.advance(to: 0)) == ["+ann 1"])
        table.leave(connection(1), "r", now: millisecond)
        table.lose(connection(2), "r", now: millisecond)
        #expect(table.next == nil, "no grace runs while a connection is left")
        table.leave(connection(3), "r", now: 200 * millisecond)
        #expect(summary(table.advance(to: 200 * millisecond)) == ["-ann 0"])
    }

    @Test("who broke off has the grace to come back, to the nanosecond; who unsubscribes has none")
    func grace() {
        let end = 10_000 * millisecond + 500
        for returns in [true, false] {
            var table = PresenceTable()
            _ = table.enter(connection(9), "r", as: nil, now: 0)
            _ = table.enter(connection(1), "r", as: entry("ann"), now: 0)
            _ = table.advance(to: 0)
            table.lose(connection(1), "r", now: 500)
            #expect(table.next == end)
            #expect(table.advance(to: end - 1).isEmpty)
            #expect(table.members(of: "r").map(\.id.string) == ["ann"])
            if returns {
                _ = table.enter(connection(2), "r", as: entry("ann"), now: end - 1)
                #expect(table.advance(to: end).isEmpty)
                #expect(table.members(of: "r").map(\.id.string) == ["ann"])
                // A second grace is its own.
                table.lose(connection(2), "r", now: end)
                #expect(table.advance(to: 2 * end - 501).isEmpty)
                #expect(summary(table.advance(to: 2 * end - 500)) == ["-ann 0"])
            } else {
                #expect(summary(table.advance(to: end)) == ["-ann 0"])
            }
            #expect(table.next == nil)
        }
        var table = PresenceTable(limits: PresenceLimits(graceMilliseconds: 0))
        _ = table.enter(connection(9), "r", as: nil, now: 0)
        _ = table.enter(connection(1), "r", as: entry("ann"), now: 0)
        _ = table.advance(to: 0)
        table.lose(connection(1), "r", now: 200 * millisecond)
        #expect(summary(table.advance(to: 200 * millisecond)) == ["-ann 0"])
    }

    @Test("the info that came last counts; a connection can become another member")
    func changes() {
        var table = PresenceTable()
        _ = table.enter(connection(1), "r", as: entry("ann", #"{"n":1}"#), now: 0)
        _ = table.enter(connection(2), "r", as: entry("ann", #"{"n":2}"#), now: 0)
        _ = table.advance(to: 0)
        let shown = table.members(of: "r").first
        #expect(shown?.json == #"{"id":"ann","info":{"n":2}}"#)
        #expect(shown?.info?.bytes == #"{"n":2}"#)
        _ = table.enter(connection(1), "r", as: entry("ann", #"{"n":3}"#), now: 200 * millisecond)
        #expect(summary(table.advance(to: 200 * millisecond)) == ["+ann 1"])
        _ = table.enter(connection(1), "r", as: entry("bob"), now: 400 * millisecond)
        #expect(summary(table.advance(to: 400 * millisecond)) == ["+bob 2"])
        _ = table.enter(connection(2), "r", as: nil, now: 600 * millisecond)
        #expect(summary(table.advance(to: 600 * millisecond)) == ["-ann 1"])
    }

    @Test("beyond the names' limit only counts are told; at three quarters names come back")
    func naming() {
        let limits = PresenceLimits(namedMembersMax: 4)
        var table = PresenceTable(limits: limits)
        var now: UInt64 = 0
        func step(_ change: (inout PresenceTable, UInt64) -> Void) -> [String] {
            now += 1000 * millisecond
            change(&table, now)
            return summary(table.advance(to: now))
        }
        for number in 1...4 {
            let told = step {
                _ = $0.enter(connection(number), "r", as: entry("m\(number)"), now: $1)
            }
            #expect(told == ["+m\(number) \(number)"])
        }
        #expect(step { _ = $0.enter(connection(5), "r", as: entry("m5"), now: $1) } == ["5"])
        #expect(table.list(of: "r")?.members == nil && table.list(of: "r")?.count == 5)
        #expect(step { $0.leave(connection(5), "r", now: $1) } == ["4"])
        #expect(step { $0.leave(connection(2), "r", now: $1) } == ["=m1,m3,m4 3"])
        #expect(step { $0.leave(connection(1), "r", now: $1) } == ["-m1 2"])

        let info = "\"" + String(repeating: "x", count: 500) + "\""
        var bytes = PresenceTable(limits: PresenceLimits(namedBytesMax: 1000))
        _ = bytes.enter(connection(1), "r", as: entry("a", info), now: 0)
        #expect(summary(bytes.advance(to: 0)) == ["+a 1"])
        _ = bytes.enter(connection(2), "r", as: entry("b", info), now: 200 * millisecond)
        #expect(summary(bytes.advance(to: 200 * millisecond)) == ["2"])
    }

    @Test("beyond the limits of members and topics nobody is shown, and nothing else changes")
    func limits() {
        var table = PresenceTable(limits: PresenceLimits(membersMax: 2, topicsMax: 1))
        for number in 1...2 {
            let entrance = table.enter(connection(number), "r", as: entry("m\(number)"), now: 0)
            #expect(entrance?.isShown == true)
        }
        #expect(table.enter(connection(3), "r", as: entry("m3"), now: 0)?.isShown == false)
        #expect(table.enter(connection(4), "r", as: entry("m1"), now: 0)?.isShown == true)
        #expect(table.enter(connection(1), "other", as: entry("m1"), now: 0) == nil)
        #expect(table.members(of: "r").map(\.id.string) == ["m1", "m2"])
        table.leave(connection(2), "r", now: 0)
        #expect(table.enter(connection(3), "r", as: entry("m3"), now: 0)?.isShown == true)
        for number in [1, 3, 4] { table.leave(connection(number), "r", now: 0) }
        _ = table.advance(to: 0)
        #expect(table.topicCount == 0, "nothing is kept of a topic that nobody is in")
        #expect(table.enter(connection(1), "other", as: nil, now: 0) != nil)
    }

    @Test("an id may have 1 to 128 bytes; info that is too long or too deep is left out")
    func entryLimits() {
        let limits = PresenceLimits()
        #expect(PresenceEntry(id: "", info: nil, limits: limits) == nil)
        let long = String(repeating: "x", count: 129)
        #expect(PresenceEntry(id: ByteSlice(long), info: nil, limits: limits) == nil)
        #expect(entry(String(long.dropLast())).json.count == 128 + 9)
        #expect(entry("a\"\n").json == ByteSlice(#"{"id":"a\"\n"}"#))
        let text = "\"" + String(repeating: "x", count: 1022) + "\""
        #expect(entry("a", text).json.count == 1024 + 18)
        #expect(entry("a", text + " ").json.count == 1024 + 18)
        #expect(entry("a", "\"x" + text.dropFirst()).json == #"{"id":"a"}"#)
        let deep = String(repeating: "[", count: 33) + String(repeating: "]", count: 33)
        #expect(entry("a", deep).json == #"{"id":"a"}"#)
        #expect(entry("a", String(deep.dropFirst().dropLast())).json.count > 60)
    }

    @Test(
        "the more watch, the rarer is told: 10,000 who join in ten seconds cost 2 × 10^5 messages")
    func herd() {
        var table = PresenceTable()
        var (messages, told) = (0, 0)
        for number in 0..<10_000 {
            let now = UInt64(number) * millisecond
            _ = table.enter(connection(number), "r", as: entry("m\(number)"), now: now)
            for news in table.advance(to: now) {
                messages += number + 1
                told = news.count
            }
        }
        messages += table.advance(to: 20_000 * millisecond).isEmpty ? 0 : 10_000
        #expect(told > 8_000)
        #expect(messages < 200_000, "\(messages)")
        #expect(messages > 50_000, "\(messages)")
    }

    @Test("many topics that change together are told in slices, none forgotten")
    func slices() {
        var table = PresenceTable()
        for number in 0..<1000 {
            let name = ByteSlice("r\(number)")
            _ = table.enter(connection(number), name, as: entry("a"), now: 0)
        }
        var topics: Set<ByteSlice> = []
        for _ in 0..<4 {
            #expect(table.next == 0)
            let news = table.advance(to: 0)
            #expect(news.count <= 256)
            topics.formUnion(news.map(\.topic))
        }
        #expect(topics.count == 1000 && table.next == nil)
    }
}
