// What both ends agreed on beside the plain protocol: permessage-deflate (RFC 7692) with its four
// parameters, or nothing. Values only; how they come to be is in `DeflateNegotiation.swift`.

/// The parameters of permessage-deflate as they are in force (RFC 7692 §7.1).
public struct DeflateParameters: Equatable, Sendable {
    /// Whether a direction's compressor goes on with its window from message to message.
    public enum Context: UInt8, Sendable {
        /// The window may reach back into earlier messages.
        case takenOver
        /// Each message stands alone (`…_no_context_takeover`).
        case fresh
    }

    /// Of what the server sends.
    public var server = Context.takenOver
    /// Of what the client sends.
    public var client = Context.takenOver
    /// The server's window has 2^bits bytes at most; 8 to 15.
    public var serverWindowBits = Self.windowBitsMax
    /// The client's window; 8 to 15.
    public var clientWindowBits = Self.windowBitsMax

    public static let windowBitsMin = 8
    public static let windowBitsMax = 15

    public init() {}

    /// The context of what the peer of `role` sends.
    func incoming(to role: WebSocketRole) -> Context { role == .server ? client : server }
}

/// What both ends agreed on in the handshake.
public enum AgreedExtensions: Equatable, Sendable {
    case none
    case deflate(DeflateParameters)
}
