// `mizu bench http`: the same request again and again on kept connections, with as many in flight
// on each as asked for. Each answer is parsed as strictly as the server parses requests; one that
// is byte for byte the last good one is known by comparing.

import MizuBytes
import MizuEventLoop
import MizuHTTP

/// What is asked, and what must come.
struct HTTPPlan: Sendable {
    let request: ByteSlice
    let method: HTTPMethod
    /// Requests in flight on each connection.
    let pipeline: Int
    let body: ExpectedBody
    /// The status that every answer must have; nil: any below 400.
    let status: UInt16?

    enum ExpectedBody: Sendable {
        case any
        /// The body of the first answer.
        case same
        case exactly(ByteSlice)
    }
}

/// What one connection has in flight.
final class HTTPState {
    /// When each request in flight was sent, a ring.
    var sent: ContiguousArray<UInt64>
    var answered = 0
    var asked = 0
    var reader = AnswerReader()
    var content = ByteBuffer(capacity: 1)

    init(pipeline: Int) { sent = ContiguousArray(repeating: 0, count: pipeline) }

    var inFlight: Int { asked - answered }
}

struct HTTPTalk: Conversation {
    let plan: HTTPPlan
    let share: Share
    var tally = Tally()
    private var statuses = [Int](repeating: 0, count: 1000)
    private var head = ResponseHead()
    /// The last answer that was checked whole.
    private var known = KnownAnswer()
    /// The body of the first answer, if all must be the same.
    private var first: ByteSlice?
    private var inFlight = 0
    private var start = Instant(nanoseconds: .max)
    private var end = Instant(nanoseconds: .max)
    private var isAsking = false

    private struct KnownAnswer {
        var head: [UInt8] = []
        var body: [UInt8] = []
        var status = 0
    }

    /// Bodies up to this size are compared whole with the last one.
    private static let knownBytesMax = 64 * 1024

    init(_ plan: HTTPPlan, share: Share) {
        self.plan = plan
        self.share = share
    }

    func usesWebSocket(connection number: Int) -> Bool { false }
    /// The first body, to be compared with other threads'.
    var findings: ByteSlice? { first }

    func state(ofConnection number: Int) -> HTTPState { HTTPState(pipeline: plan.pipeline) }

    mutating func opened(_ peer: Peer<HTTPState>, _ out: inout ByteBuffer) { peer.isReady = true }

    mutating func turn(_ peer: Peer<HTTPState>, now: Instant, _ out: inout ByteBuffer) {
        fill(peer.state, now: now, into: &out)
    }

    @inline(__always)
    private mutating func fill(_ state: HTTPState, now: Instant, into out: inout ByteBuffer) {
        guard isAsking else { return }
        while state.inFlight < plan.pipeline {
            state.sent[state.asked % plan.pipeline] = now.nanoseconds
            state.asked += 1
            inFlight += 1
            out.append(plan.request)
        }
    }

    // MARK: Answers

    mutating func received(
        _ input: UnsafeMutableRawBufferPointer, from peer: Peer<HTTPState>, now: Instant,
        _ out: inout ByteBuffer
    ) throws(Fault) -> Int {
        let state = peer.state
        var consumed = 0
        while consumed < input.count {
            let rest = input.part(consumed...)
            guard state.inFlight > 0 else {
                throw Fault(.wrong, "bytes that answer no request: \(excerpt(rest))")
            }
            if let count = repeated(rest, state) {
                consumed += count
                note(state, status: known.status, now)
                continue
            }
            switch state.reader.read(
                rest, answering: plan.method, head: &head, into: &state.content)
            {
            case .malformed(let reason): throw Fault(.malformed, reason)
            case .needMore(let count): return consumed + count
            case .answer(let count):
                consumed += count
                try check(state, rest.part(..<count))
                note(state, status: Int(state.reader.status), now)
                guard state.reader.keepsAlive else {
                    // Requests after it were not read, as the answer says.
                    lost(peer)
                    peer.isSpent = true
                    return input.count
                }
            }
        }
        fill(state, now: now, into: &out)
        return consumed
    }

