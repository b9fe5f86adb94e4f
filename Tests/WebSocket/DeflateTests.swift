import MizuBytes
import MizuWebSocket
import Testing

@Suite("RFC 7692 §7.2: compressing and inflating")
struct DeflateTests {
    /// What `deflater` makes of `message`.
    private func deflate(
        _ message: [UInt8], by deflater: Deflater, _ context: DeflateParameters.Context
    ) -> [UInt8]? {
        var buffer = ByteBuffer(capacity: 1)
        let worked = message.withUnsafeBytes {
            deflater.deflate($0, context: context, into: &buffer)
        }
        return worked ? [UInt8](buffer.readable) : nil
    }

    private func inflate(
        _ payload: [UInt8], by inflater: Inflater, _ context: DeflateParameters.Context,
        limit: Int = 1 << 20
    ) -> [UInt8]? {
        payload.withUnsafeBytes { payload in
            guard
                case .message(let bytes) = inflater.inflate(payload, limit: limit, context: context)
            else { return nil }
            return [UInt8](bytes)
        }
    }

    @Test("messages of every size come back, with and without a kept window")
    func roundTrip() throws {
        let sizes = Array(0...300) + [1000, 4096, 65_535, 65_536, 300_000]
        for context in [DeflateParameters.Context.fresh, .takenOver] {
            let deflater = try #require(Deflater())
            let inflater = try #require(Inflater())
            for size in sizes {
                let message = (0..<size).map { UInt8(truncatingIfNeeded: $0 / 3 * 7 + size) }
                let payload = try #require(deflate(message, by: deflater, context))
                #expect(inflate(payload, by: inflater, context) == message)
            }
        }
    }

    @Test("what cannot be compressed comes back, too")
    func randomBytes() throws {
        var random = SystemRandomNumberGenerator()
        let deflater = try #require(Deflater())
        let inflater = try #require(Inflater())
        for size in [1, 100, 5_000, 200_000] {
            let message = (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) }
            let payload = try #require(deflate(message, by: deflater, .takenOver))
            #expect(payload.count <= size + size / 8 + 64)
            #expect(inflate(payload, by: inflater, .takenOver) == message)
        }
    }

    @Test(
        "the examples of §7.2.3 are read",
        arguments: [
            // §7.2.3.1, one block; §7.2.3.3, no compression; §7.2.3.4, BFINAL; §7.2.3.5, two blocks
            [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
            [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
            [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
            [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
        ] as [[UInt8]])
    func examples(payload: [UInt8]) throws {
        let inflater = try #require(Inflater())
        #expect(inflate(payload, by: inflater, .fresh) == Array("Hello".utf8))
    }

    @Test("§7.2.3.2: a second message may look back into the first, also past a last block")
    func sharedWindow() throws {
        for first in [
            [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
            [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
        ] as [[UInt8]] {
            let inflater = try #require(Inflater())
            #expect(inflate(first, by: inflater, .takenOver) == Array("Hello".utf8))
            let second: [UInt8] = [0xf2, 0x00, 0x11, 0x00, 0x00]
            #expect(inflate(second, by: inflater, .takenOver) == Array("Hello".utf8))
            #expect(inflate(second, by: inflater, .fresh) == nil)
        }
    }

    @Test("an empty payload and an empty block are the empty message")
    func empty() throws {
        let inflater = try #require(Inflater())
        #expect(inflate([], by: inflater, .fresh) == [])
        #expect(inflate([0x00], by: inflater, .fresh) == [])
        #expect(inflate([0x02, 0x00], by: inflater, .fresh) == [])
    }

    @Test("every message that is cut off or no deflate data is refused")
    func damaged() throws {
        let deflater = try #require(Deflater())
        let text = Array("the quick brown fox jumps over the lazy dog, over and over".utf8)
        let payload = try #require(deflate(text, by: deflater, .fresh))
        let inflater = try #require(Inflater())
        for cut in 1..<payload.count - 1 {
            // A cut may by chance end where a block ends, but never gives the whole message.
            #expect(inflate(Array(payload[..<cut]), by: inflater, .fresh) != text)
        }
        #expect(inflate([0x07], by: inflater, .fresh) == nil)
        #expect(inflate([0xff, 0xff, 0xff], by: inflater, .fresh) == nil)
        #expect(inflate(payload, by: inflater, .fresh) == text)
    }

    @Test("a bomb is not inflated past the limit, and the limit itself passes")
    func bomb() throws {
        let deflater = try #require(Deflater())
        let inflater = try #require(Inflater())
        let zeros = [UInt8](repeating: 0, count: 4 << 20)
        let payload = try #require(deflate(zeros, by: deflater, .fresh))
        #expect(payload.count < 8_000)
        for (limit, fits) in [(zeros.count, true), (zeros.count - 1, false), (1, false)] {
            let outcome = payload.withUnsafeBytes {
                inflater.inflate($0, limit: limit, context: .fresh)
            }
            switch outcome {
            case .message(let bytes): #expect(fits && bytes.count == zeros.count)
            case .tooBig: #expect(!fits)
            case .invalid: Issue.record("a bomb is deflate data")
            }
        }
    }
}
