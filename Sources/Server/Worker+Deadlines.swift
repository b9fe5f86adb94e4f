// Each connection's one timer: events go to its `ConnectionTimer`, and what that decides is done
// here with the worker's wheel.

import MizuEventLoop
import MizuHTTP

extension Worker {
    /// The connection waits for `deadline` from now on. While the peer does not take what it was
    /// sent, what it asks for meanwhile does not put off the end of that.
    func arm(_ connection: Connection, _ deadline: ConnectionTimer.Deadline) {
        updateTimer(of: connection, after: .awaits(deadline))
    }

    /// `arm(connection, .idle)`, with which nearly every answer ends, without the questions.
    @inline(__always)
    func armIdle(_ connection: Connection) {
        guard connection.state.pointee.timer.idles(isDraining: drainDeadline != nil) else {
            return arm(connection, .idle)
        }
        timers.set(
            connection.token.index, deadline: now.adding(milliseconds: limits.idleMilliseconds))
    }

    /// Takes the step of the connection's timer that `event` asks for.
    func updateTimer(of connection: Connection, after event: ConnectionTimer.Event) {
        let wasWatched = connection.isDeliveryWatched
        let action = connection.state.pointee.timer.after(
            event, in: situation(of: connection), limits)
        // A window's rest means nothing once its end is no longer waited for.
        if wasWatched,
            !connection.timer.deadline.keepsWatch || event == .handedOver && action != .keep
        {
            deliveries[connection.token.index] = nil
        }
        perform(action, on: connection)
        assert(connection.isConsistent, "\(connection.timer.deadline) in \(connection.phase)")
    }

    private func perform(_ action: ConnectionTimer.Action, on connection: Connection) {
        let slot = connection.token.index
        switch action {
        case .keep: break
        case .set(let milliseconds):
            timers.set(slot, deadline: now.adding(milliseconds: milliseconds))
        case .setAndWatch(let milliseconds):
            _ = watch(connection)
            timers.set(slot, deadline: now.adding(milliseconds: milliseconds))
        case .watchDelivery: timers.set(slot, deadline: watch(connection).windowEnds)
        case .renewDelivery: timers.set(slot, deadline: renewWatch(connection).windowEnds)
        case .judgeDelivery: judgeDelivery(connection)
        case .startBody:
            if let end = renewBodyPace(of: connection) { timers.set(slot, deadline: end) }
        case .judgeBody: judgeBody(connection)
        case .resumeHeartbeat(let milliseconds):
            renewMessagePace(of: connection)
            perform(.startHeartbeat(milliseconds), on: connection)
        case .startHeartbeat(let milliseconds):
            let word = now.adding(milliseconds: milliseconds)
            timers.set(slot, deadline: min(word, messageRates[slot]?.end ?? word))
        case .beat: heartbeat(connection)
        case .lastLook: endIdle(connection)
        case .fire(let moment): timers.set(slot, deadline: moment)
        case .end(let reason): end(connection, because: reason)
        }
    }

    func runTimers() {
        guard timers.isDue(at: now) else { return }
        expired.removeAll(keepingCapacity: true)
        timers.advance(to: now, expired: &expired)
        // What an earlier one of these has set anew, such as a close handshake, has not passed.
        let graceEnds = pauses.graceEnds(at: now)
        for slot in expired where !timers.isSet(slot) {
            guard let connection = connections.element(at: slot) else { continue }
            updateTimer(
                of: connection, after: graceEnds.map { .passedInPause(graceEnds: $0) } ?? .passed)
        }
    }

    /// It has idled for its time. What has come in this very moment is still answered; who asks a
    /// moment later sees an end and not a reset, because we read on behind it for a while: nothing
    /// better can be said once our side is closed (RFC 9112 §9.5).
    private func endIdle(_ connection: Connection) {
        connection.flags.insert(.mayRead)
        advance(connection)
        guard connection.phase == .http, connection.timer.deadline == .none,
            !connection.flags.contains(.closeAfterFlush)
        else { return }
        connection.flags.contains(.again)
            ? arm(connection, .idle) : end(connection, because: .idle)
    }
}
