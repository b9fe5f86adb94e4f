// What a peer can ask too much of with compressed messages: bombs, sizes at the border, many
// fragments, many blocks; and what inflating costs in memory.

import Glibc
import MizuBytes
import MizuTestSupport
import MizuWebSocket
import Testing

@Suite("RFC 7692 §8: limits of compressed messages")
struct DeflateLimitTests {
    private func deflated(_ message: [UInt8]) throws -> [UInt8] {
        var buffer = ByteBuffer(capacity: 1)
        let deflater = try #require(Deflater())
        let isDone = message.withUnsafeBytes {
            deflater.deflate($0, context: .fresh, into: &buffer)
        }
        #expect(isDone)
        return [UInt8](buffer.readable)
    }

    /// What a reader with `limits` makes of one binary message, in `parts` frames.
    private func read(
        _ payload: [UInt8], _ limits: WebSocketLimits, parts: Int = 1,
        _ role: WebSocketRole = .client, output: InflateOutput = InflateOutput()
    ) throws -> Event? {
        let inflater = try #require(Inflater(output: output))
        var reader = MessageReader(role: role, extensions: agreedDeflate(.fresh))
        var bytes: [UInt8] = []
        let size = max(1, (payload.count + parts - 1) / parts)
        for start in stride(from: 0, to: max(1, payload.count), by: size) {
            let part = Array(payload[start..<min(start + size, payload.count)])
            let frame = start == 0 ? Frame.binary(part).compressed : .rest(part)
            bytes += (start + size < payload.count ? frame.more : frame).bytes(for: role)
        }
        return bytes.withUnsafeMutableBytes { input in
            switch reader.read(input, limits: limits, inflater: inflater) {
            case .message(_, let payload, _): .binary(payload.slice(from: input).array)
            case .reject(let error): .reject(error)
            default: nil
            }
        }
    }

