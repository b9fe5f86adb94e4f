// TLS connections in the loop: how many handshakes are open, how many steps of them a tick takes,
// and what follows a read: output that was not asked for, the end of the handshake, or its failure.
// The handshake itself is part of `Transport.read`; everything else treats both kinds alike.
//
// A step costs far more than a request, so a tick takes a few; the others wait for the next one in
// the order in which they came, and open connections are served in between. Beyond the cap nobody
// is accepted at the TLS listeners: the kernel's queue holds those who come.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuTransport

/// A worker's open handshakes.
struct HandshakeLoad {
    /// Connections in phase `handshaking`.
    var open = 0
    /// Steps that this tick may still take.
    var stepsLeft = 0
    /// Connections in the run-again list that found no step left.
    var waiting = 0
    /// Those in the run-again list are being served.
    var servesWaiting = false
    /// The cap was reached and clients may stand in the listeners' queues.
    var listenersWait = false
    /// Those that began, the oldest first; `first` is where it begins. Some have left since.
    private var begun: [(connection: Token, since: Instant)] = []
    private var first = 0

    mutating func begin(_ connection: Token, at now: Instant) {
        begun.append((connection, now))
        open += 1
    }

    /// The oldest that `isOpen`, and since when it is; forgets those before it. Amortised O(1).
    mutating func oldest(
        where isOpen: (Token) -> Bool
    ) -> (connection: Token, since: Instant)? {
        while first < begun.count, !isOpen(begun[first].connection) { first += 1 }
        if first > 1024, first > begun.count / 2 {
            begun.removeFirst(first)
            first = 0
        }
        return first < begun.count ? begun[first] : nil
    }
}

extension Worker {
    var handshakes: HandshakeLoad {
        @inline(__always) _read { yield state.pointee.handshakes }
        @inline(__always) _modify { yield &state.pointee.handshakes }
    }

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

    /// Whether one more may be accepted at `listener`; a TLS listener must wait at the cap.
    func mayAccept(at listener: Int) -> Bool {
        guard listener >= server.plainListeners,
            handshakes.open >= limits.workerHandshakesMax, acceptState == .open
        else { return true }
        // Room is made only for somebody who is there (`beginHandshake`).
        if handshakeIsOverdue { return true }
        handshakes.listenersWait = true
        return false
    }

    func beginHandshake(_ connection: Connection) {
        enter(.handshaking, connection)
        // Asking also forgets those that have left: the list is as long as a few seconds are.
        if handshakeIsOverdue, handshakes.open >= limits.workerHandshakesMax {
            displaceOldestHandshake()
        }
        handshakes.begin(connection.token, at: now)
        // Set once: nothing that the peer sends puts it off.
        arm(connection, .handshake)
    }

    private func oldestHandshake() -> (connection: Token, since: Instant)? {
        state.pointee.handshakes.oldest { connections[$0]?.phase == .handshaking }
    }

    /// When the oldest open handshake has had its grace; nil where none is open.
    var handshakeGraceEnds: Instant? {
        oldestHandshake()?.since.adding(milliseconds: limits.handshakeGraceMilliseconds)
    }

    private var handshakeIsOverdue: Bool { handshakeGraceEnds.map { now >= $0 } ?? false }

    /// Ends the oldest open handshake to make room: silence at the door keeps nobody out.
    private func displaceOldestHandshake() {
        guard let oldest = oldestHandshake(), let connection = connections[oldest.connection]
        else { return }
        end(connection, because: .crowdedOut)
    }

    /// Accepts those who waited for the cap.
    func acceptAtFreeHandshakes() {
        guard handshakes.open < limits.workerHandshakesMax || handshakeIsOverdue else { return }
        handshakes.listenersWait = false
        for position in listeners.indices where position >= server.plainListeners {
            accept(at: position)
        }
    }

    // MARK: Steps

    /// Whether the handshake may go on in this tick; if not, it is in the list of the next one.
    func takeHandshakeStep(_ connection: Connection) -> Bool {
        guard connection.flags.contains(.mayRead) else { return true }
        let isItsTurn = handshakes.servesWaiting || handshakes.waiting == 0
        guard isItsTurn, handshakes.stepsLeft > 0 else {
            handshakes.waiting += 1
            goOnNextTick(connection)
            return false
        }
        handshakes.stepsLeft -= 1
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
        if logsAccess { abandonAccess(connection) }
        connection.queue = nil
        connection.flags.remove(.sharesFrame)
        connection.arenaCount = 0
        connection.arenaMessages = 0
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
        guard case .tls(let session) = connection.transport, connection.arenaCount == 0,
            connection.queue == nil,
            !(session.peerHasClosed && connection.flags.contains(.hungUp))
        else { return }
        session.sayGoodbye()
    }
}
