// The machines that a connection's life is made of, as tables: no socket, no clock, no worker.

import MizuDoor
import MizuEventLoop
import Testing

@testable import MizuServer

@Suite("How a connection ends") struct EndingTests {
    struct Row: Sendable {
        let reason: CloseReason
        let situation: Situation
        let ending: MizuServer.Ending

        init(
            _ reason: CloseReason, _ phase: Connection.Phase, _ ending: MizuServer.Ending,
            _ change: (inout Situation) -> Void = { _ in }
        ) {
            var situation = Situation(phase: phase, isSocketOpen: phase == .webSocket)
            change(&situation)
            (self.reason, self.situation, self.ending) = (reason, situation, ending)
        }
    }

    static let rows: [Row] = [
        // The peer has said its last byte.
        Row(.peerEnded, .http, .retire),
        Row(.peerEnded, .http, .flush) { $0.hasOutput = true },
        Row(.peerEnded, .http, .linger) { $0.isDeliveryWatched = true },
        Row(.peerEnded, .webSocket, .retire),
        Row(.peerEnded, .webSocket, .flush) { $0.hasOutput = true },
        Row(.peerEnded, .lingering, .watch),
        Row(.peerEnded, .lingering, .retire) { $0.isDelivered = true },
        Row(.peerEnded, .handshaking, .retire),
        Row(.peerEnded, .proxyHeader, .retire),
        // What came too late.
        Row(.slowHandshake, .handshaking, .retire),
        Row(.slowHead, .proxyHeader, .retire),
        Row(.slowHead, .http, .answer(.requestTimeout)) { $0.inHead = true },
        Row(.slowBody, .http, .answer(.requestTimeout)) { $0.hasBody = true },
        Row(.slowHandler, .http, .answer(.handlerTimeout)) { $0.isAwaited = true },
        Row(.slowHandler, .http, .reset) { $0.isStreaming = true },
        Row(.slowReader, .http, .reset) { $0.hasOutput = true },
        Row(.slowReader, .lingering, .reset) { $0.hasOutput = true },
        Row(.slowReader, .webSocket, .closeFrame(4000, "too slow", dropping: .output)),
        Row(.slowReader, .webSocket, .reset) { $0.isSocketOpen = false },
        Row(.slowMessage, .webSocket, .closeFrame(1008, "the message came too slowly")),
        Row(.silent, .webSocket, .retire),
        Row(.closeUnanswered, .webSocket, .retire) { $0.isSocketOpen = false },
        Row(.idle, .http, .linger),
        Row(.idle, .http, .retire) { $0.isDraining = true },
        Row(.lingered, .lingering, .watch),
        Row(.lingered, .lingering, .retire) { $0.isDelivered = true },
        // What we want.
        Row(.finished, .http, .flush) { $0.hasOutput = true },
        Row(.finished, .http, .linger),
        Row(.finished, .webSocket, .linger) { $0.isSocketOpen = false },
        Row(.brokenStream, .http, .reset) { $0.isStreaming = true },
        Row(.turnedAway, .accepted, .linger),
        Row(.crowdedOut, .handshaking, .retire),
        Row(.tlsFailed, .handshaking, .linger),
        Row(.broken, .http, .retire) { $0.hasOutput = true },
        Row(.memory, .http, .answer(.memoryShort)) { $0.hasBody = true },
        Row(.memory, .http, .reset) { $0.hasQueue = true },
        Row(.memory, .http, .reset) { $0.isStreaming = true },
        Row(
            .addressMemory, .webSocket,
            .closeFrame(1013, "too much is held for this address", dropping: .input)),
        Row(.memory, .webSocket, .reset) { $0.hasQueue = true },
        Row(.memory, .webSocket, .reset) { $0.isSocketOpen = false },
        Row(.memory, .lingering, .reset),
        Row(.drain, .proxyHeader, .retire),
        Row(.drain, .handshaking, .goOn),
        Row(.drain, .http, .goOn),
        Row(.drain, .http, .goOn) { $0.hasBody = true },
        Row(.drain, .http, .retire) { $0.isDeliveryWatched = true },
        Row(.drain, .http, .flush) {
            $0.isDeliveryWatched = true
            $0.hasOutput = true
        },
        Row(.drain, .webSocket, .closeFrame(1012, "the server restarts")),
        Row(.drain, .lingering, .goOn),
        Row(.workerEnded, .http, .retire) { $0.isAwaited = true },
    ]

