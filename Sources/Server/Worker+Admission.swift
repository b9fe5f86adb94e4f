// How a connection is let in or turned away, and whose it is. Whoever may not come in is told so
// at once, in bytes that one send takes, and then given a moment to read it; a few at a time, so
// that a crowd at the door costs nothing but the door.
//
// Where a trusted proxy writes PROXY headers, its connections begin in `proxyHeader`: the header is
// looked at in the socket and taken off it alone, so that what follows, plain or TLS, is untouched.

import CLinux
import MizuBytes
import MizuDoor
import MizuEventLoop
import MizuHTTP
import MizuTransport

extension Worker {
    /// A connection was accepted. The edge for bytes that are there already comes with the next
    /// wait.
    /// - Parameter listener: a place in `listeners`.
    func admit(_ raw: Int32, _ peer: PeerAddress, at listener: Int) {
        switch verdict(on: peer) {
        case .admitted(let isCounted):
            letIn(transport(of: raw, at: listener), peer, isCounted: isCounted)
        case let verdict:
            // Who came for TLS could not read it, and a handshake would cost more than is left.
            if listener >= server.plainListeners {
                countRefused(verdict)
                _ = cl_close(raw)
            } else {
                turnAway(.plain(raw), peer, verdict)
            }
        }
    }

    #if DEBUG
        /// What `admit` does, for a connection that no listener gave: a test's pipe in memory.
        func admit(_ transport: Transport, _ peer: PeerAddress) {
            switch verdict(on: peer) {
            case .admitted(let isCounted): letIn(transport, peer, isCounted: isCounted)
            case let verdict: turnAway(transport, peer, verdict)
            }
        }
    #endif

    /// Whether `peer` may have one connection more, which is counted then.
    private func verdict(on peer: PeerAddress) -> Admission.Verdict {
        guard connections.count - turnedAway < limits.workerConnectionsMax else {
            logFull()
            return .full
        }
        let verdict = admission.enter(peer)
        if case .full = verdict { logFull() }
        return verdict
    }

    private func letIn(_ transport: Transport, _ peer: PeerAddress, isCounted: Bool) {
        let isProxy = admission.proxies.contains(peer)
        var arrival: Connection.Arrival = isCounted ? .addressCounted : []
        if isProxy { arrival.insert(.viaProxy) }
        guard let connection = addConnection(transport, peer: peer, arrival) else { return }
        if isProxy, proxyProtocol == .required {
            enter(.proxyHeader, connection)
            arm(connection, .head)
        } else {
            begin(connection)
        }
    }

    /// Whose connection it is is known: what comes is a handshake or a request.
    /// - Returns: whether it may be read now.
    @discardableResult
    private func begin(_ connection: Connection) -> Bool {
        guard connection.transport.isSecure else {
            enter(.http, connection)
            arm(connection, .idle)
            return true
        }
        // A handshake costs more than anything that follows: an address has so many of them.
        if !connection.arrival.contains(.viaProxy),
            !server.admitsHandshake(connection.peer, now: now)
        {
            end(connection, because: .crowdedOut)
            return false
        }
        beginHandshake(connection)
        return true
    }

    /// What ends with a connection, wherever it ends.
    func releaseAdmission(of connection: Connection) {
        if connection.arrival.contains(.turnedAway) {
            turnedAway -= 1
        } else {
            admission.leave(connection.arrival.contains(.addressCounted) ? connection.peer : nil)
        }
    }

    // MARK: Who may not come in

    private func turnAway(
        _ transport: Transport, _ peer: PeerAddress, _ verdict: Admission.Verdict
    ) {
        countRefused(verdict)
        sendRefusal(verdict, to: transport)
        guard turnedAway < limits.turnedAwayMax else { return transport.close() }
        turnedAway += 1
        guard let connection = addConnection(transport, peer: peer, .turnedAway) else { return }
        end(connection, because: .turnedAway)
    }

    private func countRefused(_ verdict: Admission.Verdict) {
        if case .full = verdict {
            counter.add(1, to: .refusedFull)
        } else {
            counter.add(1, to: .refusedAddress)
        }
    }

