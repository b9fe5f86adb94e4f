// Clients of `mizu bench sync` that listen: each subscribes to the scope over a WebSocket and is
// told of what is pushed. Every change is looked at; the time from a push, and from its answer, to
// its last change is taken for pushes of the same thread, whose clock needs no passing on.
//
//   subscribing ──ack: where the scope stands──► positioning ──ack──► listening

import MizuBytes
import MizuEventLoop
import MizuWebSocket

/// What a listener has come to.
final class Listening {
    enum Phase { case subscribing, positioning, listening }

    var phase = Phase.subscribing
    /// The cursor that deltas have come to.
    var position = 0
}

/// A push of this thread, until a listener has all of it.
struct Flight {
    var first = 0
    var count = 0
    var sentAt: UInt64 = 0
    /// 0 while there is no answer.
    var answeredAt: UInt64 = 0

    func ends(with sequence: Int) -> Bool { count > 0 && sequence == first + count - 1 }
}

/// The last push of a connection and the one before: an answer may come before the delta.
struct Flights {
    private var last = Flight()
    private var previous = Flight()

    mutating func push(first: Int, count: Int, at sentAt: UInt64) {
        previous = last
        last = Flight(first: first, count: count, sentAt: sentAt)
    }

    mutating func answered(at time: UInt64) { last.answeredAt = time }

    /// The push whose last mutation this is.
    func flight(endingWith sequence: Int) -> Flight? {
        if last.ends(with: sequence) { return last }
        return previous.ends(with: sequence) ? previous : nil
    }
}

extension SyncTalk {
    func listens(_ peer: Peer<SyncState>) -> Bool { peer.number >= plan.pushers + plan.pullers }

    /// Asks where the scope stands, or, once that is known, for what comes after.
    mutating func subscribe(
        _ peer: Peer<SyncState>, after position: (cursor: Int, epoch: JSONValue)? = nil,
        to out: inout ByteBuffer
    ) {
        var text = ByteBuffer(capacity: 256)
        text.append(#"{"type":"subscribe","ref":"1","topic":"# as StaticString)
        text.appendJSON(string: "sync:" + plan.scope)
        if let position {
            text.append(#","cursor":"# as StaticString)
            text.append(decimal: position.cursor)
            text.append(#","epoch":"# as StaticString)
            text.append(position.epoch.bytes)
        }
        text.append(UInt8(ascii: "}"))
        frames.append(.text, text.readable, deflate: peer.deflate, to: &out)
    }

    mutating func receivedFrames(
        _ input: UnsafeMutableRawBufferPointer, by peer: Peer<SyncState>, now: Instant,
        _ out: inout ByteBuffer
    ) throws(Fault) -> Int {
        var consumed = 0
        while consumed < input.count {
            let rest = input.mutablePart(consumed...)
            switch peer.reader.read(
                rest, limits: FrameComposer.limits, inflater: peer.deflate.inflater)
            {
            case .needMore(let count): return consumed + count
            case .message(_, let payload, let count):
                consumed += count
                let text = payload.withUnsafeBytes(from: rest) { ByteSlice(copying: $0) }
                try take(message: text, on: peer, now: now, &out)
            case let other: consumed += try frames.control(other, in: rest, to: &out)
            }
        }
        return consumed
    }

    private mutating func take(
        message text: ByteSlice, on peer: Peer<SyncState>, now: Instant, _ out: inout ByteBuffer
    ) throws(Fault) {
        let words = text.withUnsafeBytes { excerpt($0, of: 160) }
        guard let document = try? JSON.parse(text), let type = document.member("type")?.string
        else { throw Fault(.malformed, "no JSON: \(words)") }
        switch type {
        case "ack":
            try acknowledged(document, on: peer, words, &out)
        case "delta":
            guard let payload = document.member("payload") else {
                throw Fault(.malformed, "a delta without a payload: \(words)")
            }
            try take(delta: payload, on: peer.state.listening, now: now, words)
        case "sync":
            // A poke: the server says how far the log goes instead of what is in it.
            if let cursor = document.member("payload")?.member("cursor")?.int,
                cursor > peer.state.listening.position
            {
                findings.pokes += 1
                peer.state.listening.position = cursor
            }
        case "pong", "drain": break
        default: throw Fault(.refused, words)
        }
    }

    private mutating func acknowledged(
        _ document: JSONValue, on peer: Peer<SyncState>, _ words: String, _ out: inout ByteBuffer
    ) throws(Fault) {
        guard let payload = document.member("payload"), let cursor = payload.member("cursor")?.int,
            let epoch = payload.member("epoch")
        else { throw Fault(.malformed, "an acknowledgement without a position: \(words)") }
        let listening = peer.state.listening
        switch listening.phase {
        case .subscribing:
            listening.phase = .positioning
            subscribe(peer, after: (cursor, epoch), to: &out)
        case .positioning:
            listening.phase = .listening
            listening.position = cursor
            peer.isReady = true
        case .listening: break
        }
    }

    private mutating func take(
        delta: JSONValue, on listening: Listening, now: Instant, _ words: String
    ) throws(Fault) {
        guard let base = delta.member("base")?.int, let cursor = delta.member("cursor")?.int,
            let changes = delta.member("changes")
        else { throw Fault(.malformed, "a delta without its members: \(words)") }
        guard base == listening.position else {
            throw Fault(
                .lost, "a delta begins at \(base), and the last ended at \(listening.position)")
        }
        var last = base
        for change in changes.elements {
            guard change.member("cursor")?.int == last &+ 1 else {
                throw Fault(.wrong, "the change after \(last) is missing in a delta: \(words)")
            }
            last &+= 1
            guard let number = try number(of: change) else {
                findings.foreign += 1
                continue
            }
            note(number.sequence, of: number.connection, now: now)
        }
        guard last == cursor else { throw Fault(.wrong, "a delta to \(cursor) ends at \(last)") }
        listening.position = cursor
    }

    private mutating func note(_ sequence: Int, of connection: Int, now: Instant) {
        findings.deltas += 1
        let index = connection - share.first
        guard flights.indices.contains(index), now >= start, now < end,
            let flight = flights[index].flight(endingWith: sequence)
        else { return }
        findings.deltaLatency.record(now.nanoseconds &- flight.sentAt)
        let isAnswered = flight.answeredAt > 0
        findings.deltaAfterAnswer.record(isAnswered ? now.nanoseconds &- flight.answeredAt : 0)
    }

    /// Whether every listener was told of all that this thread's pushes were promised.
    var haveListenersAll: Bool {
        let promised = share.pushers.map { findings.lastCursor(of: $0) }.max() ?? 0
        return listeners.allSatisfy { $0.state.listening.position >= promised }
    }
}

extension Share {
    /// Numbers of the connections that push.
    var pushers: Range<Int> { first..<first + count }
}