    @Test("what is done for each reason", arguments: rows)
    func table(row: Row) {
        #expect(row.reason.ending(in: row.situation) == row.ending)
    }

    @Test("every reason ends a connection in a way that its phase allows")
    func allowed() {
        for reason in CloseReason.allCases {
            for phase in Connection.Phase.allCases where phase != .closed {
                let situation = Situation(phase: phase, isSocketOpen: phase == .webSocket)
                if case .answer = reason.ending(in: situation) {
                    #expect(phase == .http || reason.isOfRequests, "\(reason) in \(phase)")
                }
            }
        }
    }

    @Test("a life leads to its end, and nothing leads back")
    func phases() {
        let order: [Connection.Phase] = [
            .accepted, .proxyHeader, .handshaking, .http, .webSocket, .lingering, .closed,
        ]
        for (position, phase) in order.enumerated() {
            #expect(phase == .closed || phase.leads(to: .closed))
            for earlier in order[...position] { #expect(!phase.leads(to: earlier)) }
        }
    }
}

extension CloseReason {
    /// Named where a request is under way only.
    fileprivate var isOfRequests: Bool {
        self == .slowHead || self == .slowBody || self == .slowHandler
    }
}

@Suite("A connection's timer") struct ConnectionTimerTests {
    typealias Timer = ConnectionTimer

    private static let limits: ServerLimits = {
        var limits = ServerLimits()
        limits.handshakeMilliseconds = 1
        limits.idleMilliseconds = 2_000
        limits.headMilliseconds = 3
        limits.handlerMilliseconds = 4
        limits.lingerMilliseconds = 5
        limits.closeHandshakeMilliseconds = 6
        limits.sendQueueFullMilliseconds = 7
        limits.heartbeatMilliseconds = 8
        return limits
    }()

    private static let later = Instant(nanoseconds: 0).adding(milliseconds: 5_000)

    struct Row: Sendable {
        let before: Timer.Deadline
        let event: Timer.Event
        let situation: Situation
        let action: Timer.Action
        let after: Timer.Deadline

        init(
            _ before: Timer.Deadline, _ event: Timer.Event, _ phase: Connection.Phase,
            _ action: Timer.Action, _ after: Timer.Deadline,
            _ change: (inout Situation) -> Void = { _ in }
        ) {
            var situation = Situation(phase: phase, isSocketOpen: phase == .webSocket)
            change(&situation)
            (self.before, self.event, self.situation) = (before, event, situation)
            (self.action, self.after) = (action, after)
        }
    }