    /// Bytes of an answer that is the known one once more; nil if it is not, or not whole.
    @inline(__always)
    private func repeated(_ rest: UnsafeRawBufferPointer, _ state: HTTPState) -> Int? {
        let (headCount, bodyCount) = (known.head.count, known.body.count)
        guard headCount > 0, !state.reader.isInside, rest.count >= headCount + bodyCount else {
            return nil
        }
        let isSame = known.head.withUnsafeBytes { head in
            known.body.withUnsafeBytes { body in
                ASCII.equal(rest.part(..<headCount), head)
                    && ASCII.equal(
                        rest.part(headCount..<headCount + bodyCount), body)
            }
        }
        return isSame ? headCount + bodyCount : nil
    }

    @inline(__always)
    private mutating func note(_ state: HTTPState, status: Int, _ now: Instant) {
        let sent = state.sent[state.answered % plan.pipeline]
        state.answered += 1
        inFlight -= 1
        guard now >= start, now < end else { return }
        statuses[status] += 1
        tally.messages += 1
        tally.latency.record(now.nanoseconds &- sent)
    }

    /// Looks at a whole answer, and keeps it for comparison.
    private mutating func check(_ state: HTTPState, _ answer: UnsafeRawBufferPointer) throws(Fault)
    {
        defer { state.content.removeAll() }
        let status = state.reader.status
        guard plan.status.map({ $0 == status }) ?? (status < 400) else {
            throw Fault(.status, "\(status): \(excerpt(state.content.readable))")
        }
        switch plan.body {
        case .any: break
        case .exactly(let expected): try compare(state.content.readable, with: expected)
        case .same:
            if let first {
                try compare(state.content.readable, with: first)
            } else {
                first = ByteSlice(copying: state.content.readable)
            }
        }
        // Only an answer that came whole, with a length, can be known again by its bytes.
        let (headCount, bodyCount) = (state.reader.headCount, state.content.count)
        guard answer.count == headCount + bodyCount, bodyCount <= Self.knownBytesMax,
            state.reader.keepsAlive
        else { return }
        known.head.removeAll(keepingCapacity: true)
        known.head.append(contentsOf: answer[..<headCount])
        known.body.removeAll(keepingCapacity: true)
        known.body.append(contentsOf: answer[headCount...])
        known.status = Int(status)
    }

    private func compare(
        _ body: UnsafeRawBufferPointer, with expected: ByteSlice
    ) throws(Fault) {
        guard !expected.withUnsafeBytes({ ASCII.equal(body, $0) }) else { return }
        let wanted = expected.withUnsafeBytes { excerpt($0) }
        throw Fault(.wrong, "the body is \(excerpt(body)), not \(wanted)")
    }

    // MARK: The end

    mutating func ended(_ peer: Peer<HTTPState>) throws(Fault) {
        let state = peer.state
        if state.reader.isInside, state.reader.endOfConnection() {
            // The body ended with the connection; that is its form.
            try check(state, .empty)
            note(state, status: Int(state.reader.status), .now)
        }
        guard state.inFlight == 0 else {
            throw Fault(.closed, "the server ended a connection instead of answering")
        }
    }

    mutating func lost(_ peer: Peer<HTTPState>) {
        inFlight -= peer.state.inFlight
        peer.state.answered = peer.state.asked
    }

    mutating func enter(_ stage: Stage, from start: Instant, until end: Instant) {
        switch stage {
        case .measuring:
            (self.start, self.end) = (start, end)
            isAsking = true
        case .draining: isAsking = false
        case .verifying:
            if inFlight > 0 {
                tally.faults.add(
                    Fault(.lost, "requests were not answered within the grace time"),
                    times: inFlight)
            }
        case .opening: break
        case .over:
            for (code, count) in statuses.enumerated() where count > 0 {
                tally.statuses[UInt16(truncatingIfNeeded: code), default: 0] += count
            }
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
