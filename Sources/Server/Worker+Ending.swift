// How connections end: `end(_:because:)` asks `Ending` what a reason means and does it. Here, and
// nowhere else, a connection goes from one phase to another. The end takes two steps: a connection
// is retired at once, so that nobody finds it any more, and its descriptor is closed when the tick
// is over.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuTransport
import MizuWebSocket

extension Worker {
    /// Takes the step to `phase`, and gives back what belonged to the phase that is left.
    func enter(_ phase: Connection.Phase, _ connection: Connection) {
        let left = connection.phase
        assert(left.leads(to: phase), "a connection cannot go from \(left) to \(phase)")
        connection.state.pointee.phase = phase
        counter.stepped(from: left, to: phase, isSecure: connection.transport.isSecure)
        switch left {
        case .handshaking: state.pointee.handshakes.left()
        case .webSocket:
            connection.messages = nil
            forgetDeflate(connection)
            // The step is taken: nothing more can be sent to the socket.
            service(of: connection).closed(connection.token, on: self)
        case .accepted, .proxyHeader, .http, .lingering, .closed: break
        }
    }

    /// Ends the connection: as `CloseReason.ending(in:)` says for that reason. Does nothing to one
    /// that is closed.
    func end(_ connection: Connection, because reason: CloseReason) {
        guard connection.phase != .closed else { return }
        var situation = situation(of: connection)
        if reason == .lingered || reason == .peerEnded, situation.phase == .lingering {
            situation.isDelivered =
                connection.arrival.contains(.turnedAway) || isDelivered(connection)
        }
        let ending = reason.ending(in: situation)
        if ending != .goOn, ending != .watch { counter.ended(reason) }
        switch ending {
        case .goOn: break
        case .watch: arm(connection, .writeStall)
        case .answer(let answer): write(answer, to: connection)
        case .closeFrame(let code, let text, let dropped):
            drop(dropped, of: connection)
            close(connection, code: code, reason: text)
        case .flush: closeAfterFlush(connection)
        case .linger: beginLinger(connection)
        case .reset:
            connection.transport.resetOnClose()
            retire(connection)
        case .retire: retire(connection)
        }
    }

    /// Nothing is added to what waits; when it is out, the connection lingers.
    private func closeAfterFlush(_ connection: Connection) {
        if connection.phase == .webSocket { _ = connection.closing.hungUp() }
        connection.flags.insert(.closeAfterFlush)
        markDirty(connection)
    }

    private func drop(_ dropped: Ending.Dropped, of connection: Connection) {
        switch dropped {
        case .nothing: return
        case .output:
            connection.outbox.dropUnbegun()
            connection.flags.remove(.queueFull)
        case .input:
            // What comes is no longer looked at; the close handshake's deadline ends it.
            connection.input = nil
            connection.messages = nil
            messageEnded(connection)
        }
        // Reading may have stopped; the peer's own close frame ends the handshake.
        goOnNextTick(connection)
    }

    /// The last answer of a request that did not come, or was not answered, in time or for which
    /// there is no memory.
    private func write(_ answer: Ending.LastAnswer, to connection: Connection) {
        var context = ResponseContext.refused
        var owed = endOwed(connection)
        context.crossOrigin = owed?.context.crossOrigin ?? 0
        connection.incomplete = nil
        connection.input = nil
        connection.flags.remove(.inHead)
        var response: Response
        switch answer {
        case .requestTimeout: response = Self.timeout(.requestTimeout)
        case .handlerTimeout:
            let name = owed?.asked.name ?? state.pointee.names.next()
            owed?.asked.name = name
            logger.error(
                """
                a handler did not answer within \(limits.handlerMilliseconds) ms \
                (request \(name))
                """)
            response = Self.timeout(.serviceUnavailable)
            response.set("Retry-After", literal: "1")
        case .memoryShort: response = Self.memoryShort
        }
        if let owed {
            response.problem = Problem(code: "unavailable", message: "This took too long.")
            settle(&response, for: owed.asked)
        }
        state.pointee.route = owed?.asked.route ?? -1
        let before = state.pointee.requestClock.left
        write(response, for: context, to: connection)
        recordOwed(since: owed?.since, leftBefore: before)
        // Bytes may wait that were not read: unread ones would make a reset of our close.
        goOnNextTick(connection)
    }

    private static func timeout(_ status: HTTPStatus) -> Response {
        var response = Response.text("\(status.code) \(status.reason)\n", status: status)
        response.connection = .close
        response.set("Cache-Control", literal: "no-store")
        return response
    }

    /// Our last byte is out. Reads on for a while: closing with unread bytes would reset the
    /// connection and could take the answer with it (RFC 9112 §9.6).
    private func beginLinger(_ connection: Connection) {
        guard connection.phase != .lingering else { return }
        if connection.flags.contains(.streams) { cancelStream(of: connection) }
        enter(.lingering, connection)
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
    private func retire(_ connection: Connection) {
        if logsAccess { abandonAccess(connection) }
        if connection.flags.contains(.streams) { cancelStream(of: connection) }
        if connection.transport.isSecure { sayGoodbye(connection) }
        enter(.closed, connection)
        connection.input = nil
        connection.incomplete = nil
        endOwed(connection)
        connection.state.pointee.outbox.removeAll()
        if connection.flags.contains(.holds) { settleEnd(of: connection) }
        timers.cancel(connection.token.index)
        if !deliveries.isEmpty { deliveries[connection.token.index] = nil }
        if !messageRates.isEmpty { messageRates[connection.token.index] = nil }
        releaseAdmission(of: connection)
        connections.retire(connection.token)
        retired.append(connection)
        assert(connection.isConsistent)
    }

    /// The end of the tick: descriptors are closed and slots may be used again.
    func closeRetired() {
        guard !retired.isEmpty else { return }
        // These lists outlive a tick; who ended behind the flush may stand in that of output, too.
        again.removeClosed()
        state.pointee.leaving.removeClosed()
        state.pointee.memory.heldBack.removeClosed()
        dirty.removeClosed()
        for position in 0..<retired.count {
            let connection = retired[position]
            connection.transport.close()
            connection.deallocate()
        }
        retired.removeAll()
        connections.recycle()
    }

    // MARK: Peers that go

    /// What is done in this tick about a connection whose peer has gone.
    enum Leaving {
        /// It goes on now.
        case now
        /// It stands in the list of later ones.
        case later
        case ended
    }

    /// A connection's peer has gone, or has said its last byte: takes it up now, or puts it behind
    /// those that go already where they are many.
    @inline(never)
    func postponeIfCrowded(_ connection: Connection, _ event: Readiness) -> Leaving {
        connection.flags.insert([.hungUp, .mayRead])
        // Who makes an answer for it need not go on, and would not notice before the next part.
        if connection.flags.contains(.streams), event.isBroken {
            end(connection, because: .brokenStream)
            return .ended
        }
        guard state.pointee.leavesLeft == 0 || !state.pointee.leaving.isEmpty else {
            state.pointee.leavesLeft -= 1
            return .now
        }
        if !connection.flags.contains(.leaving) {
            connection.flags.insert(.leaving)
            state.pointee.leaving.append(connection)
        }
        return .later
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
}
