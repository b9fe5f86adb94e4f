// What waits to be sent, and handshakes at the door, as values: no socket, no worker, no clock.

import MizuBytes
import MizuEventLoop
import Testing

@testable import MizuServer
@testable import MizuTransport

@Suite("What waits to be sent") struct OutboxTests {
    /// Connections that share one arena for a tick.
    private struct Tick: ~Copyable {
        var arena = OutputArena()

        mutating func add(_ text: String, to outbox: inout Outbox) {
            outbox.compose(in: &arena, charging: nil) { $0.append(ByteSlice(text)) }
            #expect(outbox.isConsistent)
        }

        mutating func append(_ slice: ByteSlice, tag: UInt32 = 0, to outbox: inout Outbox) {
            outbox.append(slice, tag: tag, in: &arena, charging: nil)
            #expect(outbox.isConsistent)
        }

        mutating func share(
            _ slice: ByteSlice, tag: UInt32 = 0, with outbox: inout Outbox
        ) -> Bool {
            defer { #expect(outbox.isConsistent) }
            return outbox.share(slice, tag: tag, in: &arena)
        }

        /// The transport takes `count` bytes, and the tick ends.
        mutating func flush(_ count: Int, _ outbox: inout Outbox) -> String {
            let all = text(of: outbox)
            let composed = outbox.tickBytes
            outbox.sent(count, in: arena, charging: nil)
            outbox.endTick(
                in: arena, as: outbox.tickBytes < composed ? .rest : .whole, charging: nil)
            #expect(outbox.isConsistent && outbox.tickBytes == 0)
            #expect(outbox.byteCount == all.utf8.count - count)
            return String(all.prefix(count))
        }

        /// All that waits, in the order in which it leaves.
        borrowing func text(of outbox: Outbox) -> String {
            var bytes = Array(outbox.tickPart(in: arena))
            var queued: [UInt8] = []
            outbox.queue?.forEachUnsent {
                queued.append(contentsOf: $0)
                return true
            }
            bytes += queued
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    private static func text(_ count: Int, _ letter: Character = "x") -> String {
        String(repeating: letter, count: count)
    }

    @Test("what one connection composes in a tick is one range")
    func range() {
        var tick = Tick()
        var outbox = Outbox()
        #expect(outbox.isEmpty)
        tick.add("ab", to: &outbox)
        tick.add("cd", to: &outbox)
        #expect(outbox.isTickOnly && outbox.byteCount == 4)
        #expect(tick.text(of: outbox) == "abcd")
        outbox.tickPartIsSent()
        #expect(outbox.isEmpty && outbox.byteCount == 0)
    }

    @Test("what comes after another connection's output stands in the queue, and leaves later")
    func interleaved() {
        var tick = Tick()
        var (first, second) = (Outbox(), Outbox())
        tick.add("one", to: &first)
        tick.add("two", to: &second)
        tick.add("three", to: &first)
        #expect(!first.isTickOnly && tick.text(of: first) == "onethree")
        #expect(second.isTickOnly && tick.text(of: second) == "two")
    }

    @Test("a small slice is copied, a large one waits as it is", arguments: [4096, 4097])
    func slices(count: Int) {
        var tick = Tick()
        var outbox = Outbox()
        tick.append(ByteSlice(Self.text(count)), to: &outbox)
        #expect(outbox.isTickOnly == (count == 4096))
        tick.add("z", to: &outbox)
        #expect(tick.text(of: outbox) == Self.text(count) + "z")
    }

    @Test("what a short write leaves goes on in order, wherever it was cut")
    func shortWrites() {
        for cut in 0...9 {
            var tick = Tick()
            var outbox = Outbox()
            tick.add("abc", to: &outbox)
            tick.append(ByteSlice(Self.text(5000)), to: &outbox)
            tick.add("end", to: &outbox)
            var left = tick.flush(cut, &outbox)
            tick.arena.removeAll()
            left += tick.text(of: outbox)
            #expect(left == "abc" + Self.text(5000) + "end", "cut at \(cut)")
            tick.add("more", to: &outbox)
            #expect(tick.text(of: outbox).hasSuffix("endmore"))
        }
    }

    @Test("a frame is shared by all who have nothing else to send, without a copy")
    func shared() {
        var tick = Tick()
        let frame = ByteSlice("frame")
        var (first, second) = (Outbox(), Outbox())
        #expect(tick.share(frame, with: &first))
        #expect(tick.share(frame, with: &second))
        #expect(tick.arena.count == 0 && tick.arena.frames.count == 1)
        #expect(first.sharesFrame && first.messageCount == 1)
        #expect(tick.text(of: second) == "frame")
        #expect(!tick.share(frame, with: &second), "something else waits")
        tick.add("!", to: &second)
        #expect(!second.sharesFrame && tick.text(of: second) == "frame!")
    }

    @Test("a shared frame that does not leave whole waits as a reference", arguments: [0, 2, 5])
    func sharedShort(count: Int) {
        var tick = Tick()
        var outbox = Outbox()
        #expect(tick.share(ByteSlice("frame"), tag: 7, with: &outbox))
        let sent = tick.flush(count, &outbox)
        tick.arena.removeAll()
        #expect(sent + tick.text(of: outbox) == "frame")
        // What was begun is never dropped.
        #expect(outbox.dropUnbegun(tag: 7) == (count == 0 ? 1 : 0))
        #expect(outbox.byteCount == (count == 2 ? 3 : 0))
    }

    @Test("a large frame that more follows goes to the queue with its tag")
    func largeFrame() {
        var tick = Tick()
        var outbox = Outbox()
        #expect(tick.share(ByteSlice(Self.text(5000)), tag: 7, with: &outbox))
        tick.add("x", to: &outbox)
        #expect(outbox.tickBytes == 0 && outbox.byteCount == 5001)
        #expect(outbox.dropUnbegun(tag: 7) == 1 && outbox.byteCount == 1)
    }

    @Test("messages are counted once, those that a short write left as one")
    func messages() {
        var tick = Tick()
        var outbox = Outbox()
        for _ in 0..<3 {
            tick.add("m", to: &outbox)
            outbox.countMessage()
        }
        #expect(outbox.messageCount == 3)
        _ = tick.flush(1, &outbox)
        #expect(outbox.messageCount == 1)
        outbox.removeAll()
        #expect(outbox.isEmpty && outbox.messageCount == 0 && outbox.byteCount == 0)
    }

    @Test("a connection's state fits into one allocation of 128 bytes")
    func stateSize() { #expect(MemoryLayout<ConnectionState>.size <= 120) }
}

@Suite("Handshakes at the door") struct HandshakeGateTests {
    private static func at(_ milliseconds: UInt64) -> Instant {
        Instant(nanoseconds: 0).adding(milliseconds: 1_000 + milliseconds)
    }
    private static func token(_ index: Int) -> Token { Token(index: index, generation: 1) }
    private func gate(openMax: Int = 2, steps: Int = 2) -> HandshakeGate {
        HandshakeGate(
            HandshakeGate.Limits(openMax: openMax, graceMilliseconds: 100, tickStepsMax: steps))
    }

    @Test("beyond the cap nobody enters until one leaves")
    func cap() {
        var gate = gate()
        for index in 0..<2 {
            #expect(gate.admit(at: Self.at(0)) { _ in true } == .enter)
            #expect(gate.begin(Self.token(index), at: Self.at(0)) { _ in true } == nil)
        }
        #expect(gate.admit(at: Self.at(99)) { _ in true } == .wait)
        #expect(gate.listenersWait && gate.open == 2)
        #expect(gate.admitWaiting(at: Self.at(99)) { _ in true } == .wait)
        gate.left()
        #expect(gate.admitWaiting(at: Self.at(99)) { $0.index == 1 } == .enter)
        #expect(!gate.listenersWait)
    }

    @Test("at the cap the oldest gives way once it has had its grace, and not before")
    func grace() {
        var gate = gate()
        for index in 0..<2 {
            _ = gate.begin(Self.token(index), at: Self.at(UInt64(index) * 50)) { _ in true }
        }
        #expect(gate.graceEnds { _ in true } == Self.at(100))
        #expect(gate.admit(at: Self.at(100)) { _ in true } == .enter)
        #expect(gate.begin(Self.token(2), at: Self.at(100)) { _ in true } == Self.token(0))
        gate.left()
        // Those that have left are forgotten; the next oldest counts.
        #expect(gate.graceEnds { $0.index > 0 } == Self.at(150))
        #expect(gate.begin(Self.token(3), at: Self.at(149)) { $0.index > 0 } == nil)
    }

    @Test("a tick takes so many steps; newcomers do not overtake those that wait")
    func turns() {
        var gate = gate(steps: 2)
        gate.beginTick()
        #expect(gate.takeTurn() == .now)
        #expect(gate.takeTurn() == .now)
        #expect(gate.takeTurn() == .nextTick)
        gate.beginTick()
        #expect(gate.takeTurn() == .nextTick, "somebody waits")
        gate.beginRound()
        #expect(gate.takeTurn() == .now)
        #expect(gate.takeTurn() == .now)
        gate.endRound(isComplete: true)
        gate.beginTick()
        #expect(gate.takeTurn() == .now)
    }

    @Test("a round that is cut off leaves its handshakes in line")
    func cutOff() {
        var gate = gate(steps: 1)
        gate.beginTick()
        #expect(gate.takeTurn() == .now)
        #expect(gate.takeTurn() == .nextTick)
        gate.beginRound()
        gate.endRound(isComplete: false)
        gate.beginTick()
        #expect(gate.takeTurn() == .nextTick)
        gate.skipRound()
        #expect(gate.takeTurn() == .now)
    }
}
