// WebSocket on a connection (RFC 6455): the upgrade, frames to messages, what services may say, and
// the closing handshake. The protocol's rules are in the WebSocket room; this file does what it
// decides, with this worker's sockets and timers.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuWebSocket

/// How much waits for a socket.
public struct QueueFill: Sendable {
    public let bytes: Int
    public let messages: Int
    /// The kernel has not taken all that was sent in earlier ticks; `hasRoom` is called when it
    /// has.
    public let isBlocked: Bool
    /// At the limit: what the server would tell by itself should be left out.
    public let isFull: Bool
}

extension Worker {
    // MARK: The upgrade

    func upgrade(
        _ connection: Connection, _ request: borrowing Request, context: ResponseContext,
        service: Int, subprotocol: ByteSlice?
    ) {
        precondition(service < services.count, "no WebSocket service \(service)")
        if logsAccess { noteAccess(connection, user: request.user) }
        // Another parser might take the content for the first frames, or frames for content.
        guard request.head.framing == .none || request.head.framing == .length(0) else {
            var response = Response.text("a handshake has no content\n", status: .badRequest)
            response.connection = .close
            return write(response, for: context, to: connection)
        }
        do throws(HandshakeRefusal) {
            let handshake = try Self.handshake(
                request, minorVersion: Int(context.minorVersion), subprotocol: subprotocol,
                deflate: deflatePolicy)
            guard context.persistence != .close else {
                var response = Response.status(.serviceUnavailable)
                response.set("Retry-After", literal: "1")
                return write(response, for: context, to: connection)
            }
            compose(for: connection) { handshake.appendResponse(to: &$0) }
            connection.messages = MessageReader(role: .server, extensions: handshake.extensions)
            agree(on: handshake.extensions, connection)
        } catch {
            return write(Response(error), for: context, to: connection)
        }
        countAnswer(.switchingProtocols)
        if logsAccess { endAccess(connection, status: 101, bytes: 0) }
        enter(.webSocket, connection)
        connection.service = UInt8(truncatingIfNeeded: service)
        connection.sentTenth = tenth
        connection.receivedTenth = tenth
        arm(connection, .heartbeat)
        self.service(of: connection).opened(connection.token, request: request, on: self)
    }

    /// The fields that a handshake is judged by (RFC 6455 §4.2.1).
    private static var handshakeFields: [StaticString] {
        [
            "upgrade", "connection", "sec-websocket-version", "sec-websocket-key",
            "sec-websocket-protocol", "sec-websocket-extensions",
        ]
    }

    private static func handshake(
        _ request: borrowing Request, minorVersion: Int, subprotocol: ByteSlice?,
        deflate: DeflatePolicy?
    ) throws(HandshakeRefusal) -> Handshake {
        // The fields that the check asks for, copied out: a borrowed request cannot be captured.
        var values: [(name: StaticString, value: ByteSlice)] = []
        for name in handshakeFields {
            request.forEachValue(of: "\(name)") { values.append((name, ByteSlice(copying: $0))) }
        }
        let method = ByteSlice(request.methodName)
        return try method.withUnsafeBytes { (method) throws(HandshakeRefusal) in
            try Handshake(
                method: method, minorVersion: minorVersion,
                subprotocols: subprotocol.map { [$0] } ?? [], deflate: deflate
            ) { name, body in
                for (known, value) in values where "\(known)" == "\(name)" {
                    value.withUnsafeBytes { body($0) }
                }
            }
        }
    }

    // MARK: Frames