    static let rows: [Row] = [
        // A wait begins.
        Row(.none, .awaits(.handshake), .handshaking, .set(1), .handshake),
        Row(.none, .awaits(.idle), .http, .set(2_000), .idle),
        Row(.none, .awaits(.idle), .http, .set(250), .idle) { $0.isDraining = true },
        Row(.idle, .awaits(.head), .http, .set(3), .head),
        Row(.idle, .awaits(.handler), .http, .set(4), .handler),
        Row(.head, .awaits(.body), .http, .startBody, .body),
        Row(.idle, .awaits(.heartbeat), .webSocket, .startHeartbeat(8), .heartbeat),
        Row(.heartbeat, .beats(inMilliseconds: 9), .webSocket, .startHeartbeat(9), .heartbeat),
        // While the peer does not take its output, what it asks for puts nothing off.
        Row(.writeStall, .awaits(.idle), .http, .keep, .writeStall),
        Row(.writeStall, .awaits(.head), .http, .keep, .writeStall) { $0.hasOutput = true },
        Row(.writeStall, .awaits(.head), .http, .set(3), .head),
        Row(.writeStall, .beats(inMilliseconds: 9), .webSocket, .keep, .writeStall) {
            $0.hasOutput = true
        },
        Row(.queueFull, .awaits(.closeHandshake), .webSocket, .set(6), .closeHandshake) {
            $0.hasOutput = true
        },
        Row(.writeStall, .awaits(.linger), .lingering, .set(5), .linger),
        // Output waits, and goes.
        Row(.idle, .outputWaits, .http, .watchDelivery, .writeStall),
        Row(.linger, .outputWaits, .lingering, .watchDelivery, .writeStall),
        Row(.handshake, .outputWaits, .handshaking, .keep, .handshake),
        Row(.closeHandshake, .outputWaits, .webSocket, .keep, .closeHandshake),
        Row(.queueFull, .outputWaits, .webSocket, .keep, .queueFull),
        Row(.heartbeat, .queueFilled, .webSocket, .setAndWatch(7), .queueFull),
        Row(.writeStall, .handedOver, .http, .keep, .writeStall),
        Row(.writeStall, .handedOver, .http, .set(4), .handler) { $0.isAwaited = true },
        Row(.writeStall, .handedOver, .http, .startBody, .body) { $0.hasBody = true },
        Row(.writeStall, .handedOver, .webSocket, .resumeHeartbeat(8), .heartbeat),
        Row(.queueFull, .handedOver, .webSocket, .set(6), .closeHandshake) {
            $0.isSocketOpen = false
        },
        Row(.idle, .handedOver, .http, .keep, .idle),
        Row(.queueFull, .roomRegained, .webSocket, .watchDelivery, .writeStall) {
            $0.hasOutput = true
        },
        Row(.queueFull, .roomRegained, .webSocket, .resumeHeartbeat(8), .heartbeat),
        Row(.writeStall, .roomRegained, .http, .keep, .writeStall),
        Row(.none, .delivered(quietMilliseconds: 500), .http, .set(1_500), .idle),
        Row(.none, .delivered(quietMilliseconds: 9_000), .http, .set(0), .idle),
        Row(.none, .delivered(quietMilliseconds: 0), .http, .set(3), .head) { $0.inHead = true },
        Row(.none, .delivered(quietMilliseconds: 0), .lingering, .end(.lingered), .none),
        // The moment comes.
        Row(.none, .passed, .http, .keep, .none),
        Row(.handshake, .passed, .handshaking, .end(.slowHandshake), .none),
        Row(.idle, .passed, .http, .lastLook, .none),
        Row(.head, .passed, .http, .end(.slowHead), .none),
        Row(.body, .passed, .http, .judgeBody, .none),
        Row(.body, .goesOn(.body, until: later), .http, .fire(at: later), .body),
        Row(.handler, .passed, .http, .end(.slowHandler), .none),
        Row(.linger, .passed, .lingering, .end(.lingered), .none),
        Row(.heartbeat, .passed, .webSocket, .beat, .none),
        Row(.closeHandshake, .passed, .webSocket, .end(.closeUnanswered), .none),
        Row(.writeStall, .passed, .http, .judgeDelivery, .none),
        Row(.queueFull, .passed, .webSocket, .end(.slowReader), .none),
        // The process stood still.
        Row(.none, .passedInPause(graceEnds: later), .http, .keep, .none),
        Row(.body, .passedInPause(graceEnds: later), .http, .startBody, .body),
        Row(.heartbeat, .passedInPause(graceEnds: later), .webSocket, .beat, .heartbeat),
        Row(.writeStall, .passedInPause(graceEnds: later), .http, .renewDelivery, .writeStall),
        Row(.idle, .passedInPause(graceEnds: later), .http, .fire(at: later), .idle),
        Row(.queueFull, .passedInPause(graceEnds: later), .webSocket, .fire(at: later), .queueFull),
    ]

    @Test("what follows each event", arguments: rows)
    func table(row: Row) {
        var timer = Timer(waitingFor: row.before)
        let action = timer.after(row.event, in: row.situation, Self.limits)
        #expect(action == row.action)
        #expect(timer.deadline == row.after)
        #expect(timer.deadline.belongs(in: row.situation.phase))
    }

