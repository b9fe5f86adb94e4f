// `mizu bench sync`: clients that push mutations, one push in flight each, and clients that pull
// what came of them (protocol.md). Every result and every change is looked at; what was
// acknowledged and what was pulled are two ledgers that must agree in the end.

import MizuBytes
import MizuEventLoop
import MizuHTTP

struct SyncPlan: Sendable {
    let check: ChangeCheck
    let run: String
    let scope: String
    /// Mutations of a push.
    let batch: Int
    let pushers: Int
    let pullers: Int
    let listeners: Int
    /// Where they upgrade.
    let socketTarget: String
    /// Nanoseconds that a client waits which has pulled all.
    let pullPause: UInt64
    let pushHead: ByteSlice
    /// The heads of pull and snapshot, up to the number in Content-Length.
    let pullHead: ByteSlice
    let snapshotHead: ByteSlice

    /// Before and after the mutations of a push.
    static func opening(scope: String, client: String) -> ByteSlice {
        var text = ByteBuffer(capacity: 128)
        text.append(#"{"scope":"# as StaticString)
        text.appendJSON(string: scope)
        text.append(#","client":"# as StaticString)
        text.appendJSON(string: client)
        text.append(#","mutations":["# as StaticString)
        return text.finish()
    }

    /// The client's own name; of the same length for all.
    func client(_ number: Int) -> String {
        let digits = String(number)
        let zeros = String(
            repeating: "0", count: max(0, MessageTemplate.connectionWidth - digits.count))
        return "\(run)-\(zeros)\(digits)"
    }
}

final class SyncState {
    var reader = AnswerReader()
    var content = ByteBuffer(capacity: 1)
    let opening: ByteSlice
    /// When the request in flight was sent; 0: none is.
    var sentAt: UInt64 = 0
    /// State of a client that pulls.
    var isPositioned = false
    var position = 0
    var epoch = ByteSlice.empty
    /// The last pull brought all there was, and was asked when nobody pushed any more.
    var hasAll = false
    /// The pull in flight was asked before that.
    var isEarly = false
    var nextPull = Instant(nanoseconds: 0)
    /// State of a client that listens.
    let listening = Listening()

    init(opening: ByteSlice) { self.opening = opening }
}

struct SyncTalk: Conversation {
    let plan: SyncPlan
    let share: Share
    var tally = Tally()
    var findings: SyncFindings
    let scratch = Scratch()
    var head = ResponseHead()
    var pushing = 0
    var stage = Stage.opening
    var start = Instant(nanoseconds: .max)
    var end = Instant(nanoseconds: .max)
    /// The clients that pull, while their connections live.
    var pullers: [Peer<SyncState>] = []
    /// The clients that listen, likewise.
    var listeners: [Peer<SyncState>] = []
    var frames = FrameComposer()
    /// For each pusher of this thread, what a listener may still be told of.
    var flights: [Flights]

    /// Mutations that one connection pushes at most: the ledgers are in memory.
    private static let mutationsMax = 4_000_000

    init(_ plan: SyncPlan, share: Share) {
        self.plan = plan
        self.share = share
        flights = Array(repeating: Flights(), count: share.count)
        findings = SyncFindings(
            first: share.first, pushers: share.count, all: plan.pushers,
            pullers: share.thread == 0 ? plan.pullers : 0)
    }

    func usesWebSocket(connection number: Int) -> Bool { number >= plan.pushers + plan.pullers }
    var webSocketTarget: String? { plan.socketTarget }
    var extraConnections: [Int] {
        let last = plan.pushers + plan.pullers + plan.listeners
        return share.thread == 0 ? Array(plan.pushers..<last) : []
    }
    func state(ofConnection number: Int) -> SyncState {
        SyncState(opening: SyncPlan.opening(scope: plan.scope, client: plan.client(number)))
    }
    func pulls(_ peer: Peer<SyncState>) -> Bool {
        peer.number >= plan.pushers && !listens(peer)
    }

    mutating func opened(_ peer: Peer<SyncState>, _ out: inout ByteBuffer) {
        guard !listens(peer) else {
            listeners.append(peer)
            return subscribe(peer, to: &out)
        }
        guard pulls(peer) else {
            peer.isReady = true
            return
        }
        pullers.append(peer)
        let known = findings.position(ofPuller: peer.number - plan.pushers)
        if let known {
            (peer.state.position, peer.state.epoch) = known
            peer.state.isPositioned = true
            peer.isReady = true
            return
        }
        var body = ByteBuffer(capacity: 128)
        body.append(#"{"scope":"# as StaticString)
        body.appendJSON(string: plan.scope)
        body.append(#","limit":1}"# as StaticString)
        append(plan.snapshotHead, body.readable, to: &out)
    }

    private func append(
        _ head: ByteSlice, _ body: UnsafeRawBufferPointer, to out: inout ByteBuffer
    ) {
        out.append(head)
        out.append(decimal: body.count)
        out.append("\r\n\r\n" as StaticString)
        out.append(body)
    }

    // MARK: Asking

    mutating func turn(_ peer: Peer<SyncState>, now: Instant, _ out: inout ByteBuffer) {
        guard peer.state.sentAt == 0, !listens(peer) else { return }
        if pulls(peer) {
            guard stage >= .measuring, stage < .over, now >= peer.state.nextPull else { return }
            pull(on: peer, now: now, to: &out)
        } else if stage == .measuring {
            push(on: peer, now: now, to: &out)
        }
    }

    private mutating func push(
        on peer: Peer<SyncState>, now: Instant, to out: inout ByteBuffer
    ) {
        let first = findings.pushed(by: peer.number)
        guard first + plan.batch <= Self.mutationsMax else { return }
        out.append(plan.pushHead)
        out.append(peer.state.opening)
        for index in 0..<plan.batch {
            if index > 0 { out.append(UInt8(ascii: ",")) }
            plan.check.appendMutation(
                sequence: first + index, connection: peer.number, to: &out)
        }
        out.append("]}" as StaticString)
        peer.state.sentAt = now.nanoseconds
        flights[peer.number - share.first].push(
            first: first, count: plan.batch, at: now.nanoseconds)
        pushing += 1
    }

    private mutating func pull(
        on peer: Peer<SyncState>, now: Instant, to out: inout ByteBuffer
    ) {
        let state = peer.state
        var body = ByteBuffer(capacity: 128)
        body.append(#"{"scope":"# as StaticString)
        body.appendJSON(string: plan.scope)
        body.append(#","cursor":"# as StaticString)
        body.append(decimal: state.position)
        if state.position > 0 {
            body.append(#","epoch":"# as StaticString)
            body.append(state.epoch)
        }
        body.append(#","limit":1000}"# as StaticString)
        append(plan.pullHead, body.readable, to: &out)
        state.sentAt = now.nanoseconds
    }

    mutating func settle(now: Instant, turns: inout [Token]) {
        guard stage >= .measuring else { return }
        for peer in pullers where peer.state.sentAt == 0 && now >= peer.state.nextPull {
            if !peer.state.hasAll { turns.append(peer.token) }
        }
    }

    var nextMoment: Instant? {
        guard stage >= .measuring else { return nil }
        let waiting = pullers.filter { $0.state.sentAt == 0 && !$0.state.hasAll }
        return waiting.map(\.state.nextPull).min()
    }

    // MARK: The end

    mutating func ended(_ peer: Peer<SyncState>) throws(Fault) {
        guard !listens(peer) else { throw Fault(.closed, "the server ended a socket") }
        guard peer.state.sentAt == 0 else {
            throw Fault(.closed, "the server ended a connection instead of answering")
        }
        lost(peer)
    }

    mutating func lost(_ peer: Peer<SyncState>) {
        pullers.removeAll { $0 === peer }
        listeners.removeAll { $0 === peer }
        guard peer.state.sentAt > 0, !pulls(peer) else { return }
        pushing -= 1
        peer.state.sentAt = 0
    }

    mutating func enter(_ stage: Stage, from start: Instant, until end: Instant) {
        self.stage = stage
        if stage == .measuring { (self.start, self.end) = (start, end) }
        if stage == .over, !haveListenersAll {
            tally.faults.add(Fault(.lost, "a listener was not told of all that was acknowledged"))
        }
        if stage == .verifying {
            if pushing > 0 {
                tally.faults.add(
                    Fault(.lost, "pushes were not answered within the grace time"), times: pushing)
            }
            for peer in pullers {
                peer.state.isEarly = peer.state.sentAt > 0
                peer.state.nextPull = Instant(nanoseconds: 0)
            }
        }
    }

    func isQuiet(_ stage: Stage) -> Bool {
        switch stage {
        case .opening, .measuring: false
        case .draining: pushing == 0
        case .verifying: pullers.allSatisfy { $0.state.hasAll } && haveListenersAll
        case .over: true
        }
    }
}
