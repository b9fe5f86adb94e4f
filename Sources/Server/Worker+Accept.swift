// How connections begin: accepted until the queue is empty (the listener is edge-triggered too),
// and what happens when the process has no descriptor left. The reserve descriptor is given up for
// a moment, so that those who wait are closed instead of hanging; then accepting goes on.

import CLinux
import MizuEventLoop
import MizuHTTP
import MizuTransport

extension Worker {
    static func openReserve() -> Descriptor? {
        let raw = cl_open_null()
        return raw < 0 ? nil : Descriptor(owning: raw)
    }

    /// - Parameter position: a place in `listeners`.
    @inline(never)
    func accept(at position: Int) {
        guard acceptState == .open else { return }
        let listener = listeners[position]
        while admit(at: position) == .enter {
            guard state.pointee.acceptsLeft > 0 else {
                state.pointee.acceptsWait = true
                return
            }
            state.pointee.acceptsLeft -= 1
            switch listener.accept() {
            case .socket(let raw, let high, let low, let port):
                admit(raw, PeerAddress(high: high, low: low, port: port), at: position)
            case .wouldBlock: return
            case .aborted: continue
            case .exhausted(let error):
                guard shed(from: listener, isSecure: position >= server.plainListeners) else {
                    return pauseAccepting(error)
                }
            }
        }
    }

    /// A tick begins: goes on with those for whom the last one had no time.
    @inline(never)
    func acceptMore() {
        guard state.pointee.acceptsWait else { return }
        state.pointee.acceptsWait = false
        for position in listeners.indices { accept(at: position) }
    }

    /// Makes the connection of a socket that was let in, or is to be told that it was not.
    /// - Returns: nil where it cannot be waited for; it is closed then.
    func addConnection(
        _ transport: Transport, peer: PeerAddress, _ arrival: Connection.Arrival
    ) -> Connection? {
        let connection = connections.insert {
            Connection(token: $0, transport: transport, peer: peer)
        }
        connection.arrival = arrival
        counter.add(1, to: .connections)
        do throws(SystemError) {
            try transport.register(in: poller, data: connection.token.bits)
            return connection
        } catch {
            logger.error("a connection was dropped: \(error)")
            end(connection, because: .broken)
            return nil
        }
    }

    /// Closes one waiting connection with the reserve descriptor's help.
    /// - Returns: whether one was closed, so that the queue gets shorter.
    private func shed(from listener: Listener, isSecure: Bool) -> Bool {
        guard reserve != nil else { return false }
        reserve = nil
        defer { reserve = Self.openReserve() }
        logExhaustion()
        switch listener.accept() {
        case .socket(let raw, _, _, _):
            // Best effort: where a request has come already, the close resets the connection.
            if !isSecure { sendRefusal(.full, to: .plain(raw)) }
            _ = cl_close(raw)
            return true
        case .aborted: return true
        case .wouldBlock, .exhausted: return false
        }
    }

    private func pauseAccepting(_ error: SystemError) {
        logExhaustion()
        acceptState = .paused
    }

    /// Tried again with each tick, at the latest after 100 ms.
    @inline(never)
    func resumeAccepting() {
        acceptState = .open
        if reserve == nil { reserve = Self.openReserve() }
        for position in listeners.indices { accept(at: position) }
    }

    /// One line for one episode, however many connections it costs.
    private func logExhaustion() {
        guard state.pointee.exhaustion.occurs(at: now) == .isNews else { return }
        logger.warning(
            """
            no file descriptor is left: new connections are closed until old ones end; \
            raise the limit of open files (ulimit -n)
            """
        )
    }

    func stopAccepting() {
        // Those who wait in the queue are still served: closing it would reset them.
        if acceptState != .stopped {
            acceptState = .open
            state.pointee.acceptsLeft = .max
            for position in listeners.indices { accept(at: position) }
        }
        acceptState = .stopped
        state.pointee.acceptsWait = false
        for listener in listeners { poller.unregister(listener.pollable) }
        listeners.removeAll()
    }
}
