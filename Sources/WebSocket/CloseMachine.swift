// The closing handshake (RFC 6455 §7) as one enum: what happened goes in, what to do comes out.
// Knows no socket and no clock: the owner queues the frame, arms the deadline and drops the socket.
//
//   open ──closeLocally──────► closeSent      open:      frames flow both ways
//     ├──peerClosed, failed──► closed         closeSent: our close is queued, theirs has not come;
//     └──hungUp──────────────► closed                    we send nothing more, messages are dropped
//   closeSent ──peerClosed, failed, hungUp──► closed
//                                             closed:    nothing counts any more; the socket drops
//                                                        as soon as all that is queued is out

/// Where a connection stands between open and dropped.
public enum CloseMachine: UInt8, Sendable {
    case open, closeSent, closed

    /// What the owner does next.
    public enum Action: Equatable, Sendable {
        case none
        /// Queue a close frame with this code, an empty one for nil, and send nothing after it.
        case sendClose(CloseCode?, then: Next)
        /// Close the socket (after what is queued; RFC 6455 §7.1.1 wants the server to be first).
        case dropSocket
    }

    /// What follows our close frame.
    public enum Next: Equatable, Sendable {
        /// The peer's close frame; the owner arms a deadline for it.
        case awaitClose
        /// Nothing: as `dropSocket`.
        case drop
    }

    public init() { self = .open }

    /// Whether messages of either direction still count.
    public var isOpen: Bool { self == .open }

    /// We want to end: a drain, a policy, an app's wish.
    public mutating func closeLocally(_ code: CloseCode) -> Action {
        guard self == .open else { return .none }
        self = .closeSent
        return .sendClose(code, then: .awaitClose)
    }

    /// The peer's close frame was read; nil if it had no code. It is answered in kind (§5.5.1).
    public mutating func peerClosed(_ code: CloseCode?) -> Action {
        switch self {
        case .open:
            self = .closed
            return .sendClose(code, then: .drop)
        case .closeSent:
            self = .closed
            return .dropSocket
        case .closed:
            return .none
        }
    }

    /// The peer broke the protocol: tell it why and do not wait for an answer (§7.1.7).
    public mutating func failed(_ error: WebSocketError) -> Action {
        switch self {
        case .open:
            self = .closed
            return .sendClose(error.closeCode, then: .drop)
        case .closeSent:
            // Our close is under way already; a second one must not follow it.
            self = .closed
            return .dropSocket
        case .closed:
            return .none
        }
    }

    /// The peer's end of the stream came without, or after, a close frame.
    public mutating func hungUp() -> Action {
        guard self != .closed else { return .none }
        self = .closed
        return .dropSocket
    }
}
