// The one deadline of a connection: what it stands for, and what follows when it passes. Each event
// goes in, an action comes out; the worker owns the timer wheel and performs it.
//
//   event              what is done
//   awaits(deadline)   the timer stands for `deadline` from now on. While the peer does not take
//                      its output, what it asks for meanwhile does not put off the end of that
//   settled            nothing waits to be sent: the timer that the phase asks for
//   outputWaits        the kernel did not take all: the delivery is watched
//   queueFilled        so much waits for a socket that it has a moment to take some
//   handedOver         the kernel has all; an answer is still watched until the peer has it
//   delivered          the peer has all
//   roomRegained       the queue is below its limit again
//   beats, goesOn      the next word, or window of a transfer, is due at another moment
//   passed             the moment came: judged by what the deadline stood for
//   passedInPause      it came while the process stood still: judged later
//
// Knows no connection, wheel or clock.

import MizuEventLoop

/// A connection's one timer.
struct ConnectionTimer: Equatable {
    private(set) var deadline: Deadline

    /// - Parameter deadline: what the timer stands for already.
    init(waitingFor deadline: Deadline = .none) { self.deadline = deadline }

    /// What the timer stands for.
    enum Deadline: UInt8, CaseIterable {
        case none, handshake, idle, head, body, handler, linger, heartbeat, closeHandshake
        // About what the peer has not taken; these stand last (`isDeliveryWatched`).
        case writeStall, queueFull

        /// The phases in which a connection may wait for this.
        func belongs(in phase: Connection.Phase) -> Bool {
            switch (self, phase) {
            // No timer runs in a closed connection; what it stood for last is not wiped.
            case (.none, _), (_, .closed): true
            case (.handshake, .handshaking), (.head, .proxyHeader), (.head, .http): true
            // A handshake that ends while the worker drains lingers for a first request.
            case (.idle, .http), (.body, .http), (.handler, .http), (.linger, .http): true
            case (.heartbeat, .webSocket), (.closeHandshake, .webSocket), (.queueFull, .webSocket):
                true
            case (.writeStall, .http), (.writeStall, .webSocket), (.writeStall, .lingering): true
            case (.linger, .lingering): true
            case (.handshake, _), (.idle, _), (.head, _), (.body, _), (.handler, _), (.linger, _),
                (.heartbeat, _), (.closeHandshake, _), (.writeStall, _), (.queueFull, _):
                false
            }
        }

        /// Whether a watch of the delivery goes on beside it, to be taken up again.
        var keepsWatch: Bool {
            switch self {
            case .none, .writeStall, .queueFull, .linger: true
            case .handshake, .idle, .head, .body, .handler, .heartbeat, .closeHandshake: false
            }
        }
    }

    enum Event: Equatable {
        case awaits(Deadline)
        case settled, outputWaits, queueFilled, handedOver, roomRegained
        /// - Parameter quietMilliseconds: since the peer's last byte.
        case delivered(quietMilliseconds: UInt64)
        /// The heartbeat's next word is due.
        case beats(inMilliseconds: UInt64)
        /// A transfer keeps its pace; its next window ends then.
        case goesOn(Deadline, until: Instant)
        case passed
        case passedInPause(graceEnds: Instant)
    }

    enum Action: Equatable {
        /// The timer stays as it is.
        case keep
        /// Fires after so many milliseconds from now.
        case set(UInt64)
        /// The same, and the delivery is watched meanwhile.
        case setAndWatch(UInt64)
        /// Fires at the end of the window that the delivery's watch is in, or begins.
        case watchDelivery
        case judgeDelivery
        /// The delivery's watch begins anew.
        case renewDelivery
        /// A window for the body's pace begins.
        case startBody
        case judgeBody
        /// Fires when the next word is due, or before that when a message's window ends.
        case startHeartbeat(UInt64)
        /// The same; a message's window begins anew, because we did not read.
        case resumeHeartbeat(UInt64)
        case fire(at: Instant)
        /// Looks at both sides' silence now.
        case beat
        /// What has come in this very moment is still taken; if nothing has, the connection ends.
        case lastLook
        case end(CloseReason)
    }

    /// The deadline is about what the peer has not taken.
    @inline(__always)
    var isDeliveryWatched: Bool { deadline.rawValue >= Deadline.writeStall.rawValue }

    /// `awaits(.idle)`, with which nearly every answer ends, if nothing is watched and the worker
    /// does not drain: the timer then fires after `idleMilliseconds`.
    /// - Returns: whether that was so; if not, nothing has changed.
    @inline(__always)
    mutating func idles(isDraining: Bool) -> Bool {
        guard !isDraining, !isDeliveryWatched else { return false }
        deadline = .idle
        return true
    }

