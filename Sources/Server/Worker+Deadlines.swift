// The one timer of each connection and what it means when it fires, and the two-step end: a
// connection that ends is retired at once, so that nobody finds it any more, and its descriptor is
// closed when the tick is over.

import MizuBytes
import MizuDoor
import MizuEventLoop
import MizuHTTP
import MizuTransport
import MizuWebSocket

extension Worker {
    /// Sets the connection's timer; it then stands for `deadline` and nothing else. While the peer
    /// does not take what it was sent, what it asks for meanwhile must not put off the end of
    /// that: `armForPhase` sets what is due once all is out.
    func arm(_ connection: Connection, _ deadline: Connection.Deadline) {
        if connection.isDeliveryWatched {
            switch deadline {
            // The kernel may hold an answer yet; when all is delivered, the rest is idle time.
            case .idle: return
            case .none, .head, .body, .handler, .heartbeat:
                if connection.pendingBytes > 0 { return }
                deliveries[connection.token.index] = nil
            case .handshake, .writeStall, .queueFull, .linger: break
            case .closeHandshake: deliveries[connection.token.index] = nil
            }
        }
        switch deadline {
        case .writeStall: watchDelivery(connection)
        case .body: armForBody(connection)
        case .heartbeat: setHeartbeat(connection, inMilliseconds: limits.heartbeatMilliseconds)
        case .none, .handshake, .idle, .head, .handler, .linger, .closeHandshake, .queueFull:
            connection.deadline = deadline
            timers.set(
                connection.token.index,
                deadline: now.adding(milliseconds: milliseconds(of: deadline)))
        }
    }

    /// `arm(connection, .idle)`, with which nearly every answer ends, without the questions.
    @inline(__always)
    func armIdle(_ connection: Connection) {
        guard drainDeadline == nil, !connection.isDeliveryWatched else {
            return arm(connection, .idle)
        }
        connection.deadline = .idle
        timers.set(
            connection.token.index, deadline: now.adding(milliseconds: limits.idleMilliseconds))
    }

    /// A body's window begins, at its start or after a pause that was not the peer's.
    private func armForBody(_ connection: Connection) {
        guard let incomplete = connection.incomplete else { return }
        incomplete.rate = TransferRate(
            incomplete.bodyReader.decodedCount, limits.pace, now: now)
        connection.deadline = .body
        timers.set(connection.token.index, deadline: incomplete.rate.end)
    }

    private func judgeBody(_ connection: Connection) {
        guard let incomplete = connection.incomplete else { return armForPhase(connection) }
        guard !connection.flags.contains(.heldBack) else { return armForBody(connection) }
        switch incomplete.rate.windowEnded(
            incomplete.bodyReader.decodedCount, limits.pace, now: now)
        {
        case .goOn:
            connection.deadline = .body
            timers.set(connection.token.index, deadline: incomplete.rate.end)
        case .tooSlow: refuse(connection, with: .requestTimeout)
        }
    }

    private func milliseconds(of deadline: Connection.Deadline) -> UInt64 {
        switch deadline {
        case .none, .body, .writeStall, .heartbeat: .max
        case .handshake: limits.handshakeMilliseconds
        case .idle: drainDeadline == nil ? limits.idleMilliseconds : Self.lastRequestMilliseconds
        case .head: limits.headMilliseconds
        case .handler: limits.handlerMilliseconds
        case .linger: limits.lingerMilliseconds
        case .closeHandshake: limits.closeHandshakeMilliseconds
        case .queueFull: limits.sendQueueFullMilliseconds
        }
    }

    /// Sets the timer that the connection's state asks for, when nothing waits to be sent.
    func armForPhase(_ connection: Connection) {
        switch connection.phase {
        case .handshaking: arm(connection, .handshake)
        case .http:
            if !connection.flags.isDisjoint(with: [.awaited, .streams]) {
                arm(connection, .handler)
            } else if connection.incomplete != nil {
                arm(connection, .body)
            } else if connection.flags.contains(.inHead) {
                arm(connection, .head)
            } else {
                arm(connection, .idle)
            }
        case .webSocket:
            messageGoesOn(connection)
            arm(connection, connection.closing.isOpen ? .heartbeat : .closeHandshake)
        case .proxyHeader: arm(connection, .head)
        case .lingering: arm(connection, .linger)
        case .closed: break
        }
    }

