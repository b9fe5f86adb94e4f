// Topics and subscribers: by hand, against a naive model through 20,000 seeded operations, and
// walks that pause while the table changes.

import MizuBytes
import MizuTestSupport
import MizuTopics
import Testing

func token(_ slot: Int, generation: UInt32 = 1) -> Token {
    Token(index: slot, generation: generation)
}

/// What a test keeps for a subscription.
struct Mark: Equatable, BitwiseCopyable {
    var sent: Int
    var isMarked = false
}

typealias Table = TopicTable<Mark>

/// The tokens subscribed to a topic, as a walk finds them.
func subscribers(_ table: borrowing Table, _ name: ByteSlice) -> [Token] {
    guard let topic = table.topic(named: name) else { return [] }
    var walk = table.walk(over: topic)
    var tokens: [Token] = []
    while let subscription = table.next(&walk) { tokens.append(subscription.token) }
    return tokens
}

@Suite("Topics and subscribers")
struct TopicTableTests {
    @Test("a subscriber is found by topic and by token until it leaves; empty topics vanish")
    func lifeOfASubscription() throws {
        var table = Table(subscriptionsMax: 100)
        guard case .added(let added) = table.subscribe(token(7), to: "a", as: Mark(sent: 12))
        else {
            Issue.record("expected a new subscription")
            return
        }
        #expect(added.token == token(7))
        #expect(table[added] == (Mark(sent: 12)))
        #expect(table.name(of: added.topic) == "a")
        #expect(table.subscriberCount(of: added.topic) == 1)
        #expect(table.topicNames(of: token(7)) == ["a"])
        #expect(table.count == 1)

        #expect(table.unsubscribe(token(7), from: "b") == false)
        #expect(table.unsubscribe(token(8), from: "a") == false)
        #expect(table.unsubscribe(token(7, generation: 2), from: "a") == false)
        #expect(table.unsubscribe(token(7), from: "a") == true)
        #expect(table.topic(named: "a") == nil)
        #expect(table.name(of: added.topic) == nil)
        #expect(table.topicCount == 0)
        #expect(table.count == 0)
        #expect(table.subscription(of: token(7), to: "a") == nil)
    }

    @Test("a second subscribe replaces the first")
    func replace() throws {
        var table = Table(subscriptionsMax: 100)
        _ = table.subscribe(token(1), to: "a", as: Mark(sent: 5))
        let found = table.subscription(of: token(1), to: "a")
        let first = try #require(found)
        table[first].isMarked = true
        let outcome = table.subscribe(token(1), to: "a", as: Mark(sent: 9))
        guard case .replaced(let second) = outcome else {
            Issue.record("expected .replaced")
            return
        }
        #expect(table[second] == (Mark(sent: 9)))
        #expect(table.count == 1)
        #expect(subscribers(table, "a") == [token(1)])
    }

    @Test("beyond the limit of a connection nothing changes; replacing is always allowed")
    func limit() {
        var table = Table(subscriptionsMax: 2)
        _ = table.subscribe(token(1), to: "a", as: Mark(sent: 0))
        _ = table.subscribe(token(1), to: "b", as: Mark(sent: 0))
        #expect(table.subscribe(token(1), to: "c", as: Mark(sent: 0)) == .limitReached)
        #expect(table.topic(named: "c") == nil)
        if case .replaced = table.subscribe(token(1), to: "b", as: Mark(sent: 1)) {
        } else {
            Issue.record("expected .replaced")
        }
        table.unsubscribe(token(1), from: "a")
        if case .added = table.subscribe(token(1), to: "c", as: Mark(sent: 0)) {
        } else {
            Issue.record("expected .added")
        }
    }

    @Test("a reused slot does not inherit the subscriptions of its earlier generation")
    func generations() {
        var table = Table(subscriptionsMax: 100)
        _ = table.subscribe(token(3, generation: 1), to: "a", as: Mark(sent: 0))
        _ = table.subscribe(token(3, generation: 2), to: "b", as: Mark(sent: 0))
        #expect(table.topicNames(of: token(3, generation: 1)).isEmpty)
        #expect(table.topicNames(of: token(3, generation: 2)) == ["b"])
        #expect(table.topic(named: "a") == nil)
        table.removeAll(token(3, generation: 1))
        #expect(table.count == 1)
    }

