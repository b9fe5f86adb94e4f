// A connection that we open: the socket, TLS over it where asked for, and the bytes that the kernel
// has not taken. Owns the descriptor and closes it in the end. The server's half is Transport.
// Knows no protocol above TLS, resolves no names. Non-blocking; one thread.

import CLinux
import Glibc
import MizuBytes
import MizuEventLoop

public final class ClientSocket {
    private let socket: Descriptor
    private let session: TLSClientSession?
    private let engine: TLSClientEngine?
    private var unsent = ByteBuffer(capacity: 1)

    public enum SendOutcome {
        /// The kernel has all of it.
        case sent
        /// Some of it waits here: call `flush` when the socket is writable.
        case queued
        case failed(SystemError)
    }

    /// Begins a connection (connect(2)); the socket becomes writable, or fails, when it is decided.
    /// - Parameters:
    ///   - address: numeric.
    ///   - source: a numeric address of this machine to come from; empty: the kernel chooses.
    ///   - engine: with one, the connection is TLS.
    public init(
        to address: String, port: UInt16, from source: String = "", engine: TLSClientEngine? = nil
    ) throws(SystemError) {
        socket = Descriptor(
            owning: try SystemError.check("connect", cl_connect_from(source, address, port)))
        self.engine = engine
        session = engine.flatMap { TLSClientSession($0) }
        if engine != nil, session == nil { throw SystemError.outOfMemory("SSL_new") }
    }

    /// The same to a socket in the file system (unix(7)), or of an abstract name that begins
    /// with @. Where its server is too busy to take one more, that is an error at once.
    public init(toPath path: String) throws(SystemError) {
        socket = Descriptor(owning: try SystemError.check("connect", cl_connect_stream(path)))
        engine = nil
        session = nil
    }

    /// To be registered with a poller.
    public var descriptor: Int32 { socket.raw }
    public var isSecure: Bool { engine != nil }
    /// Whether bytes wait for the kernel.
    @inlinable public var hasUnsent: Bool { unsentBytes > 0 }
    public var unsentBytes: Int { unsent.count }
    /// The fault that ended TLS; nil if there is none.
    public var tlsFailure: String? { session?.failure }
    /// Whether bytes can be sent: over TLS once the handshake is done.
    public var isEstablished: Bool { session.map { $0.isEstablished } ?? true }

    /// The error of the connection (SO_ERROR); nil if it stands. TLS begins its handshake.
    public func connected() -> SystemError? {
        let error = cl_socket_error(descriptor)
        guard error >= 0 else { return SystemError(call: "connect", errno: -error) }
        guard let session, let engine else { return nil }
        withUnsafeTemporaryAllocation(byteCount: 16, alignment: 16) { room in
            _ = session.take(.empty, into: room)
        }
        guard case .failed(let error) = put(engine.output) else { return nil }
        return error
    }

    /// Reads once (recv(2)). Over TLS it may give no bytes: a part of a record, or of the
    /// handshake, whose answers are sent.
    /// - Parameter room: over TLS at least `TLSClientEngine.roomBytesMin` bytes.
    @inline(__always)
    public func read(into room: UnsafeMutableRawBufferPointer) -> Transport.ReadOutcome {
        guard engine == nil else { return readSecure(into: room) }
        let count = cl_recv(socket.raw, room.baseAddress, room.count)
        if count > 0 { return .bytes(count, left: count < room.count ? .none : .perhaps) }
        return Transport.outcome(ofEmpty: count)
    }

    private func readSecure(into room: UnsafeMutableRawBufferPointer) -> Transport.ReadOutcome {
        guard let session, let engine else { return .ended }
        precondition(room.count >= TLSClientEngine.roomBytesMin, "too small a room for TLS")
        if session.peerHasClosed { return .ended }
        if session.failure != nil { return Self.brokenTLS }
        let asked = engine.input.count
        let count = cl_recv(socket.raw, engine.input.baseAddress, asked)
        guard count > 0 else { return Transport.outcome(ofEmpty: count) }
        let plaintext = session.take(
            engine.input.part(..<count), into: room)
        if engine.output.count > 0, case .failed(let error) = put(engine.output) {
            return .failed(error)
        }
        if plaintext == 0 {
            if session.failure != nil { return Self.brokenTLS }
            if session.peerHasClosed { return .ended }
        }
        // After the last word of a peer there is one more read, which says so.
        let isLast = session.peerHasClosed || session.failure != nil
        return .bytes(plaintext, left: count < asked && !isLast ? .none : .perhaps)
    }

    private static var brokenTLS: Transport.ReadOutcome {
        .failed(SystemError(call: "SSL_read", errno: EPROTO))
    }

    /// Sends `bytes`, encrypted over TLS; what the kernel does not take is kept and sent first.
    @inline(__always)
    public func send(_ bytes: UnsafeRawBufferPointer) -> SendOutcome {
        guard let session, let engine else { return put(bytes) }
        session.seal(bytes)
        guard session.failure == nil else {
            return .failed(SystemError(call: "SSL_write", errno: EPROTO))
        }
        return put(engine.output)
    }

    private func put(_ bytes: UnsafeRawBufferPointer) -> SendOutcome {
        guard unsent.isEmpty else {
            unsent.append(bytes)
            return flush()
        }
        let sent = cl_send(socket.raw, bytes.baseAddress, bytes.count)
        if sent == bytes.count { return .sent }
        guard sent >= 0 || Transport.isFull(sent) else {
            return .failed(SystemError(call: "send", errno: Int32(truncatingIfNeeded: -sent)))
        }
        unsent.append(bytes.part(max(0, sent)...))
        return .queued
    }

    /// Sends what waits.
    public func flush() -> SendOutcome {
        while !unsent.isEmpty {
            let waiting = unsent.readable
            let sent = cl_send(socket.raw, waiting.baseAddress, waiting.count)
            guard sent >= 0 || Transport.isFull(sent) else {
                return .failed(SystemError(call: "send", errno: Int32(truncatingIfNeeded: -sent)))
            }
            if sent > 0 { unsent.consume(sent) }
            if sent < waiting.count { return .queued }
        }
        // An idle connection keeps no buffer.
        unsent = ByteBuffer(capacity: 1)
        return .sent
    }

    /// Makes the close a reset, so that no port of ours waits in TIME_WAIT (SO_LINGER, socket(7)).
    public func resetOnClose() { _ = cl_reset_on_close(socket.raw) }
}
