// How connections of the load come to be and end: connect, TLS, upgrade, and back to the list where
// the server ended one in peace.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuTransport
import MizuWebSocket

extension LoadLoop {
    func openMore(now: Instant) {
        while opening < settings.openingMax, let number = unopened.popLast() {
            do throws(SystemError) {
                try open(number, now: now)
            } catch {
                talk.tally.faults.add(Fault(.connect, "\(error)"))
            }
        }
    }

    private func open(_ number: Int, now: Instant) throws(SystemError) {
        let socket = try ClientSocket(
            to: address, port: settings.url.port,
            from: settings.source(ofConnection: number, to: address), engine: engine)
        let state = talk.state(ofConnection: number)
        let peer = peers.insert { token in
            Peer(token: token, number: number, socket: socket, state: state)
        }
        do throws(SystemError) {
            try poller.register(socket.descriptor, data: peer.token.bits)
        } catch {
            peers.retire(peer.token)
            throw error
        }
        opening += 1
        let patience = UInt64(settings.openTimeout * 1000)
        wheel.set(peer.token.index, deadline: now.adding(milliseconds: patience))
    }

    func connected(_ peer: Peer<Talk.State>) {
        if let error = peer.socket.connected() {
            return fail(peer, Fault(.connect, "\(settings.url.authority): \(error.reason)"))
        }
        if peer.socket.isSecure {
            peer.phase = .securing
        } else {
            secured(peer)
        }
    }

    /// Bytes can be sent.
    func secured(_ peer: Peer<Talk.State>) {
        guard talk.usesWebSocket(connection: peer.number) else { return opened(peer) }
        let handshake = ClientHandshake(
            nonce: Randomness.bytes(16), deflate: settings.deflateOffer)
        peer.phase = .upgrading(handshake)
        RequestText.appendUpgrade(
            handshake, target: talk.webSocketTarget ?? settings.url.target, settings, to: &out)
        send(peer)
    }

    /// Reads the answer to the upgrade, once its head is whole.
    /// - Returns: how many bytes are done with.
    func readUpgrade(
        _ input: UnsafeMutableRawBufferPointer, from peer: Peer<Talk.State>,
        of handshake: ClientHandshake
    ) -> Int {
        let bytes = UnsafeRawBufferPointer(input)
        switch ResponseParser.parse(bytes, into: &head, answering: .get) {
        case .needMore: return 0
        case .reject(let reject):
            fail(peer, Fault(.malformed, "the answer to the upgrade: \(reject.message)"))
            return input.count
        case .head(let consumed):
            do throws(HandshakeFailure) {
                let agreed = try handshake.verify(status: Int(head.status.code)) { name, value in
                    for field in head.fields
                    where ASCII.equalIgnoringCase(field.name.bytes(in: bytes), name) {
                        value(field.value.bytes(in: bytes))
                    }
                }
                guard let agreement = deflateRoom.agree(agreed.extensions) else {
                    fail(peer, Fault(.upgrade, "out of memory for permessage-deflate"))
                    return consumed
                }
                peer.deflate = agreement
                peer.reader = MessageReader(role: .client, extensions: agreed.extensions)
                opened(peer)
            } catch {
                fail(peer, Fault(.upgrade, Self.sentence(error)))
            }
            return consumed
        }
    }

    private static func sentence(_ failure: HandshakeFailure) -> String {
        switch failure {
        case .status(let code): "the upgrade was answered with \(code)"
        case .missingUpgrade: "the answer to the upgrade lacks Upgrade or Connection"
        case .badAccept: "Sec-WebSocket-Accept is wrong"
        case .badSubprotocol: "the server chose a subprotocol that was not offered"
        case .badExtension: "the server chose an extension that was not offered like this"
        }
    }

    private func opened(_ peer: Peer<Talk.State>) {
        peer.phase = .open
        talk.tally.opened += 1
        do throws(Fault) {
            try talk.opened(peer, &out)
            send(peer)
        } catch {
            return fail(peer, error)
        }
        noteReady(peer)
    }

    /// Sees whether the conversation has called a connection ready.
    func noteReady(_ peer: Peer<Talk.State>) {
        guard peer.isReady, wheel.isSet(peer.token.index) else { return }
        wheel.cancel(peer.token.index)
        opening -= 1
        readyCount += 1
        if stage == .measuring { turns.append(peer.token) }
    }

    /// The server sent its last byte.
    func end(_ peer: Peer<Talk.State>) {
        guard peer.isOpen else {
            let what = peer.socket.isSecure ? "during the handshake" : "before it was open"
            return fail(peer, Fault(.closed, "the server ended a connection \(what)"))
        }
        do throws(Fault) {
            try talk.ended(peer)
        } catch {
            return fail(peer, error)
        }
        replace(peer)
    }

    /// Closes a connection in peace; while there is load another one takes its place.
    func replace(_ peer: Peer<Talk.State>) {
        guard peers[peer.token] === peer else { return }
        drop(peer)
        guard stage <= .measuring else { return }
        talk.tally.reopened += 1
        unopened.append(peer.number)
    }

    /// Counts what went wrong and drops the connection.
    func fail(_ peer: Peer<Talk.State>, _ fault: Fault) {
        guard peers[peer.token] === peer else { return }
        out.removeAll()
        talk.tally.faults.add(fault)
        drop(peer)
        talk.lost(peer)
    }

    private func drop(_ peer: Peer<Talk.State>) {
        if wheel.isSet(peer.token.index) {
            wheel.cancel(peer.token.index)
            opening -= 1
        } else {
            readyCount -= 1
        }
        peer.phase = .closed
        poller.unregister(peer.socket.descriptor)
        peers.retire(peer.token)
    }
}
