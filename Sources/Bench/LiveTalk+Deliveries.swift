// What subscribers of `mizu bench live` receive: acknowledgements, then deliveries. Each frame
// that is not byte for byte the last good one is read, inflated and checked whole.

import MizuBytes
import MizuEventLoop
import MizuWebSocket

/// The last delivery that was checked, and the frame that it came in.
struct KnownFrame {
    var bytes: [UInt8] = []
    /// Whether it is compressed: then it means the same only to who keeps no window.
    var isCompressed = false
    var content = Content()

    struct Content {
        var sequences: [Int] = []
        /// In a delta, the cursor before it; `cursor` is the one after it.
        var base: Int?
        var cursor = 0
    }
}

extension LiveTalk {
    mutating func received(
        _ input: UnsafeMutableRawBufferPointer, from peer: Peer<LiveState>, now: Instant,
        _ out: inout ByteBuffer
    ) throws(Fault) -> Int {
        if peer.number == publisherNumber { return try readPublisher(input, from: peer, to: &out) }
        var consumed = 0
        while consumed < input.count {
            let rest = input.mutablePart(consumed...)
            if isKnown(UnsafeRawBufferPointer(rest), peer) {
                consumed += known.bytes.count
                try note(peer, now)
                continue
            }
            let wasAssembling = peer.reader.isAssembling
            switch peer.reader.read(
                rest, limits: FrameComposer.limits, inflater: peer.deflate.inflater)
            {
            case .needMore(let count): return consumed + count
            case .message(_, let payload, let count):
                consumed += count
                let isDelivery = try payload.withUnsafeBytes(from: rest) { bytes throws(Fault) in
                    try readMessage(bytes, from: peer, to: &out)
                }
                guard isDelivery else { continue }
                // What came in pieces cannot be known again by its bytes.
                keep(rest.part(..<(wasAssembling ? 0 : count)))
                try note(peer, now)
            case let other: consumed += try frames.control(other, in: rest, to: &out)
            }
        }
        return consumed
    }

    @inline(__always)
    private func isKnown(_ rest: UnsafeRawBufferPointer, _ peer: Peer<LiveState>) -> Bool {
        let count = known.bytes.count
        guard count > 0, rest.count >= count, !peer.reader.isAssembling,
            !known.isCompressed || peer.deflate.standsAlone
        else { return false }
        return known.bytes.withUnsafeBytes {
            ASCII.equal(rest.part(..<count), $0)
        }
    }

    private mutating func keep(_ frame: UnsafeRawBufferPointer) {
        known.bytes.removeAll(keepingCapacity: true)
        known.bytes.append(contentsOf: frame)
        known.isCompressed = frame.first.map { $0 & 0x40 != 0 } ?? false
    }

    /// Notes that `known.content` has come to this connection.
    @inline(__always)
    private mutating func note(_ peer: Peer<LiveState>, _ now: Instant) throws(Fault) {
        let state = peer.state
        if let base = known.content.base {
            guard base == state.position else {
                throw Fault(
                    .lost, "a delta begins at \(base), and the last ended at \(state.position)")
            }
            state.position = known.content.cursor
        }
        let isMeasured = now >= start && now < end
        for sequence in known.content.sequences {
            switch state.order.note(sequence) {
            case .inOrder, .ahead: break
            case .late:
                tally.faults.add(
                    Fault(.disordered, "publication \(sequence) came after a later one"))
            case .doubled:
                tally.faults.add(Fault(.doubled, "publication \(sequence) came twice"))
                continue
            }
            let place = sequence % Publications.ringCount
            if ring[place].sequence != sequence { try begin(sequence) }
            ring[place].count += 1
            if isMeasured {
                tally.messages += 1
                tally.latency.record(now.nanoseconds &- ring[place].sentAt)
            }
            if ring[place].count == members {
                publications.finished(sequence, now: now, isMeasured: isMeasured)
            }
        }
    }

    private mutating func begin(_ sequence: Int) throws(Fault) {
        guard let sentAt = publications.sentAt(sequence) else {
            throw Fault(.wrong, "publication \(sequence) was not published")
        }
        ring[sequence % Publications.ringCount] = Arrivals(
            sequence: sequence, sentAt: sentAt, count: 0)
    }

    // MARK: Messages

    /// Reads a whole message.
    /// - Returns: whether it is a delivery, which then stands in `known.content`.
    private mutating func readMessage(
        _ bytes: UnsafeRawBufferPointer, from peer: Peer<LiveState>, to out: inout ByteBuffer
    ) throws(Fault) -> Bool {
        guard case .subscribed = peer.state.phase else {
            try readAcknowledgement(bytes, from: peer, to: &out)
            return false
        }
        switch plan.expected {
        case .message(let template):
            guard let sequence = template.sequence(in: bytes),
                template.matches(
                    bytes, sequence: sequence, connection: 0, scratch: &scratch.bytes)
            else { return try other(bytes) }
            known.content.sequences = [sequence]
        case .deltas(let check, _):
            guard try readDelta(bytes, of: peer.state, check: check) else { return false }
        }
        findings.messageBytes = max(findings.messageBytes, bytes.count)
        return true
    }

    /// Takes a message that is not a delivery. A Mizu server may send some; all else is wrong.
    private func other(_ bytes: UnsafeRawBufferPointer) throws(Fault) -> Bool {
        guard plan.publish.isRequest == false,
            let text = try? JSON.parse(ByteSlice(copying: bytes)),
            ["pong", "drain", "sync"].contains(text.member("type")?.string)
        else { throw Fault(.wrong, "not the delivery that was due: \(excerpt(bytes, of: 160))") }
        return false
    }