    /// Takes one message or control frame.
    func takeFrame(
        _ connection: Connection, _ bytes: UnsafeMutableRawBufferPointer
    ) -> InputStep {
        guard makeRoom(for: connection) == .free else { return .pause(0) }
        let inflater = inflater(of: connection)
        defer { inflater?.releaseLargeMemory() }
        let outcome = readMessage(connection, bytes, inflater)
        budget.spend(TickBudget.Price.message)
        let isAssembling = connection.messages?.isAssembling == true
        switch outcome {
        case nil: return .took(bytes.count)
        case .needMore(let consumed):
            // A frame's head in part is a beginning, too, and more of it no other one.
            if isAssembling || consumed < bytes.count { messageBegan(connection) }
            if isAssembling { holds(connection) }
            return .needMore(consumed)
        case .message(let kind, let payload, let consumed):
            messageEnded(connection)
            counter.add(1, to: .messagesReceived)
            countRead(payload, on: connection)
            if connection.closing.isOpen {
                let service = service(of: connection)
                if case .inflated(_, standAlone: let range?) = payload {
                    state.pointee.compressedMessage = UnsafeRawBufferPointer(rebasing: bytes[range])
                }
                payload.withUnsafeBytes(from: bytes) {
                    service.received($0, as: kind, from: connection.token, on: self)
                }
                state.pointee.compressedMessage = nil
            }
            return .took(consumed)
        case .passedOver(let consumed):
            messageEnded(connection)
            return .took(consumed)
        // It has been decided: `readMessage` asks.
        case .begins: return .took(bytes.count)
        case .ping(let range, let consumed):
            isAssembling ? messageBegan(connection) : messageEnded(connection)
            if connection.closing.isOpen {
                let payload = UnsafeRawBufferPointer(rebasing: bytes[range])
                send(.pong, payload, to: connection)
            }
            return .took(consumed)
        case .pong(_, let consumed):
            isAssembling ? messageBegan(connection) : messageEnded(connection)
            return .took(consumed)
        case .close(let code, _, _):
            perform(connection.closing.peerClosed(code), reason: "", on: connection)
            return .took(bytes.count)
        case .reject(let error):
            // A message beyond its limit was inflated up to there.
            if error == .messageTooBig || error == .badText { budget.spend(limits.messageBytesMax) }
            perform(
                connection.closing.failed(error), reason: "\(error.reason)", on: connection)
            return .took(bytes.count)
        }
    }

    /// Reads the next event; where a message begins on a metered socket, its service is asked
    /// before anything of it is unmasked or inflated.
    @inline(__always)
    private func readMessage(
        _ connection: Connection, _ bytes: UnsafeMutableRawBufferPointer, _ inflater: Inflater?
    ) -> ReadOutcome? {
        let outcome = connection.messages?.read(bytes, limits: messageLimits, inflater: inflater)
        guard case .begins = outcome else { return outcome }
        return readDecided(connection, bytes, inflater)
    }

    private func readDecided(
        _ connection: Connection, _ bytes: UnsafeMutableRawBufferPointer, _ inflater: Inflater?
    ) -> ReadOutcome? {
        let entry = service(of: connection).messageBegins(connection.token, on: self)
        if entry == .passOver, connection.messages?.mayPassOver == false {
            // What the peer says later looks back at what would be missing.
            close(connection, code: 1013, reason: "rate_limited")
        }
        connection.messages?.decide(entry)
        return connection.messages?.read(bytes, limits: messageLimits, inflater: inflater)
    }

    /// Asks the socket's service before each message, and tells it what comes in, from now on. For
    /// services that limit how often somebody may speak; others pay nothing for it.
    public func meter(_ socket: Token) { open(socket)?.messages?.askFirst() }

    func countReceived(_ count: Int, on connection: Connection) {
        guard connection.messages?.asks == true else { return }
        service(of: connection).took(count, from: connection.token, on: self)
    }

    /// A message was read: what that cost counts in the tick, and on the meter where it grew.
    private func countRead(_ payload: MessagePayload, on connection: Connection) {
        guard case .inflated(let bytes, _) = payload else { return budget.spend(payload.count) }
        budget.spend(bytes.count * TickBudget.Price.inflatedByte)
        countReceived(bytes.count, on: connection)
    }

    private func perform(
        _ action: CloseMachine.Action, reason: String, on connection: Connection
    ) {
        switch action {
        case .none: break
        case .sendClose(let code, let next):
            // What still comes is read for the peer's close frame alone.
            connection.messages?.shut()
            compose(for: connection) {
                FrameWriter.appendClose(code, reason: reason, to: &$0)
            }
            connection.sentTenth = tenth
            // Both have said it: we close first (§7.1.1), once ours is out.
            if next == .drop { end(connection, because: .finished) }
            arm(connection, .closeHandshake)
        case .dropSocket: end(connection, because: .finished)
        }
    }

    func send(
        _ opcode: Opcode, _ payload: UnsafeRawBufferPointer, to connection: Connection
    ) {
        compose(for: connection) { FrameWriter.append(opcode, payload, to: &$0) }
        countMessage(connection)
    }

    /// Counts what was just added to the output: what stands in the queue counts itself.
    func countMessage(_ connection: Connection) {
        connection.state.pointee.outbox.countMessage()
        counter.add(1, to: .messagesSent)
        connection.sentTenth = tenth
    }

    // MARK: What services say

