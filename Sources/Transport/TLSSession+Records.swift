// Reading with keys of our own: from the kernel into the engine's buffer, record by record into the
// reader's room. What is no whole record yet is kept with the session, and so is what the room was
// too small for; nothing else is. The rules of the records are in `CShims/COpenSSL/Record.c`.
// One worker's thread. RFC 8446 §5.

import CLinux
import COpenSSL
import MizuBytes

extension TLSSession {
    /// As `read`. Between two reads it holds: `unread` is the beginning of one record, or
    /// `holdsInput` is set.
    func readRecords(
        into room: UnsafeMutableRawBufferPointer, by channel: OpaquePointer
    ) -> Transport.ReadOutcome {
        guard !flags.contains(.holdsInput) else { return readHeld(into: room, by: channel) }
        let kept = unread?.bytes.count ?? 0
        let asked = min(room.count, engine.options.readBytesMax)
        // Behind what is kept there is room for that much; see `TLSEngine.input`.
        let target = engine.input.mutablePart(kept...)
        let count = cl_recv(descriptor, target.baseAddress, asked)
        guard count > 0 else { return Transport.outcome(ofEmpty: count) }
        let left = count < asked ? Transport.Leftover.none : .perhaps
        if let unread {
            let received = target.part(..<count)
            guard Self.completes(unread.bytes.readable, received) else {
                unread.bytes.append(received)
                return .bytes(0, left: left)
            }
            // At most once for each record, however small the pieces are in which it comes.
            engine.input.copyMemory(from: unread.bytes.readable)
            self.unread = nil
        }
        offer(engine.input.part(..<(kept + count)))
        return outcome(of: openRecords(into: room, by: channel), left: left, from: nil)
    }

    /// Whether `more` may end the record that `begun` is the beginning of.
    private static func completes(
        _ begun: UnsafeRawBufferPointer, _ more: UnsafeRawBufferPointer
    ) -> Bool {
        let bytes = begun.withMemoryRebound(to: UInt8.self) {
            co_record_bytes($0.baseAddress, $0.count)
        }
        // Where even the header is not there, the channel looks at what there is.
        return bytes == 0 || begun.count + more.count >= bytes
    }

    /// Hands on what a reader before had no room for.
    private func readHeld(
        into room: UnsafeMutableRawBufferPointer, by channel: OpaquePointer
    ) -> Transport.ReadOutcome {
        guard let held = unread else {
            flags.remove(.holdsInput)
            return .bytes(0, left: .perhaps)
        }
        guard held.opened == 0 else {
            let count = min(held.opened, room.count)
            room.copyMemory(
                from: held.bytes.readable.part(..<count))
            held.bytes.consume(count)
            held.opened -= count
            if held.bytes.isEmpty {
                unread = nil
                flags.remove(.holdsInput)
            }
            return .bytes(count, left: .perhaps)
        }
        offer(held.bytes.readable)
        return outcome(of: openRecords(into: room, by: channel), left: .perhaps, from: held)
    }

    /// Opens all of the wire's input that is whole and that the room takes.
    /// - Returns: plaintext bytes. Sets `holdsInput` where the room was too small for all.
    func openRecords(
        into room: UnsafeMutableRawBufferPointer, by channel: OpaquePointer
    ) -> Int {
        guard let base = room.baseAddress else { return 0 }
        flags.remove(.holdsInput)
        var total = 0
        while total < room.count {
            let count = co_channel_read(channel, engine.wire, base + total, room.count - total)
            guard count > 0 else {
                guard count == Int(CO_WANTS_ROOM) else {
                    note(count)
                    return total
                }
                if total == 0 { return openLarge(into: room, by: channel) }
                break
            }
            total += count
        }
        if engine.wire.pointee.input_count > 0 { flags.insert(.holdsInput) }
        return total
    }

    /// Opens one record that the room may be too small for, in the engine's memory, and keeps what
    /// is too much.
    private func openLarge(
        into room: UnsafeMutableRawBufferPointer, by channel: OpaquePointer
    ) -> Int {
        let opened = engine.record
        let count = co_channel_read(channel, engine.wire, opened.baseAddress, opened.count)
        guard count > 0 else {
            note(count)
            return 0
        }
        let part = min(count, room.count)
        room.copyMemory(from: opened.part(..<part))
        let wire = engine.wire.pointee
        if part < count {
            let rest = Waiting(opened.part(part..<count))
            rest.opened = count - part
            rest.bytes.append(UnsafeRawBufferPointer(start: wire.input, count: wire.input_count))
            unread = rest
        }
        if part < count || wire.input_count > 0 { flags.insert(.holdsInput) }
        return part
    }

    /// A KeyUpdate that is due leaves with what this tick sends; or later, before the next words,
    /// where bytes before it still wait: whoever does not read is owed one, not many.
    func payWhatIsOwed(by channel: OpaquePointer) {
        guard co_channel_owes(channel) != 0, unsent == nil else { return }
        if co_channel_pay(channel, engine.wire) != 0 { flags.insert(.failed) }
    }
}
