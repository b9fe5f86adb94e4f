// One TLS connection over a socket: the handshake, records to plaintext and back, and the end. The
// session owns OpenSSL's state and what ciphertext the kernel did not take; every buffer is the
// engine's. A handshake is no call of its own: it goes on with each read, and its output waits here
// for the end of the tick, to leave together with the first answer.
//
//   waiting ─first bytes─► handshaking ──► established ─shutdownWrite─► discarding
//                               └─────── failed ───────────┘ (the alert is among the unsent)
//
// One worker's thread. RFC 5246, RFC 8446; the end after RFC 8446 §6.1 and RFC 9112 §9.8: a message
// that says its own length is whole even where close_notify is missing.

import CLinux
import COpenSSL
import MizuBytes
import MizuEventLoop

public final class TLSSession {
    /// The socket; its worker closes it.
    public let descriptor: Int32
    private var flags: Flags = []
    private let engine: TLSEngine
    /// OpenSSL's state; made with the first bytes, so that who only connects costs little.
    private var handle: OpaquePointer?
    /// Ciphertext that the kernel has not taken.
    var unsent: Waiting?
    /// Ciphertext that came and that OpenSSL has not seen, because the reader had no room.
    private var unread: Waiting?

    /// Bytes that wait; exists only while there are some.
    final class Waiting {
        var bytes: ByteBuffer
        init(_ content: UnsafeRawBufferPointer) {
            bytes = ByteBuffer(capacity: content.count)
            bytes.append(content)
        }
    }

    private struct Flags: OptionSet {
        let rawValue: UInt8
        /// OpenSSL holds plaintext, or `unread` has bytes: there is something to read without recv.
        static let holdsInput = Flags(rawValue: 1 << 0)
        /// The peer's close_notify came.
        static let peerClosed = Flags(rawValue: 1 << 1)
        /// Nothing more can be read or written but an alert.
        static let failed = Flags(rawValue: 1 << 2)
        /// Our writing side is closed; what comes is thrown away.
        static let discarding = Flags(rawValue: 1 << 3)
        /// The first bytes were a request in plain HTTP.
        static let plainHTTP = Flags(rawValue: 1 << 4)
    }

    /// Plaintext bytes that are encrypted before the kernel is asked.
    static let roundBytesMax = 128 * 1024
    /// What waits beyond it without being asked for (KeyUpdate and alerts that a peer provokes and
    /// does not take) ends the session.
    static let unaskedBytesMax = 256 * 1024

    /// - Parameter descriptor: a connected, non-blocking socket; the caller closes it.
    public init(_ descriptor: Int32, engine: TLSEngine) {
        self.descriptor = descriptor
        self.engine = engine
    }

    deinit { handle.map { co_session_free($0) } }

