// The closing handshake (RFC 6455 §7) as one enum: what happened goes in, what to do comes out.
// Knows no socket and no clock: the owner queues the frame, arms the deadline and drops the socket.
//
//   open ──closeLocally──────► closeSent      open:          frames flow both ways
//     ├──peerClosed──────────► closeReceived  closeSent:     our close is queued, theirs has not
//     └──failed──────────────► closeReceived                 come; a deadline is armed; we send
//   closeSent ──peerClosed───► closed                        nothing more, messages are dropped
//     └──failed──────────────► closed         closeReceived: theirs came, or what they send no
//   closeReceived ──flushed──► closed                        longer counts; our close is queued and
//   any ──expired, hungUp────► closed                        the socket drops once it is written
//                                             closed:        the socket is dropped, now or before

/// Where a connection stands between open and dropped.
public enum CloseMachine: UInt8, Sendable {
    case open, closeSent, closeReceived, closed

    /// What the owner does next.
    public enum Action: Equatable, Sendable {
        case none
        /// Queue a close frame with this code, an empty one for nil, and send nothing after it.
        /// From `.closeSent` on a deadline should call `expired()`; from `.closeReceived` on,
        /// call `flushed()` when the queue is written.
        case sendClose(CloseCode?)
        /// Close the socket (after what is queued; RFC 6455 §7.1.1 wants the server to be first).
        case dropSocket
    }

    public init() { self = .open }

    /// Whether messages of either direction still count.
    public var isOpen: Bool { self == .open }

    /// We want to end: a drain, a policy, an app's wish.
    public mutating func closeLocally(_ code: CloseCode) -> Action {
        guard self == .open else { return .none }
        self = .closeSent
        return .sendClose(code)
    }

    /// The peer's close frame was read; nil if it had no code. It is answered in kind (§5.5.1).
    public mutating func peerClosed(_ code: CloseCode?) -> Action {
        switch self {
        case .open:
            self = .closeReceived
            return .sendClose(code)
        case .closeSent:
            self = .closed
            return .dropSocket
        case .closeReceived, .closed:
            return .none
        }
    }

    /// The peer broke the protocol: tell it why and do not wait for an answer (§7.1.7).
    public mutating func failed(_ error: WebSocketError) -> Action {
        switch self {
        case .open:
            self = .closeReceived
            return .sendClose(error.closeCode)
        case .closeSent:
            // Our close is under way already; a second one must not follow it.
            self = .closed
            return .dropSocket
        case .closeReceived, .closed:
            return .none
        }
    }

    /// Everything queued is with the kernel.
    public mutating func flushed() -> Action {
        guard self == .closeReceived else { return .none }
        self = .closed
        return .dropSocket
    }

    /// The deadline for the peer's close, or for writing ours, has passed.
    public mutating func expired() -> Action { drop() }

    /// The peer's end of the stream came without, or after, a close frame.
    public mutating func hungUp() -> Action { drop() }

    private mutating func drop() -> Action {
        guard self != .closed else { return .none }
        self = .closed
        return .dropSocket
    }
}
