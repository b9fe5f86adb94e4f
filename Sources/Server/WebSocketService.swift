// What an application of WebSockets gives the server: the words of a conversation. One instance for
// each worker, made on that worker's thread and never seen by another, so it may keep state without
// locks. It names sockets by token and speaks through the worker.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuWebSocket

/// The conversation on upgraded connections. All calls come on the worker's own thread.
public protocol WebSocketService: AnyObject, SendableMetatype {
    /// The handshake is done; `request` is what asked for it.
    func opened(_ socket: Token, request: borrowing Request, on worker: Worker)
    /// A whole message. `payload` is valid during the call only; text is valid UTF-8.
    func received(
        _ payload: UnsafeRawBufferPointer, as kind: MessageKind, from socket: Token,
        on worker: Worker)
    /// A message begins on a socket that is metered (`Worker.meter`), and nothing of it has been
    /// looked at: whether it is read, or its bytes are passed over. The socket may be told why, or
    /// closed.
    func messageBegins(_ socket: Token, on worker: Worker) -> MessageEntry
    /// A metered socket has brought so many bytes, or so many came out of a compressed message.
    func took(_ byteCount: Int, from socket: Token, on worker: Worker)
    /// The socket has gone, whatever the reason. Nothing more can be sent to it.
    func closed(_ socket: Token, on worker: Worker)
    /// Nothing was sent to the socket for `ServerLimits.heartbeatMilliseconds`: say something.
    func heartbeat(_ socket: Token, on worker: Worker)
    /// A socket that did not take what it was sent has taken all of it, or its full queue has
    /// room again: what was left out may be made good.
    func hasRoom(_ socket: Token, on worker: Worker)
    /// The server goes down; the close frame (1012) follows at once.
    func draining(_ socket: Token, on worker: Worker)
    /// Once in a tick in which anything happened to a socket or mail came, before the flush: work
    /// that was cut into slices.
    /// - Returns: `.more` to be called again in a tick that does not wait, `.until` by that moment.
    func work(on worker: Worker) -> ServiceWork
}

public enum ServiceWork: Sendable {
    case done, more
    /// Nothing is to be done now; there may be at this moment.
    case until(Instant)
}

extension WebSocketService {
    public func messageBegins(_ socket: Token, on worker: Worker) -> MessageEntry { .read }
    public func took(_ byteCount: Int, from socket: Token, on worker: Worker) {}
    public func heartbeat(_ socket: Token, on worker: Worker) { worker.ping(socket) }
    public func hasRoom(_ socket: Token, on worker: Worker) {}
    public func draining(_ socket: Token, on worker: Worker) {}
    public func work(on worker: Worker) -> ServiceWork { .done }
}
