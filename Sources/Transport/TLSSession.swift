// One TLS connection over a socket: the handshake, records to plaintext and back, and the end. The
// session owns its keys and what ciphertext the kernel did not take; every buffer is the engine's.
// A handshake is no call of its own: it goes on with each read, and its output waits here for the
// end of the tick, to leave together with the first answer. OpenSSL shakes hands; once that is done
// a session of TLS 1.3 takes the keys over into a channel (`TLSSession+Records.swift`) and lets go
// of OpenSSL's state, while one of TLS 1.2 keeps it to the end.
//
//   waiting ─first bytes─► handshaking ──► established ─shutdownWrite─► discarding
//                               └─────── failed ───────────┘ (the alert is among the unsent)
//
// One worker's thread. RFC 5246, RFC 8446; the end after RFC 8446 §6.1 and RFC 9112 §9.8: a message
// that says its own length is whole even where close_notify is missing.

import CLinux
import COpenSSL
import Glibc
import MizuBytes
import MizuEventLoop

public final class TLSSession {
    // In an order that leaves no gaps: 64 bytes with malloc's own.
    var layer = Layer.none
    var flags: Flags = []
    /// The socket; its worker closes it.
    public let descriptor: Int32
    let engine: TLSEngine
    /// Ciphertext that the kernel has not taken.
    var unsent: Waiting?
    /// Input that was not handed on: a part of a record, or more than the reader had room for.
    var unread: Waiting?

    /// The layer that seals and opens.
    enum Layer {
        /// Nobody yet, so that who only connects costs little; or nobody any more.
        case none
        /// OpenSSL's `SSL`: during the handshake, and with TLS 1.2.
        case session(OpaquePointer)
        /// The keys alone.
        case channel(OpaquePointer)
    }

    /// Bytes that wait; exists only while there are some.
    final class Waiting {
        var bytes: ByteBuffer
        /// How many of them, at the front, are plaintext already.
        var opened = 0
        /// The ledger of its memory, and how much is counted there.
        private let ledger: ByteLedger?
        private var charged = 0

        init(_ content: UnsafeRawBufferPointer, charging ledger: ByteLedger? = nil) {
            bytes = ByteBuffer(capacity: content.count)
            self.ledger = ledger
            append(content)
        }

        deinit { ledger?.subtract(charged) }

        func append(_ content: UnsafeRawBufferPointer) {
            bytes.append(content)
            guard let ledger, bytes.capacity != charged else { return }
            ledger.add(bytes.capacity - charged)
            charged = bytes.capacity
        }
    }

    struct Flags: OptionSet {
        let rawValue: UInt8
        /// OpenSSL holds plaintext, or `unread` has some or a whole record: there is something to
        /// read without recv.
        static let holdsInput = Flags(rawValue: 1 << 0)
        /// The peer's close_notify came.
        static let peerClosed = Flags(rawValue: 1 << 1)
        /// Nothing more can be read or written but an alert.
        static let failed = Flags(rawValue: 1 << 2)
        /// Our writing side is closed; what comes is thrown away.
        static let discarding = Flags(rawValue: 1 << 3)
        /// The first bytes were a request in plain HTTP.
        static let plainHTTP = Flags(rawValue: 1 << 4)
        /// The handshake is done, and there are keys.
        static let established = Flags(rawValue: 1 << 5)
        /// The client came with a ticket that we understood.
        static let resumed = Flags(rawValue: 1 << 6)
        static let version13 = Flags(rawValue: 1 << 7)
    }

    /// Plaintext bytes that are encrypted before the kernel is asked.
    static let roundBytesMax = 128 * 1024
    /// Bytes beyond it that wait without being asked for (KeyUpdate and alerts that a peer provokes
    /// and does not take) end the session.
    static let unaskedBytesMax = 256 * 1024

    /// - Parameter descriptor: a connected, non-blocking socket; the caller closes it.
    public init(_ descriptor: Int32, engine: TLSEngine) {
        self.descriptor = descriptor
        self.engine = engine
    }

    deinit { letGo() }

    /// Frees the keys, wiped.
    func letGo() {
        switch layer {
        case .none: break
        case .session(let session): co_session_free(session)
        case .channel(let channel): co_channel_free(channel, engine.wire)
        }
        layer = .none
        flags.remove(.established)
    }

    /// Whether the handshake is done.
    public var isEstablished: Bool { flags.contains(.established) }
    /// Whether it is TLS 1.3, once the handshake is done; else it is 1.2.
    public var isVersion13: Bool { flags.contains(.version13) }
    /// Whether the client came with a ticket that we understood.
    public var wasResumed: Bool { flags.contains(.resumed) }
    /// Whether the peer's close_notify came.
    public var peerHasClosed: Bool { flags.contains(.peerClosed) }
    public var hasFailed: Bool { flags.contains(.failed) }
    /// Whether the peer spoke plain HTTP; then nothing of TLS has been said yet.
    public var isPlainHTTP: Bool { flags.contains(.plainHTTP) }
    /// Ciphertext bytes that wait for the kernel.
    public var unsentBytes: Int { unsent?.bytes.count ?? 0 }

    // MARK: Reading