    @Test("heartbeats go through a connection's topics in turn and start again")
    func turns() throws {
        var table = Table(subscriptionsMax: 100)
        #expect(table.nextSubscription(of: token(1), after: nil) == nil)
        for name in ["a", "b", "c"] as [ByteSlice] {
            _ = table.subscribe(token(1), to: name, as: Mark(sent: 0))
        }
        var seen: [ByteSlice] = []
        var last: TopicID?
        for _ in 0..<6 {
            let next = table.nextSubscription(of: token(1), after: last)
            last = try #require(next).topic
            let name = last.flatMap { table.name(of: $0) }
            seen.append(try #require(name))
        }
        #expect(Set(seen[0..<3]) == ["a", "b", "c"])
        #expect(seen[0..<3].elementsEqual(seen[3..<6]))
        // The topic that was last told is gone: the turn goes on with the first.
        let gone = try #require(seen.last)
        table.unsubscribe(token(1), from: gone)
        #expect(table.nextSubscription(of: token(1), after: last) != nil)
    }

    @Test("an idle subscription costs at most 64 bytes")
    func footprint() {
        #expect(MemoryLayout<Mark>.stride == 16)
        #expect(Table.bytesPerSubscription <= 64)
    }

    @Test("20,000 seeded operations leave the table as a naive model has it", arguments: [1, 2])
    func model(seed: UInt64) throws {
        var chance = SeededGenerator(seed: seed)
        var table = Table(subscriptionsMax: 5)
        var model: [Token: [ByteSlice: Mark]] = [:]
        var generations = [UInt32](repeating: 1, count: 20)
        let names = (0..<12).map { ByteSlice("topic \($0)") }
        for step in 0..<20_000 {
            let slot = Int.random(in: 0..<20, using: &chance)
            let who = token(slot, generation: generations[slot])
            let name = names[Int.random(in: 0..<names.count, using: &chance)]
            switch Int.random(in: 0..<10, using: &chance) {
            case 0..<5:
                let state = Mark(sent: step, isMarked: Bool.random(using: &chance))
                let outcome = table.subscribe(who, to: name, as: state)
                let mine = model[who, default: [:]]
                switch outcome {
                case .added: #expect(mine[name] == nil && mine.count < 5)
                case .replaced: #expect(mine[name] != nil)
                case .limitReached: #expect(mine[name] == nil && mine.count == 5)
                }
                if outcome != .limitReached { model[who, default: [:]][name] = state }
            case 5..<8:
                let was = model[who]?.removeValue(forKey: name)
                #expect(table.unsubscribe(who, from: name) == (was != nil))
            case 8:
                if let subscription = table.subscription(of: who, to: name) {
                    table[subscription].sent += 1
                    table[subscription].isMarked.toggle()
                    model[who]?[name]?.sent += 1
                    model[who]?[name]?.isMarked.toggle()
                }
            default:
                table.removeAll(who)
                model[who] = nil
                generations[slot] += 1
            }
            if step % 50 == 0 { try compare(table, model, names) }
        }
        try compare(table, model, names)
    }

    private func compare(
        _ table: borrowing Table, _ model: [Token: [ByteSlice: Mark]],
        _ names: [ByteSlice]
    ) throws {
        let count = model.values.reduce(0) { $0 + $1.count }
        try #require(table.count == count)
        for (who, mine) in model {
            try #require(Set(table.topicNames(of: who)) == Set(mine.keys))
            for (name, state) in mine {
                let found = table.subscription(of: who, to: name).map { table[$0] }
                try #require(found == state)
            }
        }
        for name in names {
            let expected = model.filter { $0.value[name] != nil }.map(\.key.bits).sorted()
            try #require(subscribers(table, name).map(\.bits).sorted() == expected)
            try #require((table.topic(named: name) == nil) == expected.isEmpty)
        }
    }
}

@Suite("Walks in slices")
struct TopicWalkTests {
    @Test("a walk that pauses meets everybody who stays, whoever comes and goes meanwhile")
    func pausing() throws {
        for seed in UInt64(1)...20 {
            var chance = SeededGenerator(seed: seed)
            var table = Table(subscriptionsMax: 100)
            for slot in 0..<100 {
                _ = table.subscribe(token(slot), to: "a", as: Mark(sent: 0))
            }
            let found = table.topic(named: "a")
            let topic = try #require(found)
            var stayed = Set(0..<100)
            var sends = [Int](repeating: 0, count: 200)
            var walk = table.walk(over: topic)
            var isOver = false
            while !isOver {
                for _ in 0..<7 {
                    guard let subscription = table.next(&walk) else {
                        isOver = true
                        break
                    }
                    // What makes meeting somebody twice harmless.
                    guard table[subscription].sent < 1 else { continue }
                    table[subscription].sent = 1
                    sends[subscription.token.index] += 1
                }
                for _ in 0..<3 {
                    let slot = Int.random(in: 0..<100, using: &chance)
                    if table.unsubscribe(token(slot), from: "a") { stayed.remove(slot) }
                    let new = Int.random(in: 100..<200, using: &chance)
                    if table.subscription(of: token(new), to: "a") == nil {
                        _ = table.subscribe(token(new), to: "a", as: Mark(sent: 1))
                    }
                }
            }
            for slot in stayed { #expect(sends[slot] == 1, "seed \(seed), slot \(slot)") }
            #expect(sends.allSatisfy { $0 <= 1 })
        }
    }

    @Test("a walk ends when its topic vanishes, and does not go on with a topic that follows it")
    func vanishing() throws {
        var table = Table(subscriptionsMax: 100)
        _ = table.subscribe(token(1), to: "a", as: Mark(sent: 0))
        _ = table.subscribe(token(2), to: "a", as: Mark(sent: 0))
        let found = table.topic(named: "a")
        let topic = try #require(found)
        var walk = table.walk(over: topic)
        #expect(table.next(&walk) != nil)
        table.removeAll(token(1))
        table.removeAll(token(2))
        _ = table.subscribe(token(3), to: "b", as: Mark(sent: 0))
        #expect(table.next(&walk) == nil)
        #expect(table.subscriberCount(of: topic) == 0)
    }
}
