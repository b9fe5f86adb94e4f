// TLS connections in the loop: when a handshake begins and takes its steps (`HandshakeGate`), and
// what follows a read: output that was not asked for, the end of the handshake, or its failure. The
// handshake itself is part of `Transport.read`; everything else treats both kinds alike.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuTransport

extension Worker {
    /// New connections get `certificates` from now on; open ones keep theirs.
    func use(_ certificates: TLSCertificates) {
        do throws(TLSError) {
            try state.pointee.tls?.use(certificates)
            certificateHosts.use(certificates)
        } catch {
            logger.error("worker \(index) keeps its old certificates: \(error)")
        }
    }

    // MARK: Beginning

    /// The transport of a new connection.
    func transport(of raw: Int32, at listener: Int) -> Transport {
        guard listener >= server.plainListeners, let engine = state.pointee.tls else {
            return .plain(raw)
        }
        return .tls(TLSSession(raw, engine: engine))
    }

    /// Whether one more is accepted at `listener`; a TLS listener waits at the cap.
    func admit(at listener: Int) -> HandshakeGate.Verdict {
        guard listener >= server.plainListeners, acceptState == .open else { return .enter }
        return state.pointee.handshakes.admit(at: now, where: isHandshaking)
    }

    private func isHandshaking(_ connection: Token) -> Bool {
        connections[connection]?.phase == .handshaking
    }

    func beginHandshake(_ connection: Connection) {
        enter(.handshaking, connection)
        let displaced = state.pointee.handshakes.begin(
            connection.token, at: now, where: isHandshaking)
        if let displaced, let oldest = connections[displaced] {
            end(oldest, because: .crowdedOut)
        }
        // Set once: nothing that the peer sends puts it off.
        arm(connection, .handshake)
    }

    /// When the oldest open handshake has had its grace; nil if none is open.
    var handshakeGraceEnds: Instant? {
        state.pointee.handshakes.graceEnds(where: isHandshaking)
    }

    /// Accepts those who waited for the cap.
    func acceptAtFreeHandshakes() {
        guard
            state.pointee.handshakes.admitWaiting(at: now, where: isHandshaking) == .enter
        else { return }
        for position in listeners.indices where position >= server.plainListeners {
            accept(at: position)
        }
    }

    // MARK: Steps

    /// Whether the handshake may go on in this tick; if not, it is in the list of the next one.
    func takeHandshakeStep(_ connection: Connection) -> Bool {
        guard connection.flags.contains(.mayRead) else { return true }
        guard state.pointee.handshakes.takeTurn() == .now else {
            goOnNextTick(connection)
            return false
        }
        budget.spend(TickBudget.Price.handshakeStep)
        return true
    }

    /// After each read of a TLS connection: what OpenSSL wrote meanwhile leaves at the end of the
    /// tick, with the answer where that is ready.
    func noteSecureRead(_ connection: Connection) {
        guard case .tls(let session) = connection.transport else { return }
        if session.unsentBytes > 0 { markDirty(connection) }
        if connection.transport.heldBytes > 0 { holds(connection) }
        if connection.phase == .handshaking, session.isEstablished {
            counter.shookHands(
                isResumed: session.wasResumed, isVersion13: session.isVersion13)
            enter(.http, connection)
            // Whoever came in time is heard while we drain, but not for long.
            arm(connection, drainDeadline == nil ? .idle : .linger)
        }
    }

    // MARK: Ends

    /// The peer broke the protocol, or the connection broke. An alert is on its way out and must
    /// not be overtaken by a reset, so what still comes is read and thrown away for a while.
    func readFailed(_ connection: Connection) {
        guard case .tls(let session) = connection.transport, session.hasFailed else {
            return end(connection, because: .broken)
        }
        if let engine = state.pointee.tls, connection.phase == .handshaking {
            logger.debug("a TLS handshake failed: \(engine.lastFailure)")
        }
        if connection.phase == .handshaking { counter.add(1, to: .handshakesFailed) }
        if logsAccess { abandonAccess(connection) }
        connection.state.pointee.outbox.removeAll()
        if session.isPlainHTTP {
            Self.plainHTTPAnswer.withUTF8Buffer { session.sendPlain(UnsafeRawBufferPointer($0)) }
        }
        end(connection, because: .tlsFailed)
    }

    /// For those who speak HTTP where HTTPS is spoken.
    private static let plainHTTPAnswer: StaticString = """
        HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
        Content-Length: 37\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n\
        this port speaks HTTPS: use https://\n
        """

    /// close_notify, unless bytes before it are lost: then the peer must see that something is
    /// missing (RFC 8446 §6.1). Where the peer has said its own and closed the connection behind
    /// it, nobody is left to hear ours: it would be answered with a reset.
    func sayGoodbye(_ connection: Connection) {
        guard case .tls(let session) = connection.transport, connection.outbox.isEmpty,
            !(session.peerHasClosed && connection.flags.contains(.hungUp))
        else { return }
        session.sayGoodbye()
    }
}
