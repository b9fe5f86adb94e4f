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
    func accept(at position: Int) {
        guard acceptState == .open else { return }
        let listener = listeners[position]
        while mayAccept(at: position) {
            switch listener.accept() {
            case .socket(let raw, let high, let low, let port):
                open(raw, at: position, peer: Self.peer(high: high, low: low, port: port))
            case .wouldBlock: return
            case .aborted: continue
            case .exhausted(let error):
                guard shed(from: listener) else { return pauseAccepting(error) }
            }
        }
    }

    private static func peer(high: UInt64, low: UInt64, port: UInt16) -> PeerAddress {
        if high == 0, low >> 32 == 0xFFFF {
            return .v4(address: UInt32(truncatingIfNeeded: low), port: port)
        }
        return .v6(high: high, low: low, port: port)
    }

    private func open(_ raw: Int32, at listener: Int, peer: PeerAddress) {
        guard connections.count < limits.workerConnectionsMax else {
            _ = cl_close(raw)
            return
        }
        let transport = transport(of: raw, at: listener)
        let connection = connections.insert {
            Connection(token: $0, transport: transport, peer: peer)
        }
        do throws(SystemError) {
            try poller.register(raw, data: connection.token.bits)
        } catch {
            logger.error("a connection was dropped: \(error)")
            retire(connection)
            return
        }
        // The edge for bytes that are there already comes with the next wait.
        transport.isSecure ? beginHandshake(connection) : arm(connection, .idle)
    }

    /// Closes one waiting connection with the reserve descriptor's help.
    /// - Returns: whether one was closed, so that the queue gets shorter.
    private func shed(from listener: Listener) -> Bool {
        guard reserve != nil else { return false }
        reserve = nil
        defer { reserve = Self.openReserve() }
        logExhaustion()
        switch listener.accept() {
        case .socket(let raw, _, _, _):
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
    func resumeAccepting() {
        acceptState = .open
        if reserve == nil { reserve = Self.openReserve() }
        for position in listeners.indices { accept(at: position) }
    }

    /// One line for one episode, however many connections it costs.
    private func logExhaustion() {
        if let last = exhaustionLogged, now.milliseconds(since: last) < 60_000 { return }
        exhaustionLogged = now
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
            for position in listeners.indices { accept(at: position) }
        }
        acceptState = .stopped
        for listener in listeners { poller.unregister(listener.pollable) }
        listeners.removeAll()
    }
}