    /// Whether the handshake is done.
    public var isEstablished: Bool { handle.map { co_session_is_established($0) != 0 } ?? false }
    /// Whether the client came with a ticket that we understood.
    public var wasResumed: Bool { handle.map { co_session_was_resumed($0) != 0 } ?? false }
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
        let held = unread
        var left = Transport.Leftover.perhaps
        if flags.contains(.holdsInput) {
            offer(held?.bytes.readable ?? UnsafeRawBufferPointer(start: nil, count: 0))
        } else {
            let asked = min(room.count, engine.input.count)
            let count = cl_recv(descriptor, engine.input.baseAddress, asked)
            guard count > 0 else { return Transport.outcome(ofEmpty: count) }
            left = count < asked ? .none : .perhaps
            offer(UnsafeRawBufferPointer(rebasing: engine.input[..<count]))
        }
        let total = decrypt(into: room)
        keepInput(from: held)
        keepOutput()
        if flags.contains(.holdsInput) { left = .perhaps }
        guard flags.isDisjoint(with: [.failed, .peerClosed]) else {
            if total > 0 { return .bytes(total, left: .perhaps) }
            return flags.contains(.failed) ? Self.failure : .ended
        }
        return .bytes(total, left: left)
    }

    private static var failure: Transport.ReadOutcome {
        .failed(SystemError(call: "SSL_read", errno: 71))  // EPROTO
    }

    private func offer(_ ciphertext: UnsafeRawBufferPointer) {
        engine.wire.pointee.input = ciphertext.baseAddress?.assumingMemoryBound(to: UInt8.self)
        engine.wire.pointee.input_count = ciphertext.count
        engine.wire.pointee.output_count = 0
    }

    /// - Returns: plaintext bytes. Sets `holdsInput` where the room was too small for all.
    private func decrypt(into room: UnsafeMutableRawBufferPointer) -> Int {
        if handle == nil { handle = co_session_new(engine.context, engine.wire) }
        guard let handle, let base = room.baseAddress else {
            flags.insert(.failed)
            return 0
        }
        flags.remove(.holdsInput)
        var total = 0
        while total < room.count {
            let asked = room.count - total
            let count = co_session_read(handle, base + total, asked)
            if count > 0 {
                total += count
                // Less than asked for is a record's end; with no input behind it there is no more.
                if count < asked, engine.wire.pointee.input_count == 0 { return total }
                continue
            }
            switch count {
            case Int(CO_WANTS_INPUT): break
            case Int(CO_CLOSED): flags.insert(.peerClosed)
            default: noteFailure()
            }
            return total
        }
        if engine.wire.pointee.input_count > 0 || co_session_pending(handle) > 0 {
            flags.insert(.holdsInput)
        }
        return total
    }

    private func noteFailure() {
        flags.insert(.failed)
        var reason: UnsafePointer<CChar>?
        if co_failure(&reason) == Int32(CO_REASON_PLAIN_HTTP) {
            flags.insert(.plainHTTP)
        }
        engine.lastFailure.text = reason
    }

    /// Keeps what OpenSSL did not take of the input; `held` is where that came from, if not from
    /// the engine's buffer.
    private func keepInput(from held: Waiting?) {
        let rest = engine.wire.pointee.input_count
        guard flags.contains(.holdsInput), rest > 0 else {
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

    /// Keeps what OpenSSL wrote while it read: handshake messages, KeyUpdate, alerts.
    private func keepOutput() {
        guard engine.wire.pointee.output_count > 0 else { return }
        guard unsentBytes <= Self.unaskedBytesMax else {
            flags.insert(.failed)
            return
        }
        keep(engine.output)
    }

    private func keep(_ ciphertext: UnsafeRawBufferPointer) {
        if let unsent {
            unsent.bytes.append(ciphertext)
        } else {
            unsent = Waiting(ciphertext)
        }
    }

    private func discard(_ room: UnsafeMutableRawBufferPointer) -> Transport.ReadOutcome {
        let count = cl_recv(descriptor, room.baseAddress, room.count)
        guard count > 0 else { return Transport.outcome(ofEmpty: count) }
        return .bytes(count, left: count < room.count ? .none : .perhaps)
    }
}

// MARK: Writing

extension TLSSession {
    /// Encrypts `first` and then the queue, small pieces gathered into records of up to 16 KiB, at
    /// most 128 KiB of them, and sends what waits and all of that in one call (send(2)). What is
    /// encrypted counts as sent; what of it the kernel does not take is in `unsentBytes`.
    func write(_ first: UnsafeRawBufferPointer, then queue: SendQueue?) -> Transport.WriteOutcome {
        let wire = engine.wire
        wire.pointee.output_count = 0
        if let unsent {
            // A large rest goes alone; a small one takes along what is ready.
            guard unsent.bytes.count <= TLSEngine.recordBytesMax,
                unsent.bytes.readable.withMemoryRebound(
                    to: UInt8.self, { co_wire_put(wire, $0.baseAddress, $0.count) }) == 0
            else { return sendUnsent() }
        }
        var taken = 0
        if first.count > 0 || queue?.isEmpty == false {
            guard let handle, isEstablished, !flags.contains(.failed),
                let count = encrypt(first, queue, by: handle)
            else { return .failed(SystemError(call: "SSL_write", errno: 71)) }
            taken = count
        }
        let offered = engine.output.count
        guard offered > 0 else { return .sent(taken) }
        let sent = cl_send(descriptor, engine.output.baseAddress, offered)
        guard sent >= 0 || Transport.isFull(sent) else {
            unsent = nil
            return .failed(SystemError(call: "send", errno: Int32(truncatingIfNeeded: -sent)))
        }
        unsent = nil
        if sent < offered {
            keep(UnsafeRawBufferPointer(rebasing: engine.output[max(0, sent)...]))
        }
        engine.releaseLargeMemory()
        return unsent == nil ? .sent(taken) : .blocked(taken)
    }

    /// - Returns: plaintext bytes, all in the wire's output; nil where OpenSSL refuses.
    private func encrypt(
        _ first: UnsafeRawBufferPointer, _ queue: SendQueue?, by handle: OpaquePointer
    ) -> Int? {
        guard let queue, !queue.isEmpty else {
            let part = UnsafeRawBufferPointer(rebasing: first.prefix(Self.roundBytesMax))
            return seal(part, by: handle) ? part.count : nil
        }
        var gathered = 0
        var taken = 0
        var isFine = true
        func add(_ piece: UnsafeRawBufferPointer) -> Bool {
            var rest = UnsafeRawBufferPointer(rebasing: piece.prefix(Self.roundBytesMax - taken))
            while isFine, rest.count > 0 {
                var part = rest
                if gathered == 0, rest.count >= TLSEngine.recordBytesMax {
                    // Whole records leave from where they stand.
                    let whole = rest.count - rest.count % TLSEngine.recordBytesMax
                    part = UnsafeRawBufferPointer(rebasing: rest[..<whole])
                    isFine = seal(part, by: handle)
                } else {
                    part = UnsafeRawBufferPointer(
                        rebasing: rest.prefix(TLSEngine.recordBytesMax - gathered))
                    UnsafeMutableRawBufferPointer(rebasing: engine.record[gathered...])
                        .copyMemory(from: part)
                    gathered += part.count
                    if gathered == TLSEngine.recordBytesMax { sealGathered() }
                }
                taken += part.count
                rest = UnsafeRawBufferPointer(rebasing: rest[part.count...])
            }
            return isFine && taken < Self.roundBytesMax
        }
        func sealGathered() {
            let part = UnsafeRawBufferPointer(rebasing: engine.record[..<gathered])
            isFine = isFine && seal(part, by: handle)
            gathered = 0
        }
        if add(first) { queue.forEachUnsent(add) }
        if gathered > 0 { sealGathered() }
        return isFine ? taken : nil
    }

    private func seal(_ plaintext: UnsafeRawBufferPointer, by handle: OpaquePointer) -> Bool {
        guard plaintext.count > 0 else { return true }
        if co_session_write(handle, plaintext.baseAddress, plaintext.count) > 0 { return true }
        noteFailure()
        return false
    }

    /// Sends what waits, nothing new.
    private func sendUnsent() -> Transport.WriteOutcome {
        guard let unsent else { return .sent(0) }
        let sent = cl_send(descriptor, unsent.bytes.readable.baseAddress, unsent.bytes.count)
        guard sent >= 0 || Transport.isFull(sent) else {
            self.unsent = nil
            return .failed(SystemError(call: "send", errno: Int32(truncatingIfNeeded: -sent)))
        }
        if sent > 0 { unsent.bytes.consume(sent) }
        guard unsent.bytes.isEmpty else { return .blocked(0) }
        self.unsent = nil
        return .sent(0)
    }

    // MARK: The end

    /// Says close_notify, where everything before it has left, and sends no more. What comes is
    /// thrown away from now on.
    func shutdownWrite() {
        sayGoodbye()
        _ = cl_shutdown_write(descriptor)
        flags.insert(.discarding)
        handle.map { co_session_free($0) }
        handle = nil
        unread = nil
    }

    /// Sends close_notify, or the alert of a failure, as far as the kernel takes it at once;
    /// nothing where bytes before it cannot leave, so that the peer sees that something is missing.
    public func sayGoodbye() {
        guard !flags.contains(.discarding) else { return }
        if !flags.contains(.failed), let handle, isEstablished {
            offer(UnsafeRawBufferPointer(start: nil, count: 0))
            co_session_close(handle)
            if engine.output.count > 0 { keep(engine.output) }
        }
        _ = sendUnsent()
        unsent = nil
    }

    /// Sends `bytes` as they are, to a peer that speaks no TLS, as far as the kernel takes them.
    public func sendPlain(_ bytes: UnsafeRawBufferPointer) {
        _ = cl_send(descriptor, bytes.baseAddress, bytes.count)
    }
}
