// Compressed messages through the reader: what other implementations write, blocks by hand, every way
// of cutting a message into frames and reads, and what must be refused, for both roles.

import MizuBytes
import MizuWebSocket
import Testing

/// permessage-deflate with the same context both ways.
func agreedDeflate(_ context: DeflateParameters.Context) -> AgreedExtensions {
    var parameters = DeflateParameters()
    parameters.server = context
    parameters.client = context
    return .deflate(parameters)
}

@Suite("RFC 7692 §6, §7.2: compressed messages through the reader")
struct CompressedReadTests {
    static let hello = HandDeflate.fixed(Array("Hello".utf8))

    private func check(
        _ frames: [Frame], give expected: [Event], _ name: String,
        _ context: DeflateParameters.Context = .fresh, limits: WebSocketLimits = .default
    ) {
        for role in [WebSocketRole.server, .client] {
            expectEverySplit(
                wire(frames, for: role), role, limits: limits, extensions: agreedDeflate(context),
                give: expected, name)
        }
    }

    private func refuse(_ frames: [Frame], _ error: WebSocketError, _ name: String) {
        check(frames, give: [.reject(error)], name)
        check(frames, give: [.reject(error)], name, .takenOver)
    }

    @Test("what another zlib makes at every level and by every strategy is read")
    func vectors() throws {
        for vector in DeflateVector.all {
            let context: DeflateParameters.Context =
                vector.context == .fresh ? .fresh : .takenOver
            let frames = vector.messages.map {
                Frame.text(DeflateVector.bytes($0.hex)).compressed
            }
            let texts = vector.messages.map { DeflateVector.words($0.seed) }
            check(frames, give: texts.map { .text($0) }, vector.name, context)
            // Who keeps the window reads what stands alone just as well.
            check(frames, give: texts.map { .text($0) }, vector.name, .takenOver)
            // And the plain inflater of these tests reads the same.
            var plain = PlainInflater(windowBits: 15)
            for (message, text) in zip(vector.messages, texts) {
                #expect(try plain.message(DeflateVector.bytes(message.hex)) == text)
            }
        }
    }

    @Test("blocks of every kind, alone and mixed, whole and ended by a last one")
    func blocks() {
        let text = Array("Hello, é, Hello".utf8)
        let payloads: [(String, [UInt8])] = [
            ("stored", HandDeflate.stored(text)),
            ("stored, small blocks", HandDeflate.stored(text, blockBytes: 3)),
            ("stored, a last block", HandDeflate.stored(text, blockBytes: 4, isLast: true)),
            ("fixed", HandDeflate.fixed(text)),
            ("fixed, a last block", HandDeflate.fixed(text, isLast: true)),
            (
                "a last block and nothing behind it",
                HandDeflate.fixed(text, isLast: true).dropLast()
            ),
            (
                "the last empty block is a last one",
                HandDeflate.stored(text).dropLast() + [1]
            ),
            (
                "fixed behind stored",
                HandDeflate.stored(Array(text[..<4])).dropLast()
                    + HandDeflate.fixed(Array(text[4...]))
            ),
            (
                "empty blocks around it",
                [0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0xFF, 0xFF] + HandDeflate.fixed(text)
                    + [0, 0, 0xFF, 0xFF, 0]
            ),
            (
                "two streams that end",
                HandDeflate.fixed(Array(text[..<4]), isLast: true).dropLast()
                    + HandDeflate.fixed(Array(text[4...]), isLast: true)
            ),
        ]
        for (name, payload) in payloads {
            check([.text(payload).compressed], give: [.text(text)], name)
            check(
                [.text(payload).compressed, .text(payload).compressed],
                give: [.text(text), .text(text)], name, .takenOver)
        }
        for empty in [[], [0], [1], [2, 0], [3, 0], [3, 0, 0]] as [[UInt8]] {
            check([.text(empty).compressed], give: [.text([])], "empty as \(empty)")
        }
    }

    @Test("fragments cut at every byte, with control frames and empty fragments between")
    func fragments() {
        let text = Array("Hello".utf8)
        for cut in 0...Self.hello.count {
            let first = Frame.text(Array(Self.hello[..<cut])).compressed
            let rest = Frame.rest(Array(Self.hello[cut...]))
            check([first.more, rest], give: [.text(text)], "cut at \(cut)")
            check(
                [first.more, .ping("p"), .rest([]).more, .pong(""), rest.more, .rest([])],
                give: [.ping("p"), .pong(""), .text(text)], "between, cut at \(cut)")
        }
        let bytes = Self.hello.map { [$0] }
        let single =
            [Frame.binary(bytes[0]).compressed.more] + bytes[1...].map { Frame.rest($0).more }
            + [.rest([])]
        check(single, give: [.binary(text)], "a byte a frame")
        check([.binary([]).compressed.more, .rest([])], give: [.binary([])], "nothing in two")
    }

    @Test("plain messages stand between compressed ones and do not enter the window")
    func mixed() {
        let again: [UInt8] = [0xF2, 0x00, 0x11, 0x00, 0x00]  // §7.2.3.2: "Hello", five bytes back
        let hello = Event.text("Hello")
        check(
            [
                .text(Self.hello).compressed, .text("other"), .text(again).compressed,
                .binary([1]).more, .ping(""), .rest([2]), .text(again).compressed,
            ],
            give: [hello, .text("other"), hello, .ping(""), .binary([1, 2]), hello], "kept",
            .takenOver)
        check(
            [.text(Self.hello).compressed, .text("Hello"), .text(again).compressed],
            give: [hello, hello, .reject(.badCompression)], "fresh")
    }