    @Test("a message of exactly the limit passes, one byte more is 1009, however it is written")
    func border() throws {
        var chance = SeededGenerator(seed: 4)
        for limit in [1, 2, 255, 256, 257, 1024, 4095, 65_536] {
            let limits = WebSocketLimits(messageBytesMax: limit)
            let texts = [
                [UInt8](repeating: 7, count: limit),
                (0..<limit).map { _ in UInt8.random(in: 0...255, using: &chance) },
                (0..<limit).map { _ in UInt8.random(in: 144...255, using: &chance) },
            ]
            for text in texts {
                var ways: [([UInt8]) throws -> [UInt8]] = [deflated, { HandDeflate.stored($0) }]
                if limit < 5000 {
                    ways += [{ HandDeflate.fixed($0) }, { HandDeflate.fixed($0, isLast: true) }]
                }
                for write in ways {
                    #expect(try read(write(text), limits) == .binary(text), "\(limit)")
                    #expect(try read(write(text), limits, parts: 3, .server) == .binary(text))
                    #expect(try read(write(text + [9]), limits) == .reject(.messageTooBig))
                    #expect(
                        try read(write(text + [9]), limits, parts: 3)
                            == .reject(.messageTooBig))
                }
            }
        }
    }

    @Test("a bomb is 1009 and takes no more memory than a message of the limit")
    func bombs() throws {
        let bomb = try deflated([UInt8](repeating: 0, count: 32 << 20))
        #expect(bomb.count < 1 << 16)
        for limit in [1, 1000, 1 << 16, 1 << 20, 16 << 20] {
            let output = InflateOutput()
            let limits = WebSocketLimits(messageBytesMax: limit)
            let outcome = try read(bomb, limits, output: output)
            #expect(outcome == .reject(.messageTooBig))
            #expect(output.capacityBytes <= max(1024, 2 * (limit + 1)), "\(limit)")
        }
    }

    @Test("an inflater that keeps its window keeps no message; what is large is given back")
    func idleMemory() throws {
        let output = InflateOutput()
        let large = try deflated([UInt8](repeating: 1, count: 8 << 20))
        let small = try deflated([1, 2, 3])
        var kept: [Inflater] = []
        for _ in 0..<8 {
            let inflater = try #require(Inflater(output: output))
            let count = large.withUnsafeBytes { payload in
                let outcome = inflater.inflate(payload, limit: 8 << 20, context: .takenOver)
                return if case .message(let bytes) = outcome { bytes.count } else { -1 }
            }
            #expect(count == 8 << 20)
            kept.append(inflater)
        }
        #expect(output.capacityBytes <= 16 << 20)
        _ = small.withUnsafeBytes { kept[0].inflate($0, limit: 8 << 20, context: .takenOver) }
        #expect(output.capacityBytes <= 1 << 16)
    }

    @Test("what is announced or sent far beyond the limit is 1009 before it is collected")
    func announced() {
        let limits = WebSocketLimits(messageBytesMax: 1000)
        for role in [WebSocketRole.server, .client] {
            let mask: [UInt8] = role == .server ? [1, 2, 3, 4] : []
            let bit: UInt8 = role == .server ? 0x80 : 0
            let head: [UInt8] = [0xC2, bit | 126, 0x10, 0] + mask
            expectEverySplit(
                head, role, limits: limits, extensions: agreedDeflate(.fresh),
                give: [.reject(.messageTooBig)], "4096 announced")
            // Empty blocks are nothing but wire, which has its limit, too.
            let blocks = [UInt8](repeating: 0, count: 600)
            let frames = [Frame.binary(blocks).compressed.more, .rest(blocks)]
            expectEverySplit(
                wire(frames, for: role), role, limits: limits, extensions: agreedDeflate(.fresh),
                give: [.reject(.messageTooBig)], "1200 in two frames")
        }
    }

    @Test("16 MiB pass: zeros, and what cannot be compressed, stored", arguments: [true, false])
    func largest(isNoise: Bool) throws {
        let limits = WebSocketLimits(messageBytesMax: 16 << 20)
        var message = [UInt8](repeating: 0, count: 16 << 20)
        if isNoise {
            var chance = SeededGenerator(seed: 5)
            // The same again is out of every window's reach.
            let part = (0..<65_536).map { _ in UInt8.random(in: 0...255, using: &chance) }
            message = []
            for _ in 0..<256 { message += part }
        }
        let payload = try deflated(message)
        #expect(payload.count <= message.count + message.count / 8 + 64)
        // Compared by hand: an expectation would write 16 MiB twice.
        let isSame = try read(payload, limits, parts: 5) == .binary(message)
        #expect(isSame)
    }

    @Test("100,000 fragments of a compressed message pass, one more is 1008")
    func fragments() throws {
        let limits = WebSocketLimits(fragmentsMax: 100_000)
        let text = [UInt8](repeating: 65, count: 99_988)
        let payload = HandDeflate.stored(text)
        #expect(payload.count == 99_999)
        var bytes = Frame.binary([]).compressed.more.bytes(for: .client)
        for byte in payload.dropLast() { bytes += [0, 1, byte] }
        let last = Frame.rest([payload[payload.count - 1]])
        let memory = GuardedMemory(capacity: bytes.count + 100)
        let passes = events(
            bytes + last.bytes(for: .client), .client, limits: limits, memory: memory,
            extensions: agreedDeflate(.fresh))
        #expect(passes == [.binary(text)])
        let over = events(
            bytes + last.more.bytes(for: .client) + Frame.rest([]).bytes(for: .client), .client,
            limits: limits, memory: memory, extensions: agreedDeflate(.fresh))
        #expect(over == [.reject(.tooManyFragments)])
    }

    @Test("a megabyte of empty blocks, of every kind, is read in a moment")
    func emptyBlocks() throws {
        // Each costs a step of its own; 570,000 of them take a fraction of a second.
        let kinds: [[UInt8]] = [[0, 0, 0, 0xFF, 0xFF], [3, 0], [2, 0, 0, 0, 0xFF, 0xFF]]
        for kind in kinds {
            var payload: [UInt8] = []
            payload.reserveCapacity(1 << 20)
            while payload.count < 1 << 20 { payload += kind }
            let begun = threadSeconds()
            #expect(try read(payload + [0], .default) == .binary([]), "\(kind)")
            #expect(threadSeconds() - begun < 30)
        }
    }

    /// What this thread has computed so far, however often others had its core.
    private func threadSeconds() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return time.tv_sec
    }

    @Test("a window of every size is read by an inflater of that size")
    func windows() throws {
        var chance = SeededGenerator(seed: 6)
        for bits in 8...15 {
            let inflater = try #require(Inflater(windowBits: bits))
            let part = (0..<100).map { _ in UInt8.random(in: 0...255, using: &chance) }
            let deflater = try #require(Deflater())
            for round in 0..<40 {
                // A message that only looks back as far as the smallest of these windows.
                let text = part + part + [UInt8(round)]
                var buffer = ByteBuffer(capacity: 1)
                _ = text.withUnsafeBytes { deflater.deflate($0, context: .fresh, into: &buffer) }
                let outcome = inflater.inflate(
                    buffer.readable, limit: 1 << 20, context: .takenOver)
                guard case .message(let bytes) = outcome, bytes.elementsEqual(text) else {
                    Issue.record("\(bits) bits, round \(round)")
                    return
                }
            }
        }
    }
}