    mutating func after(
        _ event: Event, in situation: Situation, _ limits: ServerLimits
    ) -> Action {
        switch event {
        case .awaits(let next): return wait(next, situation, limits)
        case .settled: return settle(situation, limits)
        case .outputWaits:
            switch deadline {
            case .handshake, .writeStall, .closeHandshake, .queueFull: return .keep
            case .none, .idle, .head, .body, .handler, .linger, .heartbeat:
                return start(.writeStall, situation, limits)
            }
        case .queueFilled:
            deadline = .queueFull
            return .setAndWatch(limits.sendQueueFullMilliseconds)
        case .handedOver:
            // A WebSocket's heartbeats see to the rest; an answer is watched to its end.
            guard isDeliveryWatched, !(deadline == .writeStall && situation.isBetweenRequests)
            else { return .keep }
            return settle(situation, limits)
        case .roomRegained:
            guard deadline == .queueFull else { return .keep }
            return situation.hasOutput
                ? start(.writeStall, situation, limits) : settle(situation, limits)
        case .delivered(let quiet):
            if situation.phase == .lingering { return .end(.lingered) }
            guard situation.isBetweenRequests else { return settle(situation, limits) }
            // It has been idle since the peer's last byte.
            deadline = .idle
            return .set(limits.idleMilliseconds - min(quiet, limits.idleMilliseconds))
        case .beats(let milliseconds):
            let action = wait(.heartbeat, situation, limits)
            return action == .keep ? .keep : .startHeartbeat(milliseconds)
        case .goesOn(let same, let end):
            deadline = same
            return .fire(at: end)
        case .passed: return judge()
        case .passedInPause(let graceEnds): return postponed(until: graceEnds)
        }
    }

    private mutating func wait(
        _ next: Deadline, _ situation: Situation, _ limits: ServerLimits
    ) -> Action {
        if isDeliveryWatched {
            switch next {
            // The kernel may hold an answer yet; when all is delivered, the rest is idle time.
            case .idle: return .keep
            case .none, .head, .body, .handler, .heartbeat:
                if situation.hasOutput { return .keep }
            case .handshake, .writeStall, .queueFull, .linger, .closeHandshake: break
            }
        }
        return start(next, situation, limits)
    }

    private mutating func settle(_ situation: Situation, _ limits: ServerLimits) -> Action {
        let action = start(Self.deadline(for: situation), situation, limits)
        if case .startHeartbeat(let wait) = action { return .resumeHeartbeat(wait) }
        return action
    }

    /// What the connection waits for when nothing waits to be sent.
    private static func deadline(for situation: Situation) -> Deadline {
        switch situation.phase {
        case .accepted, .closed: .none
        case .proxyHeader: .head
        case .handshaking: .handshake
        case .http where situation.isAwaited || situation.isStreaming: .handler
        case .http where situation.hasBody: .body
        case .http where situation.inHead: .head
        case .http: .idle
        case .webSocket: situation.isSocketOpen ? .heartbeat : .closeHandshake
        case .lingering: .linger
        }
    }

    private mutating func start(
        _ next: Deadline, _ situation: Situation, _ limits: ServerLimits
    ) -> Action {
        deadline = next
        switch next {
        case .none: return .keep
        case .writeStall: return .watchDelivery
        case .body: return .startBody
        case .heartbeat: return .startHeartbeat(limits.heartbeatMilliseconds)
        case .handshake: return .set(limits.handshakeMilliseconds)
        case .idle:
            return .set(
                situation.isDraining ? Self.lastRequestMilliseconds : limits.idleMilliseconds)
        case .head: return .set(limits.headMilliseconds)
        case .handler: return .set(limits.handlerMilliseconds)
        case .linger: return .set(limits.lingerMilliseconds)
        case .closeHandshake: return .set(limits.closeHandshakeMilliseconds)
        case .queueFull: return .set(limits.sendQueueFullMilliseconds)
        }
    }

    /// How long a connection that idles in a drain may still ask: its peer was promised that it
    /// stays, and a request that crosses the end of it would be lost (RFC 9112 §9.5). The answer
    /// says `Connection: close`.
    static let lastRequestMilliseconds: UInt64 = 250

    private mutating func judge() -> Action {
        let passed = deadline
        deadline = .none
        switch passed {
        case .none: return .keep
        case .handshake: return .end(.slowHandshake)
        case .idle: return .lastLook
        case .head: return .end(.slowHead)
        case .body: return .judgeBody
        case .handler: return .end(.slowHandler)
        case .linger: return .end(.lingered)
        case .heartbeat: return .beat
        case .closeHandshake: return .end(.closeUnanswered)
        case .writeStall: return .judgeDelivery
        case .queueFull: return .end(.slowReader)
        }
    }

    /// What the peer did not do while the process stood still says little. Paces begin anew,
    /// silence is asked about once more, the rest gets a grace.
    private func postponed(until graceEnds: Instant) -> Action {
        switch deadline {
        case .none: .keep
        case .body: .startBody
        case .heartbeat: .beat
        case .writeStall: .renewDelivery
        case .handshake, .idle, .head, .handler, .linger, .closeHandshake, .queueFull:
            .fire(at: graceEnds)
        }
    }
}