    @Test("each phase has the deadline that it asks for once nothing waits to be sent")
    func settled() {
        for phase in Connection.Phase.allCases {
            var timer = Timer()
            _ = timer.after(.settled, in: Situation(phase: phase), Self.limits)
            #expect(timer.deadline.belongs(in: phase), "\(timer.deadline) in \(phase)")
        }
    }

    @Test("an answer that nobody watches begins idle time without a question")
    func idles() {
        for deadline in Timer.Deadline.allCases {
            var timer = Timer(waitingFor: deadline)
            let isWatched = deadline == .writeStall || deadline == .queueFull
            #expect(!timer.idles(isDraining: true) && timer.deadline == deadline)
            #expect(timer.idles(isDraining: false) == !isWatched)
            #expect(timer.deadline == (isWatched ? deadline : .idle))
        }
    }
}

@Suite("Deliveries under watch") struct DeliveryWatchTests {
    typealias Output = DeliveryWatch.Output

    private static func at(_ milliseconds: UInt64) -> Instant {
        Instant(nanoseconds: 0).adding(milliseconds: 1_000_000 + milliseconds)
    }
    private static let pace = TransferPace(
        graceMilliseconds: 0, windowMilliseconds: 1_000, bytesPerSecondMin: 100)

    @Test("what is given to the kernel and not acknowledged counts for nothing")
    func kernelHolds() {
        var watch = DeliveryWatch(
            Output(unencryptedBytes: 9_000, waits: true), Self.pace, now: Self.at(0))
        #expect(watch.windowEnds == Self.at(1_000))
        watch.took(5_000)
        let held = Output(unencryptedBytes: 4_000, onTheWayBytes: 5_000, waits: true)
        #expect(watch.windowEnded(held, Self.pace, now: Self.at(1_000)) == .tooSlow)
    }

    @Test("a peer that keeps the pace goes on, window by window, until it has all")
    func keepsPace() {
        var watch = DeliveryWatch(
            Output(unencryptedBytes: 300, waits: true), Self.pace, now: Self.at(0))
        watch.took(200)
        let first = Output(unencryptedBytes: 100, onTheWayBytes: 100, waits: true)
        #expect(watch.windowEnded(first, Self.pace, now: Self.at(1_000)) == .goOn)
        #expect(watch.windowEnds == Self.at(2_000))
        watch.took(100)
        #expect(watch.windowEnded(Output(), Self.pace, now: Self.at(2_000)) == .delivered)
    }

    @Test("a peer that has taken all there was is not slow, even if more was queued since")
    func tookAll() {
        var watch = DeliveryWatch(
            Output(unencryptedBytes: 30, waits: true), Self.pace, now: Self.at(0))
        watch.took(30)
        let more = Output(unencryptedBytes: 9_000, waits: true)
        #expect(watch.windowEnded(more, Self.pace, now: Self.at(1_000)) == .goOn)
        #expect(watch.windowEnded(more, Self.pace, now: Self.at(2_000)) == .tooSlow)
    }

    @Test("what was on its way before the watch counts when it arrives")
    func onItsWay() {
        var watch = DeliveryWatch(Output(onTheWayBytes: 500), Self.pace, now: Self.at(0))
        #expect(
            watch.windowEnded(Output(onTheWayBytes: 400), Self.pace, now: Self.at(1_000)) == .goOn)
        #expect(
            watch.windowEnded(Output(onTheWayBytes: 350), Self.pace, now: Self.at(2_000))
                == .tooSlow)
    }

    @Test("our end counts as a byte on its way, and records get some slack")
    func edges() {
        #expect(Output(onTheWayBytes: 1, endIsSent: true).isDelivered)
        #expect(!Output(onTheWayBytes: 1).isDelivered)
        #expect(!Output(waits: true).isDelivered)
        #expect(Output(onTheWayBytes: 16_000, isSecure: true).owedBytes == 13_976)
        #expect(Output(onTheWayBytes: 100, isSecure: true).owedBytes == 0)
    }
}
