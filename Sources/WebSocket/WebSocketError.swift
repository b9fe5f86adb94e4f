// Why a peer's bytes were not taken as WebSocket frames, each with the close code that RFC 6455
// asks for. Carries none of the peer's bytes.

/// A violation after which the connection must be failed (RFC 6455 §7.1.7).
public enum WebSocketError: Error, Equatable, Sendable, CaseIterable {
    /// A reserved bit without an extension that gives it a meaning (§5.2).
    case reservedBits
    /// An opcode that is not defined (§5.2).
    case reservedOpcode
    /// A frame to a server without a mask (§5.1).
    case unmaskedFrame
    /// A frame to a client with a mask (§5.1).
    case maskedFrame
    /// A length written in more bytes than it needs, or with the top bit set (§5.2).
    case badLength
    /// A control frame of more than 125 bytes (§5.5).
    case controlTooLong
    /// A control frame without FIN (§5.5).
    case fragmentedControl
    /// A continuation where no message is open (§5.4).
    case unexpectedContinuation
    /// A new message while one is open (§5.4).
    case expectedContinuation
    /// A close frame with one byte, or with a code that must not be sent (§5.5.1, §7.4).
    case badClose
    /// A close reason that is not UTF-8 (§5.5.1).
    case badCloseReason
    /// A text message that is not UTF-8 (§8.1).
    case badText
    /// A compressed message that is no deflate data, or cut off (RFC 7692 §7.2.2).
    case badCompression
    /// A message of more than `WebSocketLimits.messageBytesMax`.
    case messageTooBig
    /// A message in more than `WebSocketLimits.fragmentsMax` frames.
    case tooManyFragments

    /// The code to close with (§7.4.1).
    public var closeCode: CloseCode {
        switch self {
        case .reservedBits, .reservedOpcode, .unmaskedFrame, .maskedFrame, .badLength,
            .controlTooLong, .fragmentedControl, .unexpectedContinuation, .expectedContinuation,
            .badClose:
            .protocolError
        case .badText, .badCloseReason, .badCompression: .invalidPayload
        case .messageTooBig: .messageTooBig
        case .tooManyFragments: .policyViolation
        }
    }

    /// The close frame's reason: a few ASCII words for the person who wrote the peer.
    public var reason: StaticString {
        switch self {
        case .reservedBits: "reserved bits set"
        case .reservedOpcode: "reserved opcode"
        case .unmaskedFrame: "frame without a mask"
        case .maskedFrame: "frame with a mask"
        case .badLength: "malformed length"
        case .controlTooLong: "control frame too long"
        case .fragmentedControl: "fragmented control frame"
        case .unexpectedContinuation: "nothing to continue"
        case .expectedContinuation: "continuation expected"
        case .badClose: "malformed close frame"
        case .badCloseReason: "close reason is not UTF-8"
        case .badText: "text is not UTF-8"
        case .badCompression: "compressed data is damaged"
        case .messageTooBig: "message too big"
        case .tooManyFragments: "too many fragments"
        }
    }
}