    /// Writes the refusal to a socket that is new, so that its send buffer takes all of it.
    func sendRefusal(_ verdict: Admission.Verdict, to transport: Transport) {
        var output = ByteBuffer(capacity: 512)
        _ = ResponseWriter.write(
            Admission.refusal(verdict), for: .refused, date: state.pointee.date, into: &output)
        _ = transport.write(output.readable, then: nil)
    }

    /// One line for one episode. Crowded addresses are not logged: there may be very many.
    private func logFull() {
        guard state.pointee.crowding.occurs(at: now) == .isNews else { return }
        logger.warning("the limit of connections is reached: new ones get 503 until old ones end")
    }

    // MARK: Behind a proxy

    /// One line a minute: a balancer that only looks whether the port is open is no flood of them.
    private func logBadProxyHeader() {
        guard state.pointee.badProxyHeaders.occurs(at: now) == .isNews else { return }
        logger.warning(
            "a trusted proxy sent no PROXY header: set PROXY_PROTOCOL=off or set up the proxy")
    }

    /// Takes the PROXY header off the connection, once it is there.
    /// - Returns: whether the connection may be read now.
    func takeProxyHeader(_ connection: Connection) -> Bool {
        // One byte more than the largest, so that a larger one is seen to be too large.
        let outcome = withUnsafeTemporaryAllocation(
            byteCount: ProxyHeader.blockBytesMax + 1, alignment: 8
        ) { room -> ProxyHeader? in
            switch connection.transport.peek(into: room) {
            case .bytes(let count, _):
                return ProxyHeader(UnsafeRawBufferPointer(rebasing: room[..<count]))
            case .wouldBlock: return .needMore
            case .ended, .failed: return nil
            }
        }
        switch outcome {
        case nil:
            end(connection, because: .peerEnded)
            return false
        case .needMore:
            // The next byte brings an edge; after a hang-up there is none and nothing will come.
            if connection.flags.contains(.hungUp) { end(connection, because: .peerEnded) }
            connection.flags.remove(.mayRead)
            return false
        case .malformed:
            logBadProxyHeader()
            turnAway(connection, with: Response(Self.badProxyHeader))
            return false
        case .header(let count, let origin):
            connection.transport.drop(count)
            if case .client(let client, let isSecure) = origin,
                !name(connection, as: client, isSecure ? .viaSecureProxy : [])
            {
                return false
            }
            return begin(connection)
        }
    }

    private static let badProxyHeader = HTTPError(
        .badRequest, code: "invalid_request", message: "the PROXY header is missing or malformed")

    /// Says why before the first request, where the client could read that.
    private func turnAway(_ connection: Connection, with response: Response) {
        guard !connection.transport.isSecure else {
            return end(connection, because: .noProxyHeader)
        }
        enter(.http, connection)
        write(response, for: .refused, to: connection)
    }

    /// From now on the connection is `client`'s.
    /// - Returns: whether that may have one more.
    private func name(
        _ connection: Connection, as client: PeerAddress, _ arrival: Connection.Arrival
    ) -> Bool {
        connection.peer = client
        connection.arrival.remove(.viaProxy)
        connection.arrival.insert(arrival)
        if admission.proxies.contains(client) {
            connection.arrival.insert(.viaProxy)
            return true
        }
        switch admission.addresses?.enter(client) {
        case .counted: connection.arrival.insert(.addressCounted)
        case .free, nil: break
        case .refused:
            turnAway(connection, with: Admission.refusal(.addressFull))
            return false
        }
        return true
    }

    /// Whose request it is, by which scheme it came and whom it asked, where a proxy stands in
    /// front.
    func forwarded(
        _ connection: Connection, _ headBytes: UnsafeRawBufferPointer, over scheme: Scheme
    ) -> (peer: PeerAddress, scheme: Scheme, host: HeadRange) {
        let told: Scheme = connection.arrival.contains(.viaSecureProxy) ? .https : scheme
        guard connection.arrival.contains(.viaProxy) else {
            return (connection.peer, told, head.host)
        }
        let proxies = admission.proxies
        return (
            proxies.client(head, in: headBytes, from: connection.peer),
            proxies.scheme(head, in: headBytes) ?? told,
            proxies.host(head, in: headBytes) ?? head.host
        )
    }
}
