// The limits of this room in one place, and the words that its files share: opcode, role, close
// code (RFC 6455 §5.2, §7.4). Values only.

/// What a peer may send before its connection is closed.
public struct WebSocketLimits: Sendable {
    /// Payload bytes of one message, all fragments together; beyond it close 1009. Default 1 MiB.
    public let messageBytesMax: Int
    /// Frames of one message; beyond it close 1008. Default 100,000: a message of 1 MiB in frames
    /// of ten bytes still passes, an endless run of empty frames does not.
    public let fragmentsMax: Int

    /// `messageBytesMax` is held to 1 byte … 16 MiB, `fragmentsMax` to at least 1.
    public init(messageBytesMax: Int = 1 << 20, fragmentsMax: Int = 100_000) {
        self.messageBytesMax = min(max(messageBytesMax, 1), 16 << 20)
        self.fragmentsMax = min(max(fragmentsMax, 1), Int(UInt32.max))
    }

    public static let `default` = WebSocketLimits()

    /// Payload bytes of a control frame (RFC 6455 §5.5).
    public static let controlBytesMax = 125
    /// Bytes of the longest frame header: 2, a 64-bit length, a mask (RFC 6455 §5.2).
    public static let headerBytesMax = 14
}

/// Which end of the connection we are. A server demands masks and sends none, a client sends
/// them and refuses them (RFC 6455 §5.1).
public enum WebSocketRole: UInt8, Sendable {
    case server, client
}

/// What a frame is (RFC 6455 §11.8); all other numbers are reserved.
public enum Opcode: UInt8, Sendable {
    case continuation = 0
    case text = 1
    case binary = 2
    case close = 8
    case ping = 9
    case pong = 10

    /// Control frames are short, whole, and may stand between the fragments of a message (§5.5).
    @inlinable
    public var isControl: Bool { rawValue >= 8 }
}

/// Why a connection ends, as a number on the wire (RFC 6455 §7.4).
public struct CloseCode: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt16

    /// Any number; `isValidOnWire` tells which may be sent.
    @inlinable
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let normal = CloseCode(rawValue: 1000)
    public static let goingAway = CloseCode(rawValue: 1001)
    public static let protocolError = CloseCode(rawValue: 1002)
    public static let unsupportedData = CloseCode(rawValue: 1003)
    public static let invalidPayload = CloseCode(rawValue: 1007)
    public static let policyViolation = CloseCode(rawValue: 1008)
    public static let messageTooBig = CloseCode(rawValue: 1009)
    public static let mandatoryExtension = CloseCode(rawValue: 1010)
    public static let internalError = CloseCode(rawValue: 1011)
    /// The server goes down for a restart: protocol.md's "draining".
    public static let serviceRestart = CloseCode(rawValue: 1012)
    /// protocol.md's "overloaded".
    public static let tryAgainLater = CloseCode(rawValue: 1013)
    /// protocol.md's own: the peer's send queue stayed full for too long.
    public static let tooSlow = CloseCode(rawValue: 4000)

    /// Whether the number may stand in a close frame (§7.4.1, §7.4.2 and IANA's registry up to
    /// 1014): 1004, 1005, 1006 and 1015 are reserved, 1016 to 2999 are nobody's.
    public var isValidOnWire: Bool {
        switch rawValue {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}
