// Writes frames (RFC 6455 §5.2), for both roles: small ones whole into a buffer, large payloads as
// a header with the payload sent beside it, and shared ones once as a slice for every queue.
// Never compresses (it marks what a `Deflater` made), never splits a message by itself, never
// queues.

import MizuBytes

/// Whether and with what a payload is masked (RFC 6455 §5.3).
public enum Masking: Sendable {
    /// From a server.
    case none
    /// From a client: four unpredictable bytes, fresh for each frame, in the order of the wire
    /// when stored as they stand in memory.
    case key(UInt32)
}

/// What a payload is (RFC 7692 §6).
public enum PayloadCoding: Sendable {
    case plain
    /// Made by a `Deflater`: the message's first frame says so with RSV1.
    case deflated
}

/// Whether a frame ends its message.
public enum FrameEnd: Sendable {
    case final, more
}

public enum FrameWriter {
    /// Appends a whole frame. O(n).
    public static func append(
        _ opcode: Opcode, _ payload: UnsafeRawBufferPointer, to buffer: inout ByteBuffer,
        masking: Masking = .none, end: FrameEnd = .final, coding: PayloadCoding = .plain
    ) {
        buffer.reserve(payload.count + WebSocketLimits.headerBytesMax)
        appendHeader(
            opcode, payloadBytes: payload.count, to: &buffer, masking: masking, end: end,
            coding: coding)
        let start = buffer.count
        buffer.append(payload)
        if case .key(let key) = masking {
            let written = buffer.mutableReadable.mutablePart(start...)
            Mask.apply(key, to: written, from: 0)
        }
    }

    /// The same for a slice.
    public static func append(
        _ opcode: Opcode, _ payload: ByteSlice, to buffer: inout ByteBuffer,
        masking: Masking = .none, end: FrameEnd = .final, coding: PayloadCoding = .plain
    ) {
        payload.withUnsafeBytes {
            append(opcode, $0, to: &buffer, masking: masking, end: end, coding: coding)
        }
    }

    /// Appends a header alone: the owner sends `payloadBytes` bytes behind it, masked by itself
    /// (`Mask.apply`) if `masking` says so. At most `WebSocketLimits.headerBytesMax` bytes.
    public static func appendHeader(
        _ opcode: Opcode, payloadBytes: Int, to buffer: inout ByteBuffer,
        masking: Masking = .none, end: FrameEnd = .final, coding: PayloadCoding = .plain
    ) {
        let compressed: UInt8 = coding == .deflated ? 0x40 : 0
        buffer.append(opcode.rawValue | compressed | (end == .final ? 0x80 : 0))
        let maskBit: UInt8 = if case .key = masking { 0x80 } else { 0 }
        switch payloadBytes {
        case ..<126:
            buffer.append(maskBit | UInt8(truncatingIfNeeded: payloadBytes))
        case ..<0x1_0000:
            buffer.append(maskBit | 126)
            withUnsafeBytes(of: UInt16(truncatingIfNeeded: payloadBytes).bigEndian) {
                buffer.append($0)
            }
        default:
            buffer.append(maskBit | 127)
            withUnsafeBytes(of: UInt64(truncatingIfNeeded: payloadBytes).bigEndian) {
                buffer.append($0)
            }
        }
        if case .key(let key) = masking {
            withUnsafeBytes(of: key) { buffer.append($0) }
        }
    }

    /// Appends a close frame (§5.5.1): empty for a nil code. A reason is cut to 123 bytes, at the
    /// end of a character.
    /// - Precondition: `code` may stand on the wire.
    public static func appendClose(
        _ code: CloseCode?, reason: String = "", to buffer: inout ByteBuffer,
        masking: Masking = .none
    ) {
        guard let code else {
            append(.close, ByteSlice.empty, to: &buffer, masking: masking)
            return
        }
        precondition(code.isValidOnWire, "close code \(code.rawValue) must not be sent")
        var payload = [UInt8(code.rawValue >> 8), UInt8(truncatingIfNeeded: code.rawValue)]
        for character in reason.unicodeScalars {
            let encoded = UTF8.encode(character) ?? UTF8.encodedReplacementCharacter
            guard payload.count + encoded.count <= WebSocketLimits.controlBytesMax else { break }
            payload.append(contentsOf: encoded)
        }
        payload.withUnsafeBytes { append(.close, $0, to: &buffer, masking: masking) }
    }
}
