// The end of a worker: it accepts nobody new, ends what idles a moment later, and lets the rest
// finish until a deadline. Whoever has a request under way is served between two slices of this.

import MizuEventLoop
import MizuHTTP

/// Whether there is more of it to do in the next tick.
enum Work { case more, done }

extension Worker {
    /// Connections that are told of a drain in one tick.
    private static let tickDrainsMax = 512

    /// Stops accepting; ends what idles a moment later; lets the rest finish until `deadline`.
    func beginDrain(until deadline: Instant) {
        guard drainDeadline == nil else { return }
        drainDeadline = deadline
        stopAccepting()
        state.pointee.drainNext = 0
    }

    /// Takes the next slice of connections that have not been told of the drain.
    func goOnDraining() -> Work {
        guard let next = state.pointee.drainNext else { return .done }
        // By slot: what is done here takes connections out of the table.
        let end = min(next + Self.tickDrainsMax, connections.slotCount)
        for slot in next..<max(next, end) {
            guard let connection = connections.element(at: slot) else { continue }
            drain(connection)
            sendEarly()
        }
        state.pointee.drainNext = end < connections.slotCount ? end : nil
        return state.pointee.drainNext == nil ? .done : .more
    }

    private func drain(_ connection: Connection) {
        switch connection.phase {
        case .handshaking: drainHandshake(connection)
        case .http: return drainHTTP(connection)
        case .webSocket:
            service(of: connection).draining(connection.token, on: self)
        case .accepted, .lingering, .closed, .proxyHeader: break
        }
        end(connection, because: .drain)
    }

    func drainHTTP(_ connection: Connection) {
        // A request may be with the kernel whose event is still to come, above all on a connection
        // that was accepted a moment ago: whoever has asked is answered.
        connection.flags.insert(.mayRead)
        advance(connection)
        // A request that is under way finishes; its answer says `Connection: close`.
        guard situation(of: connection).isBetweenRequests,
            connection.flags.isDisjoint(with: [.again, .queueFull, .closeAfterFlush])
        else { return }
        connection.isDeliveryWatched
            ? end(connection, because: .drain) : arm(connection, .idle)
    }

    /// A handshake has no request to lose: it may finish, but not hold up the end for long.
    private func drainHandshake(_ connection: Connection) {
        timers.set(
            connection.token.index, deadline: now.adding(milliseconds: limits.lingerMilliseconds))
    }

    /// The worker's end: whoever is still here loses the connection, and its service is told.
    func retireAll() {
        for slot in 0..<connections.slotCount {
            guard let connection = connections.element(at: slot) else { continue }
            end(connection, because: .workerEnded)
        }
        closeRetired()
        endTasks()
        if logsAccess { accessLines?.handOver() }
        assert(sumsToZero, "worker \(index) ended, and something of its connections is left")
    }

    /// What is kept beside connections ends with them.
    private var sumsToZero: Bool {
        connections.count == 0 && timers.count == 0 && turnedAway == 0
            && state.pointee.handshakes.open == 0
            && deliveries.isEmpty && messageRates.isEmpty && state.pointee.owed.isEmpty
            && state.pointee.streams.open.isEmpty && state.pointee.streams.packers == 0
            && state.pointee.ownInflaters.isEmpty && state.pointee.memory.holdings.count == 0
            && state.pointee.memory.holdings.bytes == 0
    }

    /// A connection's flags say in which of the worker's lists it stands. For assertions; larger
    /// workers are not looked at, so that tests with many connections stay quick.
    var listsAreConsistent: Bool {
        guard connections.slotCount <= 256 else { return true }
        var (dirty, again, leaving) = (0, 0, 0)
        connections.forEach { connection in
            if connection.flags.contains(.dirty) { dirty += 1 }
            if connection.flags.contains(.again) { again += 1 }
            if connection.flags.contains(.leaving) { leaving += 1 }
        }
        return dirty == self.dirty.openCount && again == self.again.openCount
            && leaving == state.pointee.leaving.openCount
    }
}