    /// Reads once (recv(2)) at most and decrypts all that came into `room`. During the handshake
    /// that is nothing, and `unsentBytes` may have grown. `room` must not be empty.
    func read(into room: UnsafeMutableRawBufferPointer) -> Transport.ReadOutcome {
        if flags.contains(.discarding) { return discard(room) }
        if flags.contains(.failed) { return Self.failure }
        if flags.contains(.peerClosed) { return .ended }
        if case .channel(let channel) = layer { return readRecords(into: room, by: channel) }
        let held = unread
        var left = Transport.Leftover.perhaps
        if flags.contains(.holdsInput) {
            offer(held?.bytes.readable ?? .empty)
        } else {
            let asked = min(room.count, engine.options.readBytesMax)
            let count = cl_recv(descriptor, engine.input.baseAddress, asked)
            guard count > 0 else { return Transport.outcome(ofEmpty: count) }
            left = count < asked ? .none : .perhaps
            offer(engine.input.part(..<count))
        }
        let total = decrypt(into: room)
        return outcome(of: total, left: left, from: held)
    }

    /// The end of each read that had input: keeps what is left of it, and what was written.
    /// - Parameter held: where the input came from, if not from the engine's buffer.
    func outcome(
        of total: Int, left: Transport.Leftover, from held: Waiting?
    ) -> Transport.ReadOutcome {
        keepInput(from: held)
        if case .channel(let channel) = layer { payWhatIsOwed(by: channel) }
        keepOutput()
        guard flags.isDisjoint(with: [.failed, .peerClosed]) else {
            if total > 0 { return .bytes(total, left: .perhaps) }
            return flags.contains(.failed) ? Self.failure : .ended
        }
        return .bytes(total, left: flags.contains(.holdsInput) ? .perhaps : left)
    }

    private static var failure: Transport.ReadOutcome {
        .failed(SystemError(call: "SSL_read", errno: EPROTO))
    }

    func offer(_ ciphertext: UnsafeRawBufferPointer) {
        engine.wire.pointee.input = ciphertext.baseAddress?.assumingMemoryBound(to: UInt8.self)
        engine.wire.pointee.input_count = ciphertext.count
        engine.wire.pointee.output_count = 0
    }

    /// Decrypts with OpenSSL, or with the channel what follows the handshake in the same read.
    /// - Returns: plaintext bytes. Sets `holdsInput` where the room was too small for all.
    private func decrypt(into room: UnsafeMutableRawBufferPointer) -> Int {
        if case .none = layer, let made = co_session_new(engine.context, engine.wire) {
            layer = .session(made)
        }
        guard case .session(let session) = layer else {
            flags.insert(.failed)
            return 0
        }
        if !isEstablished {
            guard shakeHands(session) else { return 0 }
            if case .channel(let channel) = layer { return openRecords(into: room, by: channel) }
        }
        return decrypt(into: room, by: session)
    }

    /// - Returns: whether the handshake is done.
    private func shakeHands(_ session: OpaquePointer) -> Bool {
        let result = co_session_handshake(session, engine.wire)
        guard result == 1 else {
            note(result)
            return false
        }
        flags.insert(.established)
        if co_session_was_resumed(session) != 0 { flags.insert(.resumed) }
        if co_session_is_version_13(session) != 0 { flags.insert(.version13) }
        if engine.options.recordLayer == .own,
            let channel = co_channel_new(session, engine.wire)
        {
            co_session_free(session)
            layer = .channel(channel)
        }
        return true
    }

    private func decrypt(
        into room: UnsafeMutableRawBufferPointer, by session: OpaquePointer
    ) -> Int {
        guard let base = room.baseAddress else { return 0 }
        flags.remove(.holdsInput)
        var total = 0
        while total < room.count {
            let asked = room.count - total
            let count = co_session_read(session, base + total, asked)
            guard count > 0 else {
                note(count)
                return total
            }
            total += count
            // Less than asked for is a record's end; with no input behind it there is no more.
            if count < asked, engine.wire.pointee.input_count == 0 { return total }
        }
        if engine.wire.pointee.input_count > 0 || co_session_pending(session) > 0 {
            flags.insert(.holdsInput)
        }
        return total
    }

    /// Takes note of how reading ended.
    func note(_ result: Int) {
        switch result {
        case Int(CO_WANTS_INPUT): break
        case Int(CO_CLOSED): flags.insert(.peerClosed)
        default: noteFailure()
        }
    }

    func noteFailure() {
        flags.insert(.failed)
        var reason: UnsafePointer<CChar>?
        if co_failure(&reason) == Int32(CO_REASON_PLAIN_HTTP) {
            flags.insert(.plainHTTP)
        }
        engine.lastFailure.text = reason
    }

    /// Keeps what was not taken of the input.
    private func keepInput(from held: Waiting?) {
        let rest = engine.wire.pointee.input_count
        guard flags.isDisjoint(with: [.failed, .peerClosed]) else {
            unread = nil
            return
        }
        if let unread, unread !== held { return }  // made by `openLarge`, and it has the rest
        guard rest > 0 else {
            unread = nil
            return
        }
        if let held {
            held.bytes.consume(held.bytes.count - rest)
        } else {
            unread = Waiting(
                UnsafeRawBufferPointer(start: engine.wire.pointee.input, count: rest))
        }
    }

    /// Keeps what was written while we read: handshake messages, KeyUpdate, alerts.
    private func keepOutput() {
        guard engine.wire.pointee.output_count > 0 else { return }
        guard unsentBytes <= Self.unaskedBytesMax else {
            flags.insert(.failed)
            return
        }
        keep(engine.output)
    }

    func keep(_ ciphertext: UnsafeRawBufferPointer) {
        if let unsent {
            unsent.append(ciphertext)
        } else {
            unsent = Waiting(ciphertext, charging: engine.queued)
        }
    }

    private func discard(_ room: UnsafeMutableRawBufferPointer) -> Transport.ReadOutcome {
        let count = cl_recv(descriptor, room.baseAddress, room.count)
        guard count > 0 else { return Transport.outcome(ofEmpty: count) }
        return .bytes(count, left: count < room.count ? .none : .perhaps)
    }
}
