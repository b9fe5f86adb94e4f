// Seeded chance: conversations of plain and compressed messages, cut at random into frames with
// control frames between, arriving in random pieces. What the reader gives is what was said, and
// what a `Deflater` wrote is read by a plain inflater within its window.

import MizuBytes
import MizuTestSupport
import MizuWebSocket
import Testing

@Suite("RFC 7692: random conversations")
struct DeflateScheduleTests {
    /// One direction of a connection that says things at random.
    private struct Talker {
        var chance: SeededGenerator
        let role: WebSocketRole
        let context: DeflateParameters.Context
        let deflater: Deflater
        var plain = PlainInflater(windowBits: Deflater.windowBits)
        var bytes: [UInt8] = []
        var said: [Event] = []
        private var texts: [[UInt8]] = []

        init?(seed: UInt64, to role: WebSocketRole, _ context: DeflateParameters.Context) {
            guard let deflater = Deflater() else { return nil }
            self.deflater = deflater
            self.role = role
            self.context = context
            chance = SeededGenerator(seed: seed)
        }

        mutating func pick(_ range: ClosedRange<Int>) -> Int {
            Int.random(in: range, using: &chance)
        }

        /// Often something like what was said before, so that windows matter.
        private mutating func text() -> [UInt8] {
            if !texts.isEmpty, pick(0...2) > 0 {
                var again = texts[pick(0...texts.count - 1)]
                again += DeflateVector.words(UInt32(pick(0...9))).prefix(6)
                return pick(0...5) == 0 ? Array((again + again).prefix(9000)) : again
            }
            let new = DeflateVector.words(UInt32(pick(0...1000)))
            texts.append(new)
            return new
        }

        mutating func say() throws {
            let isText = pick(0...1) == 0
            // Cut by whole characters: a text must be one.
            var message = text()
            if pick(0...9) == 0 { message = [] }
            if isText { message = Array(String(decoding: message, as: UTF8.self).utf8) }
            said.append(isText ? .text(message) : .binary(message))
            let frame = isText ? Frame.text(message) : .binary(message)
            switch pick(0...5) {
            case 0, 1: send(frame)
            case 2 where context == .fresh:
                send(Frame(frame.first & 0x0F, HandDeflate.fixed(message, isLast: true)).compressed)
            case 3 where context == .fresh:
                send(
                    Frame(frame.first & 0x0F, HandDeflate.stored(message, blockBytes: 50))
                        .compressed)
            default:
                var buffer = ByteBuffer(capacity: 1)
                let isDone = message.withUnsafeBytes {
                    deflater.deflate($0, context: context, into: &buffer)
                }
                #expect(isDone)
                let payload = [UInt8](buffer.readable)
                if context == .fresh { plain = PlainInflater(windowBits: Deflater.windowBits) }
                #expect(try plain.message(payload) == message)
                send(Frame(frame.first & 0x0F, payload).compressed)
            }
        }

        /// In one frame or several.
        private mutating func send(_ frame: Frame) {
            var frames: [Frame] = []
            var start = 0
            while pick(0...3) == 0, start < frame.payload.count {
                let end = pick(start...frame.payload.count)
                let part = Array(frame.payload[start..<end])
                frames.append(
                    start == 0 && frames.isEmpty
                        ? Frame(frame.first & 0x0F, part, bits: frame.first & 0x70)
                        : .rest(part).more)
                start = end
            }
            let rest = Array(frame.payload[start...])
            frames.append(
                frames.isEmpty ? frame : .rest(rest))
            var written = frames[0].bytes(for: role)
            var controls: [Event] = []
            for part in frames.dropFirst() {
                if pick(0...2) == 0 {
                    let payload = (0..<pick(0...125)).map { UInt8(truncatingIfNeeded: $0) }
                    written += Frame(pick(0...1) == 0 ? 9 : 10, payload).bytes(for: role)
                    controls.append(.ping(payload))
                }
                written += part.bytes(for: role)
            }
            bytes += written
            said.insert(contentsOf: controls, at: said.count - 1)
        }
    }

    @Test("what was said is what is read", arguments: 0..<12)
    func conversations(seed: UInt64) throws {
        let role: WebSocketRole = seed % 2 == 0 ? .server : .client
        let context: DeflateParameters.Context = seed % 4 < 2 ? .takenOver : .fresh
        var talker = try #require(Talker(seed: seed, to: role, context))
        for _ in 0..<60 { try talker.say() }
        let memory = GuardedMemory(capacity: talker.bytes.count + 1)
        // Pongs and pings are told apart by the reader; here either counts.
        func same(_ events: [Event]) -> Bool {
            events.map { if case .pong(let payload) = $0 { .ping(payload) } else { $0 } }
                == talker.said
        }
        for round in 0..<5 {
            let cuts = (0..<[0, 3, 40, 400, 2000][round])
                .map { _ in talker.pick(0...talker.bytes.count) }.sorted()
            let got = events(
                talker.bytes, role, cuts: cuts, memory: memory, extensions: agreedDeflate(context))
            guard same(got) else {
                Issue.record("seed \(seed), round \(round)")
                return
            }
        }
    }

    @Test(
        "changed bytes give the same events whole and chopped, and nothing traps", arguments: 0..<6)
    func changed(seed: UInt64) throws {
        let role: WebSocketRole = seed % 2 == 0 ? .server : .client
        let context: DeflateParameters.Context = seed % 4 < 2 ? .takenOver : .fresh
        let limits = WebSocketLimits(messageBytesMax: 1500, fragmentsMax: 8)
        var talker = try #require(Talker(seed: seed, to: role, context))
        let memory = GuardedMemory(capacity: 1 << 18)
        for round in 0..<150 {
            talker.bytes = []
            for _ in 0..<talker.pick(1...4) { try talker.say() }
            var bytes = talker.bytes
            for _ in 0..<talker.pick(1...3) where !bytes.isEmpty {
                let index = talker.pick(0...bytes.count - 1)
                switch talker.pick(0...2) {
                case 0: bytes[index] ^= 1 << UInt8(talker.pick(0...7))
                case 1: bytes.remove(at: index)
                default: bytes.insert(bytes[index], at: index)
                }
            }
            let extensions = agreedDeflate(context)
            let whole = events(
                bytes, role, limits: limits, memory: memory, extensions: extensions)
            let cuts = (0..<5).map { _ in talker.pick(0...bytes.count) }.sorted()
            let few = events(
                bytes, role, limits: limits, cuts: cuts, memory: memory, extensions: extensions)
            guard whole == few else {
                Issue.record("seed \(seed), round \(round): \(whole), \(few)")
                return
            }
        }
    }
}
