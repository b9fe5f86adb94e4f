// Frames in the manner of Autobahn's cases 1 to 5 and 9, with small sizes: each case whole, byte
// by byte and split at every index, for both roles.

import MizuBytes
import MizuWebSocket
import Testing

@Suite("RFC 6455 §5: framing")
struct FramingTests {
    struct Case {
        let name: String
        let frames: [Frame]
        let events: [Event]
    }

    static func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    }
    static func stars(_ count: Int) -> String { String(repeating: "*", count: count) }

    private func check(_ cases: [Case], limits: WebSocketLimits = .default) {
        for one in cases {
            for role in [WebSocketRole.server, .client] {
                expectEverySplit(
                    wire(one.frames, for: role), role, limits: limits, give: one.events, one.name)
            }
        }
    }

    @Test("1.*: messages of every length form arrive whole")
    func sizes() {
        for count in [0, 1, 125, 126, 127, 128, 1000] {
            check([
                Case(
                    name: "1.1 \(count)", frames: [.text(Self.stars(count))],
                    events: [.text(Self.stars(count))]),
                Case(
                    name: "1.2 \(count)", frames: [.binary(Self.bytes(count))],
                    events: [.binary(Self.bytes(count))]),
            ])
        }
    }

    @Test("1.*, 9.*: messages around 64 KiB arrive whole", arguments: [65535, 65536])
    func largeSizes(count: Int) {
        let payload = Self.bytes(count)
        let memory = GuardedMemory(capacity: count + 20)
        for role in [WebSocketRole.server, .client] {
            let sent = Frame.binary(payload).bytes(for: role)
            for cuts in [[], [1], [2], [9], [13], [14], [15], [4096], [4099, 40_001], [count]] {
                let got = events(sent, role, cuts: cuts, memory: memory)
                #expect(got == [.binary(payload)], "\(cuts)")
            }
            let pieces = Array(stride(from: 997, to: sent.count, by: 997))
            let got = events(sent, role, cuts: pieces, memory: memory)
            #expect(got == [.binary(payload)])
        }
    }

    @Test("2.*: pings and pongs arrive with their payloads")
    func pings() {
        check([
            Case(name: "2.1", frames: [.ping("")], events: [.ping("")]),
            Case(name: "2.2", frames: [.ping("Hello")], events: [.ping("Hello")]),
            Case(
                name: "2.3", frames: [Frame(9, [0, 255, 254, 253, 252, 251, 0, 255])],
                events: [.ping([0, 255, 254, 253, 252, 251, 0, 255])]),
            Case(
                name: "2.4", frames: [.ping(Self.stars(125))], events: [.ping(Self.stars(125))]),
            Case(
                name: "2.5", frames: [.ping(Self.stars(126))],
                events: [.reject(.controlTooLong)]),
            Case(name: "2.7", frames: [.pong("")], events: [.pong("")]),
            Case(
                name: "2.9", frames: [.pong("unasked"), .ping("asked")],
                events: [.pong("unasked"), .ping("asked")]),
            Case(
                name: "2.10", frames: (0..<10).map { .ping("\($0)") },
                events: (0..<10).map { .ping("\($0)") }),
        ])
    }

    @Test("3.*: reserved bits without an extension end the connection")
    func reservedBits() {
        for bits in stride(from: UInt8(0x10), through: 0x70, by: 0x10) {
            check([
                Case(
                    name: "3.1 \(bits)", frames: [Frame(1, [65], bits: 0x80 | bits)],
                    events: [.reject(.reservedBits)]),
                Case(
                    name: "3.2 \(bits)",
                    frames: [.text("ok"), Frame(1, [65], bits: 0x80 | bits), .ping("")],
                    events: [.text("ok"), .reject(.reservedBits)]),
                Case(
                    name: "3.5 \(bits)", frames: [Frame(9, [], bits: 0x80 | bits)],
                    events: [.reject(.reservedBits)]),
                Case(
                    name: "3.7 \(bits)",
                    frames: [.text("a").more, Frame(0, [65], bits: 0x80 | bits)],
                    events: [.reject(.reservedBits)]),
            ])
        }
    }

    @Test("4.*: reserved opcodes end the connection")
    func reservedOpcodes() {
        for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] as [UInt8] {
            check([
                Case(name: "4.1", frames: [Frame(opcode)], events: [.reject(.reservedOpcode)]),
                Case(
                    name: "4.3", frames: [.text("Hello"), Frame(opcode, [1, 2]), .ping("")],
                    events: [.text("Hello"), .reject(.reservedOpcode)]),
                Case(
                    name: "4.5", frames: [.text("Hello").more, Frame(opcode, [1, 2], bits: 0)],
                    events: [.reject(.reservedOpcode)]),
            ])
        }
    }

    @Test("5.*: fragments are joined, control frames stand between them")
    func fragments() {
        let joined = Event.text("fragment1fragment2")
        check([
            Case(
                name: "5.3", frames: [.text("fragment1").more, .rest("fragment2")],
                events: [joined]),
            Case(
                name: "5.6", frames: [.text("fragment1").more, .ping("p"), .rest("fragment2")],
                events: [.ping("p"), joined]),
            Case(
                name: "5.19",
                frames: [
                    .text("f1").more, .rest("f2").more, .ping("p1"), .rest("f3").more,
                    .rest("f4").more, .ping("p2"), .rest("f5"),
                ],
                events: [.ping("p1"), .ping("p2"), .text("f1f2f3f4f5")]),
            Case(
                name: "empty fragments",
                frames: [.text("").more, .rest("").more, .rest("x").more, .rest("")],
                events: [.text("x")]),
            Case(
                name: "only empty fragments", frames: [.binary([]).more, .rest("")],
                events: [.binary([])]),
            Case(
                name: "one after another",
                frames: [.binary([1]).more, .rest([2]), .text("a"), .text("b").more, .rest("c")],
                events: [.binary([1, 2]), .text("a"), .text("bc")]),
        ])
    }

    @Test("5.*: fragments out of order and fragmented control frames end the connection")
    func wrongFragments() {
        check([
            Case(
                name: "5.1", frames: [.ping("fragment1").more, .rest("fragment2")],
                events: [.reject(.fragmentedControl)]),
            Case(
                name: "5.2", frames: [.pong("fragment1").more, .rest("fragment2")],
                events: [.reject(.fragmentedControl)]),
            Case(
                name: "5.9", frames: [.rest("nothing to continue"), .text("Hello")],
                events: [.reject(.unexpectedContinuation)]),
            Case(
                name: "5.12", frames: [.rest("nothing to continue").more],
                events: [.reject(.unexpectedContinuation)]),
            Case(
                name: "5.15",
                frames: [
                    .text("fragment1").more, .rest("fragment2"), .rest("fragment3").more,
                    .text("fragment4"),
                ],
                events: [.text("fragment1fragment2"), .reject(.unexpectedContinuation)]),
            Case(
                name: "5.18", frames: [.text("fragment1").more, .text("fragment2")],
                events: [.reject(.expectedContinuation)]),
        ])
    }

    @Test("9.*: a message in many fragments of every size arrives")
    func manyFragments() {
        let payload = Self.bytes(256)
        for size in [1, 3, 64, 255] {
            var frames: [Frame] = []
            for start in stride(from: 0, to: payload.count, by: size) {
                let part = Array(payload[start..<min(start + size, payload.count)])
                let frame = start == 0 ? Frame.binary(part) : .rest(part)
                frames.append(start + size < payload.count ? frame.more : frame)
            }
            check([Case(name: "9.3 \(size)", frames: frames, events: [.binary(payload)])])
        }
    }
}
