// One frame header (RFC 6455 §5.2) from bytes, checked as far as a header alone can be: bits,
// opcode, mask, length. What may follow what is `MessageReader`'s to say.

/// The bytes before a frame's payload.
struct FrameHeader {
    let opcode: Opcode
    let end: FrameEnd
    /// RSV1: the message is compressed (RFC 7692 §6). On its first frame only.
    let isCompressed: Bool
    /// Bytes of payload that follow; below 2^63, and not yet held to any limit.
    let payloadBytes: Int
    /// The masking key as it stands in memory; 0, which masks nothing, where there is none.
    let key: UInt32
    /// Bytes of the header itself.
    let count: Int

    enum Reading {
        case needMore
        case header(FrameHeader)
        case reject(WebSocketError)
    }

    /// Parses the header that `bytes` begins with. Errors come in the order of the bytes, so that
    /// a header fed in pieces is refused for the same reason as one fed whole.
    /// - Parameter reservedBits: those of 0x70 that an extension has given a meaning.
    static func parse(
        _ bytes: UnsafeRawBufferPointer, role: WebSocketRole, reservedBits: UInt8
    ) -> Reading {
        guard bytes.count >= 1 else { return .needMore }
        let first = bytes[0]
        guard first & 0x70 & ~reservedBits == 0 else { return .reject(.reservedBits) }
        guard let opcode = Opcode(rawValue: first & 0x0F) else { return .reject(.reservedOpcode) }
        // RSV1 is for the first frame of a message, and for no other (RFC 7692 §6.1).
        let isCompressed = first & 0x40 != 0
        guard !isCompressed || opcode == .text || opcode == .binary else {
            return .reject(.reservedBits)
        }
        let end: FrameEnd = first & 0x80 != 0 ? .final : .more
        guard end == .final || !opcode.isControl else { return .reject(.fragmentedControl) }

        guard bytes.count >= 2 else { return .needMore }
        let isMasked = bytes[1] & 0x80 != 0
        guard isMasked || role == .client else { return .reject(.unmaskedFrame) }
        guard !isMasked || role == .server else { return .reject(.maskedFrame) }
        let short = bytes[1] & 0x7F
        guard short < 126 || !opcode.isControl else { return .reject(.controlTooLong) }

        let lengthEnd = short < 126 ? 2 : short == 126 ? 4 : 10
        guard bytes.count >= lengthEnd else { return .needMore }
        guard let payloadBytes = length(in: bytes, short: short) else { return .reject(.badLength) }

        let count = isMasked ? lengthEnd + 4 : lengthEnd
        guard bytes.count >= count else { return .needMore }
        let key = isMasked ? bytes.loadUnaligned(fromByteOffset: lengthEnd, as: UInt32.self) : 0
        return .header(
            FrameHeader(
                opcode: opcode, end: end, isCompressed: isCompressed, payloadBytes: payloadBytes,
                key: key, count: count))
    }

    /// The payload's length; nil if it is not in its shortest form or beyond 2^63 − 1.
    private static func length(in bytes: UnsafeRawBufferPointer, short: UInt8) -> Int? {
        switch short {
        case 126:
            let value = UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
            return value > 125 ? Int(value) : nil
        case 127:
            let value = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt64.self))
            return value > 0xFFFF ? Int(exactly: value) : nil
        default:
            return Int(short)
        }
    }
}