    private func contains(_ part: ByteSlice, _ bytes: UnsafeRawBufferPointer) -> Bool {
        part.withUnsafeBytes { BytesSearch.contains(bytes, $0) }
    }

    private mutating func readAcknowledgement(
        _ bytes: UnsafeRawBufferPointer, from peer: Peer<LiveState>, to out: inout ByteBuffer
    ) throws(Fault) {
        guard contains(plan.acknowledgement, bytes) else {
            throw Fault(.refused, "not an acknowledgement: \(excerpt(bytes, of: 160))")
        }
        if case .deltas(_, let topic) = plan.expected {
            let document = try? JSON.parse(ByteSlice(copying: bytes))
            guard let payload = document?.member("payload"),
                let cursor = payload.member("cursor")?.int, let epoch = payload.member("epoch")
            else {
                throw Fault(
                    .malformed, "an acknowledgement without a position: \(excerpt(bytes, of: 160))")
            }
            if case .subscribing = peer.state.phase {
                peer.state.phase = .positioning
                return askForDeltas(
                    of: topic, after: cursor, epoch: epoch, on: peer, to: &out)
            }
            peer.state.position = cursor
        }
        peer.state.phase = .subscribed
        peer.isReady = true
        members += 1
    }

    private mutating func askForDeltas(
        of topic: String, after cursor: Int, epoch: JSONValue, on peer: Peer<LiveState>,
        to out: inout ByteBuffer
    ) {
        var text = ByteBuffer(capacity: 256)
        text.append(#"{"type":"subscribe","ref":"2","topic":"# as StaticString)
        text.appendJSON(string: topic)
        text.append(#","cursor":"# as StaticString)
        text.append(decimal: cursor)
        text.append(#","epoch":"# as StaticString)
        text.append(epoch.bytes)
        text.append(UInt8(ascii: "}"))
        frames.append(.text, text.readable, deflate: peer.deflate, to: &out)
    }

    /// Reads a delta into `known.content`; false for other messages of a sync topic.
    private mutating func readDelta(
        _ bytes: UnsafeRawBufferPointer, of state: LiveState, check: ChangeCheck
    ) throws(Fault) -> Bool {
        guard let document = try? JSON.parse(ByteSlice(copying: bytes)),
            let type = document.member("type")?.string
        else { throw Fault(.malformed, "no JSON: \(excerpt(bytes, of: 160))") }
        let payload = document.member("payload")
        switch type {
        case "delta": break
        case "sync":
            if let cursor = payload?.member("cursor")?.int, cursor > state.position {
                findings.pokes += 1
            }
            return false
        case "pong", "drain", "ack": return false
        default: throw Fault(.refused, excerpt(bytes, of: 160))
        }
        guard let payload, let base = payload.member("base")?.int,
            let cursor = payload.member("cursor")?.int, let changes = payload.member("changes")
        else { throw Fault(.malformed, "a delta without its members: \(excerpt(bytes, of: 160))") }
        known.content.sequences.removeAll(keepingCapacity: true)
        var last = base
        for change in changes.elements {
            let number = try check.check(change: change, connection: { _ in 0 }, &scratch.bytes)
            guard number.cursor == last &+ 1 else {
                throw Fault(.wrong, "change \(number.cursor) follows \(last)")
            }
            last = number.cursor
            known.content.sequences.append(number.sequence)
        }
        guard last == cursor else { throw Fault(.wrong, "a delta to \(cursor) ends at \(last)") }
        (known.content.base, known.content.cursor) = (base, cursor)
        return true
    }

    // MARK: The publisher's own answers

    private mutating func readPublisher(
        _ input: UnsafeMutableRawBufferPointer, from peer: Peer<LiveState>,
        to out: inout ByteBuffer
    ) throws(Fault) -> Int {
        guard plan.publish.isRequest else { return try readMessages(input, from: peer, to: &out) }
        let state = peer.state
        var consumed = 0
        while consumed < input.count {
            switch state.reader.read(
                input.part(consumed...), answering: .post,
                head: &head, into: &state.content)
            {
            case .needMore(let count): return consumed + count
            case .malformed(let reason): throw Fault(.malformed, reason)
            case .answer(let count):
                consumed += count
                defer { state.content.removeAll() }
                guard (200...299) ~= state.reader.status else {
                    throw Fault(
                        .status,
                        "publishing: \(state.reader.status) \(excerpt(state.content.readable))")
                }
                tally.statuses[state.reader.status, default: 0] += 1
                if case .push(_, _, let check, _) = plan.publish {
                    try checkPush(state, check)
                }
                state.answered += 1
                guard state.reader.keepsAlive else {
                    throw Fault(.closed, "the server ended the connection that publishes")
                }
            }
        }
        return consumed
    }

    private mutating func checkPush(_ state: LiveState, _ check: ChangeCheck) throws(Fault) {
        let content = state.content.readable
        guard let answer = try? JSON.parse(ByteSlice(copying: content)),
            let result = answer.member("results")?.elements.first(where: { _ in true })
        else { throw Fault(.malformed, "an answer without a result: \(excerpt(content))") }
        _ = try check.check(
            result: result, sequence: state.answered, connection: 0, &scratch.bytes)
    }

    private mutating func readMessages(
        _ input: UnsafeMutableRawBufferPointer, from peer: Peer<LiveState>,
        to out: inout ByteBuffer
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
                try payload.withUnsafeBytes(from: rest) { bytes throws(Fault) in
                    if BytesSearch.contains(bytes, #""type":"error""#) {
                        throw Fault(.refused, "publishing: \(excerpt(bytes, of: 160))")
                    }
                }
            case let other: consumed += try frames.control(other, in: rest, to: &out)
            }
        }
        return consumed
    }
}
