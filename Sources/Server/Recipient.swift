// A socket that a service sends to, lent for the length of one closure. It is a connection without
// its token, so that what a fan-out asks and sends needs no look-up for each message; and because
// it cannot be copied, nobody can keep it beyond the call, when the connection may be somebody
// else's.

import MizuBytes

/// A socket that can be sent something. Borrowed from `Worker.withRecipient`; on the worker's
/// thread.
public struct Recipient: ~Copyable {
    let connection: Connection

    /// The kernel has not taken all that was sent in earlier ticks; `WebSocketService.hasRoom` is
    /// called when it has.
    public var isBlocked: Bool { connection.flags.contains(.wasBlocked) }
    public var socket: Token { connection.token }
    /// Whether it still takes messages: sending to it, and asking for room, may have ended it.
    public var isOpen: Bool { connection.isOpenSocket }
}

extension Worker {
    /// Lends the socket to `body`, if it is there and not closing.
    /// - Returns: whether `body` was called.
    @inline(__always)
    @discardableResult
    public func withRecipient(
        _ socket: Token, _ body: (borrowing Recipient) -> Void
    ) -> Bool {
        guard let connection = open(socket) else { return false }
        body(Recipient(connection: connection))
        return true
    }

    /// Whether the socket is there and not closing.
    public func isOpen(_ socket: Token) -> Bool { open(socket) != nil }
}
