// Messages that nobody wants: the reader asks before it looks at one, and passes over what it is
// told to, however it is cut, without unmasking, inflating or checking it.

import MizuBytes
import MizuWebSocket
import Testing

@Suite("Messages that are passed over")
struct PassOverTests {
    /// What comes of the frames when each message's fate is given; the same at every split.
    private func check(
        _ frames: [Frame], _ entries: [MessageEntry], give expected: [Event],
        _ extensions: AgreedExtensions = .none
    ) {
        let bytes = wire(frames, for: .server)
        let memory = GuardedMemory(capacity: bytes.count + 1)
        for cut in 0...bytes.count {
            var feeder = Feeder(.server, memory: memory, extensions: extensions)
            feeder.reader.askFirst()
            feeder.entries = entries
            feeder.feed(bytes[..<cut])
            feeder.feed(bytes[cut...])
            guard feeder.events == expected, feeder.entries.isEmpty else {
                Issue.record("split at \(cut): \(feeder.events)")
                return
            }
        }
    }

    @Test("whole ones, fragments, and control frames between them")
    func frames() {
        check(
            [.text("a"), .text("b"), .binary([1]), .text("c")],
            [.read, .passOver, .passOver, .read],
            give: [.text("a"), .passedOver, .passedOver, .text("c")])
        check(
            [.text("a").more, .ping("p"), .rest("b").more, .rest("c"), .text("d")],
            [.passOver, .read], give: [.ping("p"), .passedOver, .text("d")])
        check([.text(""), .close(1000)], [.passOver], give: [.passedOver, .close(1000, [])])
    }

    @Test("what is passed over is not inflated or checked; what comes behind it is")
    func unread() {
        let hello = Frame.text(CompressedReadTests.hello).compressed
        let damaged = Frame.text([UInt8](repeating: 0xFF, count: 40)).compressed
        check(
            [damaged, hello, .text([0xFF, 0xFE]), damaged.more, .rest([1, 2, 3]), hello],
            [.passOver, .read, .passOver, .passOver, .read],
            give: [.passedOver, .text("Hello"), .passedOver, .passedOver, .text("Hello")],
            agreedDeflate(.fresh))
        check([hello], [.read], give: [.text("Hello")], agreedDeflate(.takenOver))
    }

    @Test("the header is still held to the rules")
    func rules() {
        check([Frame(3)], [], give: [.reject(.reservedOpcode)])
        check([.rest("x")], [], give: [.reject(.unexpectedContinuation)])
        check(
            [.text("a").more, .text("b")], [.passOver], give: [.reject(.expectedContinuation)])
        let limits = WebSocketLimits(messageBytesMax: 4)
        var feeder = Feeder(.server, limits: limits)
        feeder.reader.askFirst()
        feeder.entries = [.passOver]
        feeder.feed(
            ArraySlice(wire([.text("abc").more, .rest("de")], for: .server)))
        #expect(feeder.events == [.reject(.messageTooBig)])
    }

    @Test("bytes that are passed over count as progress, and take no memory")
    func progress() {
        var reader = MessageReader(role: .server)
        reader.askFirst()
        var input = Frame.binary([UInt8](repeating: 7, count: 1000)).bytes(for: .server)
        input.removeLast(100)
        input.withUnsafeMutableBytes { input in
            guard case .begins = reader.read(input) else {
                Issue.record("it did not ask")
                return
            }
            reader.decide(.passOver)
            guard case .needMore(let consumed) = reader.read(input) else {
                Issue.record("it did not go on")
                return
            }
            #expect(consumed == input.count)
        }
        #expect(reader.isAssembling && reader.assembledBytes == 900)
        #expect(reader.assemblyBytes <= 16)
    }

    @Test("a reader that is shut reads control frames alone, and nobody asks it")
    func shut() {
        var feeder = Feeder(.server, extensions: agreedDeflate(.takenOver))
        #expect(!feeder.reader.asks && !feeder.reader.mayPassOver)
        feeder.reader.shut()
        let damaged = Frame.text([UInt8](repeating: 0xFF, count: 40)).compressed
        feeder.feed(ArraySlice(wire([damaged, .text("x"), .close(1000)], for: .server)))
        #expect(feeder.events == [.passedOver, .passedOver, .close(1000, [])])
    }
}