    func deadlinePassed(_ connection: Connection) {
        let deadline = connection.deadline
        connection.deadline = .none
        switch deadline {
        case .none: break
        case .handshake, .closeHandshake: retire(connection)
        case .idle: endIdle(connection)
        case .writeStall: judgeDelivery(connection)
        case .linger: endLinger(connection)
        case .head where connection.phase == .proxyHeader: retire(connection)
        case .head: refuse(connection, with: .requestTimeout)
        case .body: judgeBody(connection)
        case .handler where connection.flags.contains(.streams): breakStream(of: connection)
        case .handler:
            logger.error("a handler did not answer within \(limits.handlerMilliseconds) ms")
            refuse(connection, with: .serviceUnavailable)
        case .heartbeat: heartbeat(connection)
        case .queueFull: closeTooSlow(connection)
        }
    }

    /// The deadline fell into a pause of the process, or right behind it: what the peer did not do
    /// meanwhile says little. Paces begin anew, silence is asked once more, the rest gets a grace.
    func putOff(_ connection: Connection, until graceEnds: Instant) {
        switch connection.deadline {
        case .none: break
        case .body: armForBody(connection)
        case .heartbeat: heartbeat(connection)
        case .writeStall: renewDelivery(connection)
        case .handshake, .idle, .head, .handler, .linger, .closeHandshake, .queueFull:
            timers.set(connection.token.index, deadline: graceEnds)
        }
    }

    /// It has idled for its time. What has come in this very moment is still answered; who asks a
    /// moment later sees an end and not a reset, because we read on behind it for a while: nothing
    /// better can be said once our side is closed (RFC 9112 §9.5).
    private func endIdle(_ connection: Connection) {
        connection.flags.insert(.mayRead)
        advance(connection)
        guard connection.phase == .http, connection.deadline == .none,
            !connection.flags.contains(.closeAfterFlush)
        else { return }
        if connection.flags.contains(.again) { return arm(connection, .idle) }
        // A drain has been waiting for this, and its peer was given a moment already.
        drainDeadline == nil ? beginLinger(connection) : retire(connection)
    }

    /// Says 4000 as soon as the peer reads again: what it has not begun to get is dropped, because
    /// nothing of it counts any more, and the close frame takes its place.
    func closeTooSlow(_ connection: Connection) {
        connection.queue?.dropUnbegun()
        connection.flags.remove(.queueFull)
        close(connection, code: 4000, reason: "too slow")
        // Reading had stopped; the peer's own close frame ends the handshake.
        goOnNextTick(connection)
    }

    // MARK: The end

    /// Whether a connection whose peer has gone, or has said its last byte, may go on in this tick;
    /// if not, it is in the list of later ones.
    @inline(never)
    func mayLeave(_ connection: Connection, _ event: Readiness) -> Bool {
        connection.flags.insert([.hungUp, .mayRead])
        // Who makes an answer for it need not go on, and would not notice before the next part.
        if connection.flags.contains(.streams), event.isBroken {
            breakStream(of: connection)
            return false
        }
        guard state.pointee.leavesLeft == 0 || !state.pointee.leaving.isEmpty else {
            state.pointee.leavesLeft -= 1
            return true
        }
        if !connection.flags.contains(.leaving) {
            connection.flags.insert(.leaving)
            state.pointee.leaving.append(connection)
        }
        return false
    }

    /// Sees to some of those whose peers have gone, in the order in which they went.
    func advanceLeaving() {
        let count = min(state.pointee.leavesLeft, state.pointee.leaving.count)
        guard count > 0 else { return }
        for position in 0..<count {
            let connection = state.pointee.leaving[position]
            connection.flags.remove(.leaving)
            becameWritable(connection)
            advance(connection)
            sendEarly()
        }
        state.pointee.leaving.removeFirst(count)
    }

    /// Our last byte is out. Reads on for a while: closing with unread bytes would reset the
    /// connection and could take the answer with it (RFC 9112 §9.6).
    func beginLinger(_ connection: Connection) {
        guard connection.phase != .lingering, connection.phase != .closed else { return }
        if connection.flags.contains(.streams) { cancelStream(of: connection) }
        leaveService(connection)
        connection.phase = .lingering
        connection.input = nil
        connection.incomplete = nil
        endOwed(connection)
        // Whatever had stopped reading has no meaning now; unread bytes would make a reset of our
        // close.
        connection.flags.subtract([.queueFull, .wasBlocked])
        connection.transport.shutdownWrite()
        // The end that was seen may have been TLS's, with bytes or a FIN behind it.
        if connection.transport.isSecure { connection.flags.insert(.mayRead) }
        arm(connection, .linger)
        goOnNextTick(connection)
    }

