// Slots and generations: a name of a connection that has gone finds nobody, within the tick too.

import MizuBytes
import MizuEventLoop
import MizuTestSupport
import Testing

private final class Box {
    let value: Int
    init(_ value: Int) { self.value = value }
}

@Suite("Slot table") struct SlotTableTests {
    @Test("a token finds its element until it is retired, and nobody after that")
    func tokenLifetime() {
        var table = SlotTable<Box>()
        var first: Token?
        _ = table.insert { token in
            first = token
            return Box(1)
        }
        guard let first else { return #expect(Bool(false)) }
        #expect(table[first]?.value == 1)
        table.retire(first)
        #expect(table[first] == nil)
        #expect(table.count == 0)
    }

    @Test("a retired slot is not used again before recycle, and then under a new generation")
    func recycling() {
        var table = SlotTable<Box>()
        var tokens: [Token] = []
        func add(_ value: Int) {
            _ = table.insert { token in
                tokens.append(token)
                return Box(value)
            }
        }
        add(0)
        table.retire(tokens[0])
        add(1)
        #expect(tokens[1].index != tokens[0].index)
        table.recycle()
        add(2)
        #expect(tokens[2].index == tokens[0].index)
        #expect(tokens[2].generation != tokens[0].generation)
        #expect(table[tokens[0]] == nil)
        #expect(table[tokens[2]]?.value == 2)
    }

    @Test("tokens from outside with an index or generation that never was find nobody")
    func strangeTokens() {
        var table = SlotTable<Box>()
        _ = table.insert { _ in Box(1) }
        for bits: UInt64 in [0, 1, .max, 7 << 32, 1 << 32 | 0xFFFF_FFFF] {
            #expect(table[Token(bits: bits)] == nil)
        }
    }

    @Test("ten thousand random inserts and retirements agree with a dictionary")
    func model() {
        var random = SeededGenerator(seed: 7)
        var table = SlotTable<Box>()
        var model: [Token: Int] = [:]
        for round in 0..<10_000 {
            if Bool.random(using: &random), let token = model.keys.randomElement(using: &random) {
                table.retire(token)
                model[token] = nil
            } else {
                _ = table.insert { token in
                    model[token] = round
                    return Box(round)
                }
            }
            if round % 17 == 0 { table.recycle() }
        }
        #expect(table.count == model.count)
        for (token, value) in model { #expect(table[token]?.value == value) }
    }
}
