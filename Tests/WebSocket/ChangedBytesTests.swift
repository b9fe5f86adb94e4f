// Seeded chance: good conversations with bytes changed, dropped and doubled, cut at random. Whole
// and chopped must agree, and nothing may trap. `FuzzWebSocket` does the same for longer.

import MizuBytes
import MizuTestSupport
import MizuWebSocket
import Testing

@Suite("RFC 6455: changed conversations")
struct ChangedBytesTests {
    static let frames: [Frame] = [
        .text("Hello"), .binary([1, 2, 3]), .ping("p"), .pong(""),
        Frame.text("κόσ").more, .rest("με"), Frame.rest("x").more, .close(1000, "bye"),
        .text(String(repeating: "é", count: 70)), .rest([]),
    ]

    @Test("whole and chopped agree on 3,000 changed conversations", arguments: [1, 2])
    func agree(seed: UInt64) {
        var chance = SeededGenerator(seed: seed)
        let memory = GuardedMemory(capacity: 4096)
        let limits = WebSocketLimits(messageBytesMax: 200, fragmentsMax: 4)
        for round in 0..<1500 {
            let role: WebSocketRole = Bool.random(using: &chance) ? .server : .client
            var bytes = (0..<Int.random(in: 1...6, using: &chance)).flatMap { _ in
                Self.frames[Int.random(in: 0..<Self.frames.count, using: &chance)].bytes(for: role)
            }
            for _ in 0..<Int.random(in: 0...4, using: &chance) where !bytes.isEmpty {
                let index = Int.random(in: 0..<bytes.count, using: &chance)
                switch Int.random(in: 0..<3, using: &chance) {
                case 0: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &chance)
                case 1: bytes.remove(at: index)
                default: bytes.insert(bytes[index], at: index)
                }
            }
            let whole = events(bytes, role, limits: limits, memory: memory)
            let cuts = (0..<4).map { _ in Int.random(in: 0...bytes.count, using: &chance) }
            let few = events(bytes, role, limits: limits, cuts: cuts.sorted(), memory: memory)
            let single = events(
                bytes, role, limits: limits, cuts: Array(0..<bytes.count), memory: memory)
            guard whole == few, whole == single else {
                Issue.record("seed \(seed), round \(round): \(whole), \(few), \(single)")
                return
            }
        }
    }
}