    /// The service that a socket talks to; something happens that may give it work.
    func service(of connection: Connection) -> any WebSocketService {
        state.pointee.servicesAwake = true
        return services[Int(connection.service)]
    }

    /// This worker's instance of the service with that index in `ServerConfiguration.webSockets`;
    /// nil where there is none.
    public func service(_ index: Int) -> (any WebSocketService)? {
        state.pointee.servicesAwake = true
        return index >= 0 && index < services.count ? services[index] : nil
    }

    /// The connection of a socket that can still be told something.
    @inline(__always)
    func open(_ socket: Token) -> Connection? {
        guard let connection = connections[socket], connection.isOpenSocket else { return nil }
        return connection
    }

    /// Sends one message; nothing happens where the socket has gone or is closing.
    public func send(_ payload: UnsafeRawBufferPointer, as kind: MessageKind, to socket: Token) {
        guard let connection = open(socket) else { return }
        send(kind == .text ? .text : .binary, payload, to: connection)
    }

    /// Sends one text message.
    public func send(text payload: ByteSlice, to socket: Token) {
        payload.withUnsafeBytes { send($0, as: .text, to: socket) }
    }

    /// Sends a ping without payload.
    public func ping(_ socket: Token) {
        guard let connection = open(socket) else { return }
        send(.ping, UnsafeRawBufferPointer(start: nil, count: 0), to: connection)
    }

    /// How much waits for a socket; nil where it has gone or is closing.
    public func fill(of socket: Token) -> QueueFill? {
        var fill: QueueFill?
        withRecipient(socket) { recipient in
            fill = QueueFill(
                bytes: recipient.connection.pendingBytes,
                messages: recipient.connection.outbox.messageCount, isBlocked: recipient.isBlocked,
                isFull: makeRoom(for: recipient) == .full)
        }
        return fill
    }

    /// Begins the closing handshake; the socket is gone when the peer has answered, or after
    /// `closeHandshakeMilliseconds`.
    public func close(_ socket: Token, code: UInt16, reason: String) {
        guard let connection = open(socket) else { return }
        close(connection, code: code, reason: reason)
    }

    func close(_ connection: Connection, code: UInt16, reason: String) {
        // An app's number that may not stand on the wire (1005, 1006 …) is said as 1000.
        let wanted = CloseCode(rawValue: code)
        perform(
            connection.closing.closeLocally(wanted.isValidOnWire ? wanted : .normal),
            reason: reason, on: connection)
    }

    /// This worker's service of type `Service`, if it has one.
    public func service<Service: WebSocketService>(_ type: Service.Type) -> Service? {
        state.pointee.servicesAwake = true
        for case let service as Service in services { return service }
        return nil
    }

    // MARK: Silence

    /// The heartbeat's time has come: whoever was sent nothing gets a word, whoever says nothing
    /// gets a ping, and whoever does not answer that is gone.
    func heartbeat(_ connection: Connection) {
        guard silenceMilliseconds(of: connection) < limits.silenceMilliseconds else {
            return end(connection, because: .silent)
        }
        guard judgeMessage(connection) == .goOn else {
            return end(connection, because: .slowMessage)
        }
        let interval = limits.heartbeatMilliseconds
        if milliseconds(since: connection.sentTenth) + 100 >= interval {
            service(of: connection).heartbeat(connection.token, on: self)
        }
        if milliseconds(since: connection.receivedTenth) + 100 >= interval {
            ping(connection.token)
        }
        guard connection.isOpenSocket else { return }
        // The next word is due an interval after the last one.
        let quiet = milliseconds(since: connection.sentTenth)
        let wait = interval > quiet + 100 ? interval - quiet : interval
        updateTimer(of: connection, after: .beats(inMilliseconds: wait))
    }

    /// How long the peer has said nothing while we listened.
    private func silenceMilliseconds(of connection: Connection) -> UInt64 {
        min(milliseconds(since: connection.receivedTenth), pauses.listeningMilliseconds(at: now))
    }

    func milliseconds(since tenth: UInt32) -> UInt64 {
        UInt64(self.tenth - min(self.tenth, tenth)) * 100
    }
}

extension Response {
    /// The answer to a handshake that cannot be.
    init(_ refusal: HandshakeRefusal) {
        self = .text("\(refusal.message)\n", status: HTTPStatus(UInt16(refusal.status)))
        for field in refusal.fields where "\(field.name)" != "Connection" {
            set(field.name, literal: field.value)
        }
    }
}
