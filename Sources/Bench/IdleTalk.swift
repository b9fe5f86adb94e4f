// `mizu bench idle`: connections that are opened, perhaps subscribed, and held. In the end each is
// asked for a sign of life: a ping whose pong must bring the same bytes, or one more request.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuWebSocket

struct IdlePlan: Sendable {
    /// For http and https: what is asked at the start and in the end.
    let request: ByteSlice?
    /// For ws and wss: what is said first, and what its acknowledgement contains.
    let subscribe: ByteSlice?
    let acknowledgement: ByteSlice
}

final class IdleState {
    var reader = AnswerReader()
    var content = ByteBuffer(capacity: 1)
    /// Whether an answer or a pong is due.
    var isAsked = false
    /// What the pong must bring.
    var token: UInt64 = 0
}

struct IdleFindings: Sendable {
    var alive = 0
    /// Messages that came of themselves.
    var told = 0
}

struct IdleTalk: Conversation {
    let plan: IdlePlan
    let share: Share
    var tally = Tally()
    var findings = IdleFindings()
    private var frames = FrameComposer()
    private var head = ResponseHead()
    private var random = RandomNumbers(seed: Instant.now.nanoseconds)
    private var isVerifying = false
    private var asked = 0
    private var held = 0

    init(_ plan: IdlePlan, share: Share) {
        self.plan = plan
        self.share = share
    }

    func usesWebSocket(connection number: Int) -> Bool { plan.request == nil }
    func state(ofConnection number: Int) -> IdleState { IdleState() }

    mutating func opened(_ peer: Peer<IdleState>, _ out: inout ByteBuffer) {
        if let request = plan.request {
            peer.state.isAsked = true
            out.append(request)
        } else if let subscribe = plan.subscribe {
            peer.state.isAsked = true
            subscribe.withUnsafeBytes { frames.append(.text, $0, deflate: peer.deflate, to: &out) }
        } else {
            ready(peer)
        }
    }

    private mutating func ready(_ peer: Peer<IdleState>) {
        peer.isReady = true
        held += 1
    }

    mutating func turn(_ peer: Peer<IdleState>, now: Instant, _ out: inout ByteBuffer) {
        guard isVerifying, !peer.state.isAsked else { return }
        peer.state.isAsked = true
        asked += 1
        if let request = plan.request {
            out.append(request)
        } else {
            peer.state.token = random.next()
            withUnsafeBytes(of: peer.state.token) { frames.append(.ping, $0, to: &out) }
        }
    }

    mutating func received(
        _ input: UnsafeMutableRawBufferPointer, from peer: Peer<IdleState>, now: Instant,
        _ out: inout ByteBuffer
    ) throws(Fault) -> Int {
        plan.request == nil
            ? try readMessages(input, from: peer, to: &out) : try readAnswers(input, from: peer)
    }

    private mutating func readAnswers(
        _ input: UnsafeMutableRawBufferPointer, from peer: Peer<IdleState>
    ) throws(Fault) -> Int {
        let state = peer.state
        let bytes = UnsafeRawBufferPointer(input)
        guard state.isAsked else { throw Fault(.wrong, "unasked bytes: \(excerpt(bytes))") }
        switch state.reader.read(bytes, answering: .get, head: &head, into: &state.content) {
        case .needMore(let count): return count
        case .malformed(let reason): throw Fault(.malformed, reason)
        case .answer(let count):
            let text = excerpt(state.content.readable)
            state.content = ByteBuffer(capacity: 1)
            guard state.reader.status < 400 else {
                throw Fault(.status, "\(state.reader.status): \(text)")
            }
            tally.statuses[state.reader.status, default: 0] += 1
            state.isAsked = false
            if peer.isReady { findings.alive += 1 } else { ready(peer) }
            guard state.reader.keepsAlive else {
                throw Fault(.closed, "the server does not keep connections")
            }
            return count
        }
    }

    private mutating func readMessages(
        _ input: UnsafeMutableRawBufferPointer, from peer: Peer<IdleState>,
        to out: inout ByteBuffer
    ) throws(Fault) -> Int {
        let state = peer.state
        var consumed = 0
        while consumed < input.count {
            let rest = input.mutablePart(consumed...)
            switch peer.reader.read(
                rest, limits: FrameComposer.limits, inflater: peer.deflate.inflater)
            {
            case .needMore(let count): return consumed + count
            case .message(_, let payload, let count):
                consumed += count
                guard !peer.isReady else {
                    findings.told += 1
                    continue
                }
                try payload.withUnsafeBytes(from: rest) { bytes throws(Fault) in
                    let isDue = plan.acknowledgement.withUnsafeBytes {
                        BytesSearch.contains(bytes, $0)
                    }
                    guard isDue else {
                        throw Fault(.refused, "no acknowledgement: \(excerpt(bytes, of: 160))")
                    }
                }
                state.isAsked = false
                ready(peer)
            case .pong(let range, let count):
                consumed += count
                let isOurs = withUnsafeBytes(of: state.token) { token in
                    ASCII.equal(rest.part(range), token)
                }
                guard peer.isReady, state.isAsked, isOurs else {
                    throw Fault(.wrong, "a pong that answers no ping of ours")
                }
                state.isAsked = false
                findings.alive += 1
            case let other: consumed += try frames.control(other, in: rest, to: &out)
            }
        }
        return consumed
    }

    mutating func ended(_ peer: Peer<IdleState>) throws(Fault) {
        throw Fault(.closed, "the server ended a connection that was held")
    }

    mutating func lost(_ peer: Peer<IdleState>) {
        guard peer.isReady else { return }
        held -= 1
        if isVerifying, peer.state.isAsked { asked -= 1 }
    }

    mutating func enter(_ stage: Stage, from start: Instant, until end: Instant) {
        if stage == .verifying { isVerifying = true }
        if stage == .over, findings.alive < asked {
            tally.faults.add(
                Fault(.lost, "a held connection gave no sign of life"),
                times: asked - findings.alive)
        }
    }

    func isQuiet(_ stage: Stage) -> Bool {
        switch stage {
        case .opening, .measuring: false
        case .draining, .over: true
        case .verifying: asked == held && findings.alive >= asked
        }
    }
}