    @Test("RSV1 anywhere but on a message's first frame, and RSV2 and RSV3 anywhere, is refused")
    func reservedBits() {
        let first = Frame.text(Self.hello).compressed
        refuse([Frame(0, Self.hello, bits: 0xC0)], .reservedBits, "RSV1 on a continuation alone")
        for error in [0xC0, 0x40] as [UInt8] {
            refuse(
                [first.more, Frame(0, [], bits: error)], .reservedBits, "RSV1 on the next frame")
            refuse(
                [Frame.text("a").more, Frame(0, [], bits: error)], .reservedBits,
                "RSV1 after a plain frame")
        }
        for opcode in [8, 9, 10] as [UInt8] {
            refuse([Frame(opcode, [], bits: 0xC0)], .reservedBits, "RSV1 on \(opcode)")
            check(
                [first.more, Frame(opcode, [], bits: 0xC0)], give: [.reject(.reservedBits)],
                "RSV1 on \(opcode) between")
        }
        for bits in [0x90, 0xA0, 0xB0, 0xD0, 0xE0, 0xF0, 0x50] as [UInt8] {
            refuse([Frame(1, Self.hello, bits: bits)], .reservedBits, "bits \(bits)")
            refuse([first.more, Frame(0, [], bits: bits)], .reservedBits, "bits \(bits), later")
        }
        refuse([Frame(3, [], bits: 0xC0)], .reservedOpcode, "RSV1 on a reserved opcode")
        refuse([first.more, first], .expectedContinuation, "a message inside a message")
    }

    @Test("what is no deflate data is 1007, whole and in fragments")
    func damaged() {
        let damaged: [[UInt8]] = [
            [0x07], [0x06, 0, 0], [0xFF, 0xFF, 0xFF], [0x01, 5, 0, 0, 0, 1, 2, 3, 4, 5],
            [0x00, 5, 0, 0xFA, 0xFF, 1, 2], [0xF2, 0x00, 0x11, 0x00, 0x00],
            Array(Self.hello.dropLast(3)), Self.hello + [0xFF],
            HandDeflate.fixed([1, 2, 3], isLast: true) + [0xFF],
            [0x05, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
        ]
        for payload in damaged {
            refuse([.binary(payload).compressed], .badCompression, "\(payload)")
            refuse(
                [.binary([]).compressed.more, .rest(payload)], .badCompression, "\(payload) in two")
        }
        #expect(WebSocketError.badCompression.closeCode == .invalidPayload)
    }

    @Test("text that is not UTF-8 when inflated is 1007, also where fragments cut it")
    func badText() {
        for text in TextTests.invalid {
            let payload = HandDeflate.fixed(text)
            check([.binary(payload).compressed], give: [.binary(text)], "binary \(text)")
            refuse([.text(payload).compressed], .badText, "\(text)")
            let half = payload.count / 2
            refuse(
                [
                    .text(Array(payload[..<half])).compressed.more, .rest(Array(payload[half...])),
                ], .badText, "\(text) in two")
        }
        for text in TextTests.valid {
            let payload = HandDeflate.stored(text, blockBytes: 1)
            check([.text(payload).compressed], give: [.text(text)], "\(text)")
            // The compressed bytes themselves need not be UTF-8, nor end where a character ends.
            let frames = [Frame.text([payload[0]]).compressed.more, .rest(Array(payload[1...]))]
            check(frames, give: [.text(text)], "\(text) in two")
        }
    }

    @Test("without the extension RSV1 is refused; without an inflater so is the message")
    func nothingAgreed() {
        for role in [WebSocketRole.server, .client] {
            let bytes = Frame.text(Self.hello).compressed.bytes(for: role)
            expectEverySplit(bytes, role, give: [.reject(.reservedBits)], "nothing agreed")
            var reader = MessageReader(role: role, extensions: agreedDeflate(.fresh))
            let memory = GuardedMemory(capacity: 64)
            guard case .reject(.badCompression) = reader.read(memory.place(bytes)) else {
                Issue.record("a compressed message was read without an inflater")
                continue
            }
        }
    }

    @Test("a payload may be handed on where it came in one frame, stands alone and is not odd")
    func handedOn() throws {
        let text = Array("Hello".utf8)
        let table: [([Frame], DeflateParameters.Context, Bool)] = [
            ([.text(Self.hello).compressed], .fresh, true),
            ([.binary(HandDeflate.stored(text)).compressed], .fresh, true),
            ([.text(Self.hello).compressed], .takenOver, false),
            ([.text(Self.hello).compressed.more, .rest([])], .fresh, false),
            ([.text(HandDeflate.fixed(text, isLast: true)).compressed], .fresh, false),
            ([.text(HandDeflate.stored(text, isLast: true)).compressed], .fresh, false),
            ([.text(HandDeflate.stored(text).dropLast() + [1]).compressed], .fresh, false),
            ([.text([]).compressed], .fresh, false),
        ]
        for (frames, context, isHandedOn) in table {
            let inflater = try #require(Inflater())
            var reader = MessageReader(role: .client, extensions: agreedDeflate(context))
            var bytes = wire(frames, for: .client)
            let handedOn = bytes.withUnsafeMutableBytes { input -> [UInt8]? in
                guard
                    case .message(_, .inflated(_, let range?), _) = reader.read(
                        input, inflater: inflater)
                else { return nil }
                return [UInt8](input[range])
            }
            #expect(handedOn == (isHandedOn ? frames[0].payload : nil), "\(frames)")
        }
    }
}
