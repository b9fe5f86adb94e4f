// What clients of `mizu bench sync` are answered: results of pushes, snapshots, changes of pulls.
// Each is looked at whole before the next request leaves.

import MizuBytes
import MizuEventLoop

extension SyncTalk {
    mutating func received(
        _ input: UnsafeMutableRawBufferPointer, from peer: Peer<SyncState>, now: Instant,
        _ out: inout ByteBuffer
    ) throws(Fault) -> Int {
        guard !listens(peer) else { return try receivedFrames(input, by: peer, now: now, &out) }
        let state = peer.state
        let bytes = UnsafeRawBufferPointer(input)
        let isSnapshot = pulls(peer) && !state.isPositioned
        guard state.sentAt > 0 || isSnapshot else {
            throw Fault(.wrong, "bytes that answer no request: \(excerpt(bytes))")
        }
        switch state.reader.read(bytes, answering: .post, head: &head, into: &state.content) {
        case .needMore(let count): return count
        case .malformed(let reason): throw Fault(.malformed, reason)
        case .answer(let count):
            let content = state.content.takeSlice(leaving: 1024)
            guard state.reader.status == 200 else {
                let text = content.withUnsafeBytes { excerpt($0, of: 160) }
                throw Fault(.status, "\(state.reader.status): \(text)")
            }
            guard let answer = try? JSON.parse(content) else {
                throw Fault(.malformed, "no JSON: \(content.withUnsafeBytes { excerpt($0) })")
            }
            tally.statuses[200, default: 0] += 1
            let nanoseconds = now.nanoseconds &- state.sentAt
            state.sentAt = 0
            try take(answer, from: peer, now: now, nanoseconds: nanoseconds)
            guard state.reader.keepsAlive else {
                peer.isSpent = true
                pullers.removeAll { $0 === peer }
                return input.count
            }
            if !isSnapshot, !state.hasAll { turn(peer, now: now, &out) }
            return count
        }
    }

    private mutating func take(
        _ answer: JSONValue, from peer: Peer<SyncState>, now: Instant, nanoseconds: UInt64
    ) throws(Fault) {
        if !pulls(peer) {
            pushing -= 1
            flights[peer.number - share.first].answered(at: now.nanoseconds)
            let count = try takeResults(answer, from: peer)
            guard now >= start, now < end else { return }
            tally.messages += count
            findings.pushes += 1
            tally.latency.record(nanoseconds)
        } else if peer.state.isPositioned {
            try takeChanges(answer, from: peer, now: now)
            guard now >= start, now < end else { return }
            findings.pulls += 1
            findings.pullLatency.record(nanoseconds)
        } else {
            guard let cursor = answer.member("cursor")?.int, let epoch = answer.member("epoch")
            else { throw Fault(.malformed, "a snapshot without a position") }
            (peer.state.position, peer.state.epoch) = (cursor, epoch.bytes)
            peer.state.isPositioned = true
            peer.isReady = true
        }
    }

    /// - Returns: how many mutations were acknowledged.
    private mutating func takeResults(
        _ answer: JSONValue, from peer: Peer<SyncState>
    ) throws(Fault) -> Int {
        guard let results = answer.member("results"), results.kind == .array else {
            throw Fault(.malformed, "an answer to a push without results")
        }
        var count = 0
        for result in results.elements {
            guard count < plan.batch else { break }
            let sequence = findings.pushed(by: peer.number)
            let cursor = try plan.check.check(
                result: result, sequence: sequence, connection: peer.number, &scratch.bytes)
            guard cursor > findings.lastCursor(of: peer.number) else {
                throw Fault(.disordered, "a later mutation has the earlier cursor \(cursor)")
            }
            findings.acknowledge(cursor, by: peer.number)
            count += 1
        }
        guard count == plan.batch, results.elements.reduce(0, { sum, _ in sum + 1 }) == count else {
            throw Fault(.wrong, "a push of \(plan.batch) has another number of results")
        }
        return count
    }

    private mutating func takeChanges(
        _ answer: JSONValue, from peer: Peer<SyncState>, now: Instant
    ) throws(Fault) {
        let state = peer.state
        guard let changes = answer.member("changes"), let next = answer.member("next_cursor")?.int,
            let epoch = answer.member("epoch"), let hasMore = answer.member("has_more")?.bool
        else { throw Fault(.malformed, "an answer to a pull without its members") }
        for change in changes.elements {
            guard change.member("cursor")?.int == state.position &+ 1 else {
                throw Fault(.lost, "the change after \(state.position) is missing")
            }
            state.position &+= 1
            guard let number = try number(of: change) else {
                findings.foreign += 1
                continue
            }
            guard
                findings.pull(
                    number.cursor, sequence: number.sequence, of: number.connection,
                    by: peer.number - plan.pushers)
            else { throw Fault(.doubled, "mutation \(number.sequence) came twice in a pull") }
        }
        guard next == state.position else {
            throw Fault(.wrong, "next_cursor is \(next) after change \(state.position)")
        }
        state.epoch = epoch.bytes.compacted
        // A pull sees all that was acknowledged before it was asked (protocol.md, "One truth").
        state.hasAll = stage == .verifying && !hasMore && !state.isEarly
        state.isEarly = false
        state.nextPull = hasMore ? now : Instant(nanoseconds: now.nanoseconds + plan.pullPause)
        findings.note(position: (state.position, state.epoch), ofPuller: peer.number - plan.pushers)
    }

    /// Checks a change of this run, and says which it is; nil for one that others made.
    mutating func number(
        of change: JSONValue
    ) throws(Fault) -> (cursor: Int, connection: Int, sequence: Int)? {
        // Other people may write to the scope, too.
        guard let name = change.member("mutation")?.utf8,
            name.withUnsafeBytes({ bytes in
                bytes.starts(with: plan.run.utf8)
            })
        else { return nil }
        let id = plan.check.id
        var connection = 0
        let number = try plan.check.check(
            change: change,
            connection: { name in
                connection = name.withUnsafeBytes { id.connection(in: $0) } ?? 0
                return connection
            }, &scratch.bytes)
        return (number.cursor, connection, number.sequence)
    }
}
