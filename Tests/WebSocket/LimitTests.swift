// What a peer can ask too much of: sizes, counts, lengths, masks; and what an idle or a waiting
// reader costs.

import MizuBytes
import MizuWebSocket
import Testing

@Suite("RFC 6455 §5.1, §5.2, §10.4: masks, lengths and limits")
struct LimitTests {
    @Test("a server refuses a frame without a mask, a client one with a mask")
    func masks() {
        let unmasked = Frame.text("a").bytes(for: .client)
        let masked = Frame.text("a").bytes(for: .server)
        expectEverySplit(unmasked, .server, give: [.reject(.unmaskedFrame)], "unmasked")
        expectEverySplit(masked, .client, give: [.reject(.maskedFrame)], "masked")
    }

    @Test("a length that is not in its shortest form, or has the top bit, is refused")
    func lengths() {
        let zeros = [UInt8](repeating: 0, count: 7)
        let lengths: [(String, [UInt8])] = [
            ("5 in 16 bits", [126, 0, 5]),
            ("125 in 16 bits", [126, 0, 125]),
            ("5 in 64 bits", [127] + zeros + [5]),
            ("65535 in 64 bits", [127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]),
            ("top bit", [127, 0x80] + zeros),
            ("all bits", [127] + [UInt8](repeating: 0xFF, count: 8)),
        ]
        for (name, length) in lengths {
            expectEverySplit([0x82] + length, .client, give: [.reject(.badLength)], name)
            var masked = [0x82] + length + [1, 2, 3, 4]
            masked[1] |= 0x80
            expectEverySplit(masked, .server, give: [.reject(.badLength)], name)
        }
    }

    @Test("the largest legal length is refused by the limit, at its header")
    func hugeLength() {
        let length: [UInt8] = [127, 0x7F] + [UInt8](repeating: 0xFF, count: 7)
        expectEverySplit([0x82] + length, .client, give: [.reject(.messageTooBig)], "2^63 - 1")
        let rest = Frame.binary([1]).more.bytes(for: .client) + [0x80] + length
        expectEverySplit(rest, .client, give: [.reject(.messageTooBig)], "2^63 - 1 more")
    }

    @Test("a message may have exactly the limit, in one frame or more; one byte more is 1009")
    func messageLimit() {
        let limits = WebSocketLimits(messageBytesMax: 10)
        let ten = [UInt8](repeating: 7, count: 10)
        let cases: [([Frame], [Event])] = [
            ([.binary(ten)], [.binary(ten)]),
            ([.binary(ten + [7])], [.reject(.messageTooBig)]),
            ([.binary(ten).more, .rest([])], [.binary(ten)]),
            ([.binary(ten).more, .rest([7])], [.reject(.messageTooBig)]),
            ([.binary([7]).more, .rest(ten)], [.reject(.messageTooBig)]),
            (
                [.binary(ten).more, .ping("longer than ten"), .rest([])],
                [.ping("longer than ten"), .binary(ten)]
            ),
            ([.binary(ten), .binary(ten)], [.binary(ten), .binary(ten)]),
        ]
        for (frames, expected) in cases {
            for role in [WebSocketRole.server, .client] {
                expectEverySplit(
                    wire(frames, for: role), role, limits: limits, give: expected, "limit")
            }
        }
        #expect(WebSocketError.messageTooBig.closeCode == .messageTooBig)
        #expect(WebSocketLimits(messageBytesMax: .max).messageBytesMax == 16 << 20)
        #expect(WebSocketLimits(messageBytesMax: -1, fragmentsMax: -1).fragmentsMax == 1)
    }

    @Test("too many fragments are refused, empty ones too")
    func fragmentLimit() {
        let limits = WebSocketLimits(fragmentsMax: 3)
        let fits: [Frame] = [.binary([]).more, .rest([1]).more, .rest([2])]
        let over: [Frame] = [.binary([]).more, .rest([]).more, .rest([]).more, .rest([])]
        for role in [WebSocketRole.server, .client] {
            expectEverySplit(
                wire(fits + fits, for: role), role, limits: limits,
                give: [.binary([1, 2]), .binary([1, 2])], "three")
            expectEverySplit(
                wire(over, for: role), role, limits: limits,
                give: [.reject(.tooManyFragments)], "four")
        }
    }

    @Test("an idle reader is small, and memory follows what arrived, not what was announced")
    func memory() {
        #expect(MemoryLayout<MessageReader>.size <= 16)
        var feeder = Feeder(.client)
        #expect(!feeder.reader.isAssembling)
        feeder.feed([0x82, 127, 0, 0, 0, 0, 0, 0x10, 0, 0])
        #expect(feeder.reader.isAssembling)
        #expect(feeder.reader.assemblyBytes <= 512)
        feeder.feed([UInt8](repeating: 1, count: 4000)[...])
        #expect(feeder.reader.assemblyBytes <= 8192)
        #expect(feeder.events.isEmpty)
    }

    @Test("a message that lies whole in the input is delivered where it lies")
    func inPlace() {
        var reader = MessageReader(role: .server)
        let memory = GuardedMemory(capacity: 100)
        let input = memory.place(Frame.text("Hello").bytes(for: .server))
        guard case .message(.text, let payload, let consumed) = reader.read(input),
            case .inPlace(let range) = payload
        else {
            Issue.record("expected a message in place")
            return
        }
        #expect(input[range].elementsEqual("Hello".utf8))
        #expect(range == 6..<11)
        #expect(consumed == 11)
        #expect(payload.count == 5)
        #expect(payload.withUnsafeBytes(from: input) { [UInt8]($0) } == Array("Hello".utf8))
    }

    @Test("memory goes with the message, with a close and with a violation")
    func release() {
        let ends: [[Frame]] = [
            [.text("a").more, .rest("b")], [.text("a").more, .close(1000)],
            [.text("a").more, .text("b")],
        ]
        for frames in ends {
            var feeder = Feeder(.server)
            feeder.feed(frames[0].bytes(for: .server)[...])
            #expect(feeder.reader.isAssembling)
            feeder.feed(frames[1].bytes(for: .server)[...])
            #expect(!feeder.reader.isAssembling)
            #expect(feeder.reader.assemblyBytes == 0)
        }
    }
}
