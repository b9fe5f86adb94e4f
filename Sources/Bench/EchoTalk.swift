// `mizu bench ws`: messages that an echo server sends back. Each message is known from its numbers,
// so what comes back is compared with what was sent, byte for byte, and nothing is kept but the
// times. A server that answers out of order is wrong.

import MizuBytes
import MizuEventLoop
import MizuWebSocket

struct EchoPlan: Sendable {
    let template: MessageTemplate
    let opcode: Opcode
    /// Messages in flight on each connection.
    let inFlight: Int
}

/// What one connection has in flight: numbers `echoed..<sent`.
final class EchoState {
    var times: ContiguousArray<UInt64>
    var echoed = 0
    var sent = 0

    init(inFlight: Int) { times = ContiguousArray(repeating: 0, count: inFlight) }
}

struct EchoTalk: Conversation {
    let plan: EchoPlan
    let share: Share
    var tally = Tally()
    private var frames = FrameComposer()
    /// The frame header that every echo has.
    private let header: [UInt8]
    private var scratch = Scratch()
    private var inFlight = 0
    private var start = Instant(nanoseconds: .max)
    private var end = Instant(nanoseconds: .max)
    private var isSending = false

    init(_ plan: EchoPlan, share: Share) {
        self.plan = plan
        self.share = share
        var header = ByteBuffer(capacity: WebSocketLimits.headerBytesMax)
        FrameWriter.appendHeader(plan.opcode, payloadBytes: plan.template.count, to: &header)
        self.header = [UInt8](header.readable)
    }

    func usesWebSocket(connection number: Int) -> Bool { true }
    var findings: Void { () }

    func state(ofConnection number: Int) -> EchoState { EchoState(inFlight: plan.inFlight) }

    mutating func opened(_ peer: Peer<EchoState>, _ out: inout ByteBuffer) { peer.isReady = true }

    mutating func turn(_ peer: Peer<EchoState>, now: Instant, _ out: inout ByteBuffer) {
        fill(peer, now: now, into: &out)
    }

    @inline(__always)
    private mutating func fill(_ peer: Peer<EchoState>, now: Instant, into out: inout ByteBuffer) {
        let state = peer.state
        guard isSending else { return }
        while state.sent - state.echoed < plan.inFlight {
            frames.append(
                plan.opcode, plan.template, sequence: state.sent, connection: peer.number,
                deflate: peer.deflate, to: &out)
            state.times[state.sent % plan.inFlight] = now.nanoseconds
            state.sent += 1
            inFlight += 1
        }
    }

    // MARK: Echoes

    mutating func received(
        _ input: UnsafeMutableRawBufferPointer, from peer: Peer<EchoState>, now: Instant,
        _ out: inout ByteBuffer
    ) throws(Fault) -> Int {
        var consumed = 0
        while consumed < input.count {
            let rest = input.mutablePart(consumed...)
            if let count = plainEcho(UnsafeRawBufferPointer(rest), peer) {
                consumed += count
                note(peer.state, now)
                continue
            }
            switch peer.reader.read(
                rest, limits: FrameComposer.limits, inflater: peer.deflate.inflater)
            {
            case .needMore(let count):
                fill(peer, now: now, into: &out)
                return consumed + count
            case .message(let kind, let payload, let count):
                try check(kind, payload, in: rest, from: peer)
                consumed += count
                note(peer.state, now)
            case let other:
                consumed += try frames.control(other, in: rest, to: &out)
            }
        }
        fill(peer, now: now, into: &out)
        return consumed
    }

    /// Bytes of the frame at the start of `rest` if it is whole and exactly the echo due; else nil.
    @inline(__always)
    private mutating func plainEcho(
        _ rest: UnsafeRawBufferPointer, _ peer: Peer<EchoState>
    ) -> Int? {
        let count = header.count + plan.template.count
        let state = peer.state
        guard rest.count >= count, state.echoed < state.sent, !peer.reader.isAssembling,
            header.withUnsafeBytes({
                ASCII.equal(rest.part(..<$0.count), $0)
            }),
            plan.template.matches(
                rest.part(header.count..<count),
                sequence: state.echoed, connection: peer.number, scratch: &scratch.bytes)
        else { return nil }
        return count
    }

    private mutating func check(
        _ kind: MessageKind, _ payload: MessagePayload, in rest: UnsafeMutableRawBufferPointer,
        from peer: Peer<EchoState>
    ) throws(Fault) {
        let state = peer.state
        guard state.echoed < state.sent else {
            throw Fault(.doubled, "a message that is not the echo of any")
        }
        guard (kind == .text) == (plan.opcode == .text) else {
            throw Fault(.wrong, "text came back as binary, or binary as text")
        }
        try payload.withUnsafeBytes(from: rest) { bytes throws(Fault) in
            guard
                !plan.template.matches(
                    bytes, sequence: state.echoed, connection: peer.number,
                    scratch: &scratch.bytes)
            else { return }
            let wanted = excerpt(scratch.bytes.readable)
            throw Fault(blame(bytes, peer), "\(excerpt(bytes)) came back, not \(wanted)")
        }
    }

    /// What a message that is not the one due says of the server: another one that was sent came
    /// twice, or those before it did not come.
    private mutating func blame(
        _ bytes: UnsafeRawBufferPointer, _ peer: Peer<EchoState>
    ) -> Fault.Kind {
        guard let sequence = plan.template.sequence(in: bytes),
            plan.template.matches(
                bytes, sequence: sequence, connection: peer.number, scratch: &scratch.bytes)
        else { return .wrong }
        return sequence < peer.state.echoed ? .doubled : .lost
    }

    @inline(__always)
    private mutating func note(_ state: EchoState, _ now: Instant) {
        let sent = state.times[state.echoed % plan.inFlight]
        state.echoed += 1
        inFlight -= 1
        guard now >= start, now < end else { return }
        tally.messages += 1
        tally.latency.record(now.nanoseconds &- sent)
    }

    // MARK: The end

    mutating func ended(_ peer: Peer<EchoState>) throws(Fault) {
        throw Fault(.closed, "the server ended a WebSocket without a close frame")
    }

    mutating func lost(_ peer: Peer<EchoState>) {
        inFlight -= peer.state.sent - peer.state.echoed
        peer.state.echoed = peer.state.sent
    }

    mutating func enter(_ stage: Stage, from start: Instant, until end: Instant) {
        switch stage {
        case .measuring:
            (self.start, self.end) = (start, end)
            isSending = true
        case .draining: isSending = false
        case .verifying:
            if inFlight > 0 {
                tally.faults.add(
                    Fault(.lost, "messages did not come back within the grace time"),
                    times: inFlight)
            }
        case .opening, .over: break
        }
    }

    func isQuiet(_ stage: Stage) -> Bool {
        switch stage {
        case .opening, .measuring: false
        case .draining: inFlight == 0
        case .verifying, .over: true
        }
    }
}
