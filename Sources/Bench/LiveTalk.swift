// `mizu bench live`: every connection subscribes, one more publishes, and each delivery is checked
// for its bytes, its place in the order and its time. The same frame goes to all, so it is looked
// at once, whole, and compared byte for byte after that (compressed frames too, where the server
// keeps no window between messages). This file: subscribing, publishing and the end.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuWebSocket

/// The findings of one thread.
struct LiveFindings: Sendable {
    /// In the measured time.
    var published = 0
    var messageBytes = 0
    var pokes = 0
    /// Publications that had to wait although the rate asked for them.
    var late = 0

    func adding(_ other: LiveFindings) -> LiveFindings {
        LiveFindings(
            published: published + other.published,
            messageBytes: max(messageBytes, other.messageBytes), pokes: pokes + other.pokes,
            late: late + other.late)
    }
}

final class LiveState {
    var phase = Phase.subscribing
    var order = SequenceWindow()
    /// The cursor that deltas have come to.
    var position = 0
    /// The answers on the connection that publishes over HTTP.
    var reader = AnswerReader()
    var content = ByteBuffer(capacity: 1)
    var answered = 0

    enum Phase {
        /// Waits for the acknowledgement.
        case subscribing
        /// Knows where the scope stands, and waits for deltas from there to be acknowledged.
        case positioning
        case subscribed
    }
}

struct LiveTalk: Conversation {
    let plan: LivePlan
    let share: Share
    let publications: Publications
    /// The number of the connection that publishes.
    let publisherNumber: Int
    private let graceNanoseconds: UInt64
    var tally = Tally()
    var findings = LiveFindings()
    var frames = FrameComposer()
    let scratch = Scratch()
    var head = ResponseHead()
    var known = KnownFrame()
    /// Subscribers of this thread.
    var members = 0
    /// For each publication under way, the number of members that have it.
    var ring = [Arrivals](repeating: Arrivals(), count: Publications.ringCount)
    var start = Instant(nanoseconds: .max)
    var end = Instant(nanoseconds: .max)
    private var stage = Stage.opening
    private var publisher: Token?
    private var nextDue = Instant(nanoseconds: .max)
    /// What was done when it last changed, and when that was.
    private var lastDone = (count: 0, at: Instant(nanoseconds: 0))

    struct Arrivals {
        var sequence = -1
        var sentAt: UInt64 = 0
        var count = 0
    }

    init(
        _ plan: LivePlan, settings: BenchSettings, publications: Publications, share: Share,
        inbox: Mailbox<Order>
    ) {
        self.plan = plan
        self.share = share
        self.publications = publications
        publisherNumber = settings.connections
        graceNanoseconds = UInt64(settings.grace * 1e9)
        if share.thread == 0 { publications.setPublisher(inbox) }
    }

    var extraConnections: [Int] { share.thread == 0 ? [publisherNumber] : [] }
    func usesWebSocket(connection number: Int) -> Bool {
        number != publisherNumber || !plan.publish.isRequest
    }
    func state(ofConnection number: Int) -> LiveState { LiveState() }

    mutating func opened(_ peer: Peer<LiveState>, _ out: inout ByteBuffer) {
        if peer.number == publisherNumber {
            publisher = peer.token
            peer.isReady = true
            return
        }
        plan.subscribe.withUnsafeBytes { frames.append(.text, $0, deflate: peer.deflate, to: &out) }
    }

    // MARK: Publishing

    mutating func turn(
        _ peer: Peer<LiveState>, now: Instant, _ out: inout ByteBuffer
    ) throws(Fault) {
        if peer.number == publisherNumber {
            if stage == .measuring { publish(on: peer, now: now, to: &out) }
        } else if stage == .verifying {
            let missing = publications.published - peer.state.order.received
            tally.faults.add(
                Fault(.lost, "connection \(peer.number) did not get every publication"),
                times: missing)
        }
    }

    private mutating func publish(
        on peer: Peer<LiveState>, now: Instant, to out: inout ByteBuffer
    ) {
        switch plan.pace {
        case .window(let window):
            while publications.underWay < window { publishOne(on: peer, now: now, to: &out) }
        case .rate(let rate):
            while nextDue <= now {
                guard publications.underWay < Publications.ringCount / 2 else {
                    findings.late += 1
                    return
                }
                publishOne(on: peer, now: now, to: &out)
                nextDue = Instant(nanoseconds: nextDue.nanoseconds + UInt64(1e9 / rate))
            }
        }
    }

    private mutating func publishOne(
        on peer: Peer<LiveState>, now: Instant, to out: inout ByteBuffer
    ) {
        let number = publications.begin(now: now)
        if now >= start, now < end { findings.published += 1 }
        switch plan.publish {
        case .request(let head, let body):
            out.append(head)
            body.append(sequence: number, connection: 0, to: &out)
        case .push(let head, let before, let check, let after):
            out.append(head)
            out.append(before)
            check.appendMutation(sequence: number, connection: 0, to: &out)
            out.append(after)
        case .message(let template):
            frames.append(
                .text, template, sequence: number, connection: 0, deflate: peer.deflate,
                to: &out)
        }
    }

    mutating func settle(now: Instant, turns: inout [Token]) {
        guard stage == .measuring, let publisher else { return }
        let done = publications.done
        if done != lastDone.count || publications.underWay == 0 { lastDone = (done, now) }
        if now.nanoseconds &- lastDone.at.nanoseconds > graceNanoseconds, publications.underWay > 0
        {
            // What is missing is counted in the end; the rest of the run goes on.
            publications.giveUp()
        }
        switch plan.pace {
        case .window(let window): if publications.underWay < window { turns.append(publisher) }
        case .rate: if nextDue <= now { turns.append(publisher) }
        }
    }

    var nextMoment: Instant? {
        guard stage == .measuring, publisher != nil else { return nil }
        let patience = lastDone.at.adding(milliseconds: graceNanoseconds / 1_000_000 + 1)
        if case .rate = plan.pace { return min(nextDue, patience) }
        return patience
    }

    // MARK: The end

    mutating func ended(_ peer: Peer<LiveState>) throws(Fault) {
        if peer.number == publisherNumber {
            throw Fault(.closed, "the server ended the connection that publishes")
        }
        throw Fault(.closed, "the server ended a WebSocket without a close frame")
    }

    mutating func lost(_ peer: Peer<LiveState>) {
        if peer.number == publisherNumber {
            publisher = nil
        } else if peer.isReady {
            members -= 1
        }
    }

    mutating func enter(_ stage: Stage, from start: Instant, until end: Instant) {
        self.stage = stage
        guard stage == .measuring else { return }
        (self.start, self.end) = (start, end)
        nextDue = .now
        lastDone = (0, .now)
    }

    func isQuiet(_ stage: Stage) -> Bool {
        switch stage {
        case .opening: false
        // No subscriber is left, or no publisher.
        case .measuring: members == 0 || (share.thread == 0 && publisher == nil)
        case .draining: share.thread > 0 || publications.underWay == 0
        case .verifying, .over: true
        }
    }
}