    /// Ends the connection now; what it has not sent is lost.
    func retire(_ connection: Connection) {
        guard connection.phase != .closed else { return }
        if logsAccess { abandonAccess(connection) }
        if connection.flags.contains(.streams) { cancelStream(of: connection) }
        if connection.transport.isSecure { sayGoodbye(connection) }
        leaveService(connection)
        connection.phase = .closed
        connection.input = nil
        connection.incomplete = nil
        endOwed(connection)
        connection.queue = nil
        connection.flags.remove(.sharesFrame)
        connection.arenaCount = 0
        if connection.flags.contains(.holds) { settleEnd(of: connection) }
        timers.cancel(connection.token.index)
        releaseAdmission(of: connection)
        connections.retire(connection.token)
        retired.append(connection)
    }

    private func leaveService(_ connection: Connection) {
        if connection.phase == .handshaking { return leaveHandshake(connection) }
        guard connection.phase == .webSocket else { return }
        connection.phase = .lingering
        connection.messages = nil
        forgetDeflate(connection)
        services[Int(connection.service)].closed(connection.token, on: self)
    }

    /// The end of the tick: descriptors are closed and slots may be used again.
    func closeRetired() {
        guard !retired.isEmpty else { return }
        // These lists outlive a tick.
        again.removeClosed()
        state.pointee.leaving.removeClosed()
        state.pointee.memory.heldBack.removeClosed()
        for position in 0..<retired.count {
            let connection = retired[position]
            connection.transport.close()
            connection.deallocate()
        }
        retired.removeAll()
        connections.recycle()
    }

    // MARK: Drain

    /// Stops accepting; ends what idles a moment later; lets the rest finish until `deadline`.
    func beginDrain(until deadline: Instant) {
        guard drainDeadline == nil else { return }
        drainDeadline = deadline
        stopAccepting()
        state.pointee.drainNext = 0
    }

    /// Connections that are told of a drain in one tick: whoever has a request under way is served
    /// between two slices.
    private static let tickDrainsMax = 512

    /// Tells some of those that have not been told of the drain.
    /// - Returns: whether there are more.
    func goOnDraining() -> Bool {
        guard let next = state.pointee.drainNext else { return false }
        // By slot: what is done here takes connections out of the table.
        let end = min(next + Self.tickDrainsMax, connections.slotCount)
        for slot in next..<max(next, end) {
            guard let connection = connections.element(at: slot) else { continue }
            switch connection.phase {
            case .handshaking: drainHandshake(connection)
            case .http: drainHTTP(connection)
            case .webSocket:
                services[Int(connection.service)].draining(connection.token, on: self)
                close(connection, code: 1012, reason: "the server restarts")
            case .lingering, .closed: break
            case .proxyHeader: retire(connection)
            }
            sendEarly()
        }
        state.pointee.drainNext = end < connections.slotCount ? end : nil
        return state.pointee.drainNext != nil
    }

    func drainHTTP(_ connection: Connection) {
        // A request may be with the kernel whose event is still to come, above all on a connection
        // that was accepted a moment ago: whoever has asked is answered.
        connection.flags.insert(.mayRead)
        advance(connection)
        // A request that is under way finishes; its answer says `Connection: close`.
        guard connection.phase == .http, connection.incomplete == nil,
            connection.flags.isDisjoint(
                with: [.inHead, .again, .queueFull, .streams, .awaited])
        else { return }
        guard !connection.flags.contains(.closeAfterFlush) else { return }
        guard connection.isDeliveryWatched else { return arm(connection, .idle) }
        // Who still takes an answer has nothing to ask: the connection ends behind it.
        if connection.pendingBytes == 0 { return retire(connection) }
        connection.flags.insert(.closeAfterFlush)
        markDirty(connection)
    }

    /// How long a connection that idles in a drain may still ask: its peer was promised that it
    /// stays, and a request that crosses the end of it would be lost (RFC 9112 §9.5). The answer
    /// says `Connection: close`.
    private static let lastRequestMilliseconds: UInt64 = 250

    /// The worker's end: whoever is still here loses the connection, and its service is told.
    func retireAll() {
        for slot in 0..<connections.slotCount {
            if let connection = connections.element(at: slot) { retire(connection) }
        }
        closeRetired()
        if logsAccess { accessLines?.handOver() }
    }
}
