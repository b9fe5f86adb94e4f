// Writing through TLS and the end of it: what is ready in a tick is sealed into as few records as
// hold it and sent in one call; what the kernel does not take waits as ciphertext. Then
// close_notify, which is said only where all before it has left. One worker's thread.

import CLinux
import COpenSSL
import Glibc
import MizuBytes
import MizuEventLoop

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
            guard isEstablished, !flags.contains(.failed), let count = encrypt(first, queue)
            else { return .failed(SystemError(call: "SSL_write", errno: EPROTO)) }
            taken = count
        }
        let offered = wire.pointee.output_count
        guard offered > 0 else { return .sent(taken) }
        let sent = cl_send(descriptor, wire.pointee.output, offered)
        guard sent >= 0 || Transport.isFull(sent) else {
            unsent = nil
            return .failed(SystemError(call: "send", errno: Int32(truncatingIfNeeded: -sent)))
        }
        unsent = nil
        if sent < offered {
            keep(engine.output.part(max(0, sent)...))
        }
        engine.releaseLargeMemory()
        return sent < offered ? .blocked(taken) : .sent(taken)
    }

    /// - Returns: plaintext bytes, all in the wire's output; nil where they cannot be sealed.
    private func encrypt(_ first: UnsafeRawBufferPointer, _ queue: SendQueue?) -> Int? {
        guard let queue, !queue.isEmpty else {
            let count = min(first.count, Self.roundBytesMax)
            return seal(UnsafeRawBufferPointer(start: first.baseAddress, count: count))
                ? count : nil
        }
        var place: UnsafeMutableRawPointer?
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
                    part = rest.part(..<whole)
                    isFine = seal(part)
                } else {
                    if gathered == 0 { place = placeToGather() }
                    part = UnsafeRawBufferPointer(
                        rebasing: rest.prefix(TLSEngine.recordBytesMax - gathered))
                    guard let place, let source = part.baseAddress else {
                        isFine = false
                        break
                    }
                    (place + gathered).copyMemory(from: source, byteCount: part.count)
                    gathered += part.count
                    if gathered == TLSEngine.recordBytesMax { sealAll() }
                }
                taken += part.count
                rest = rest.part(part.count...)
            }
            return isFine && taken < Self.roundBytesMax
        }
        func sealAll() {
            isFine = isFine && sealGathered(gathered)
            gathered = 0
        }
        if add(first) { queue.forEachUnsent(add) }
        if gathered > 0 { sealAll() }
        return isFine ? taken : nil
    }

    private func seal(_ plaintext: UnsafeRawBufferPointer) -> Bool {
        guard plaintext.count > 0 else { return true }
        let count =
            switch layer {
            case .channel(let channel):
                co_channel_write(channel, engine.wire, plaintext.baseAddress, plaintext.count)
            case .session(let session):
                co_session_write(session, plaintext.baseAddress, plaintext.count)
            case .none: 0
            }
        if count > 0 { return true }
        noteFailure()
        return false
    }

    /// Memory for the plaintext of one record: where a channel will seal it, or the engine's.
    private func placeToGather() -> UnsafeMutableRawPointer? {
        guard case .channel(let channel) = layer else { return engine.record.baseAddress }
        let place = co_channel_room(channel, engine.wire)
        if place == nil { noteFailure() }
        return place
    }

    private func sealGathered(_ count: Int) -> Bool {
        guard case .channel(let channel) = layer else {
            return seal(engine.record.part(..<count))
        }
        if co_channel_seal(channel, engine.wire, count) > 0 { return true }
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
        letGo()
        unread = nil
    }

    /// Sends close_notify, or the alert of a failure, as far as the kernel takes it at once;
    /// nothing where bytes before it cannot leave, so that the peer sees that something is missing.
    public func sayGoodbye() {
        guard !flags.contains(.discarding) else { return }
        if !flags.contains(.failed), isEstablished {
            offer(.empty)
            switch layer {
            case .none: break
            case .session(let session): co_session_close(session)
            case .channel(let channel): co_channel_close(channel, engine.wire)
            }
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
