// Messages of sockets that wait because one before them does: while the store is asked whether a
// socket's user may do something, what that socket says afterwards stays in line behind it. So
// pushes are applied in the order in which they were sent, an unsubscribe ends the subscribe before
// it, and an `auth` speaks for what follows. Only `ping` is answered meanwhile. Values of one
// worker; sockets that wait for nothing have no entry.
//
//   hold ──► held ──add──► held, with messages ──release──► next, next, … ──► no entry
//                                                  └── one of them holds again ──► held

import MizuBytes
import MizuServer
import MizuWire

/// A message that waits.
struct HeldMessage: Sendable {
    let request: ClientMessage.Request
    let byteCount: Int
    let question: Question
}

/// Lines by socket. One owner, one thread.
struct HeldLines {
    /// Messages of one socket; beyond it they are refused with `unavailable`.
    static let messagesMax = 256
    /// Bytes of one socket's messages.
    static let bytesMax = 4 << 20
    /// Bytes of all messages of the worker.
    static let allBytesMax = 32 << 20

    private struct Line {
        /// Decisions that are awaited.
        var holds = 0
        var messages = Fifo<HeldMessage>()
        var byteCount = 0
    }

    private var lines: [Token: Line] = [:]
    private(set) var byteCount = 0

    /// Sockets that wait.
    var count: Int { lines.count }

    /// Whether messages of the socket are to be added.
    func isHeld(_ socket: Token) -> Bool { !lines.isEmpty && lines[socket] != nil }

    /// Something that the socket asked for waits.
    mutating func hold(_ socket: Token) { lines[socket, default: Line()].holds += 1 }

    /// Puts a message at the end of its socket's line.
    /// - Returns: whether there was room.
    mutating func add(_ message: HeldMessage) -> Bool {
        let socket = message.question.socket
        guard var line = lines[socket], line.messages.count < Self.messagesMax,
            line.byteCount + message.byteCount <= Self.bytesMax,
            byteCount + message.byteCount <= Self.allBytesMax
        else { return false }
        line.messages.append(message)
        line.byteCount += message.byteCount
        byteCount += message.byteCount
        lines[socket] = line
        return true
    }

    /// What one hold was for has been done.
    mutating func release(_ socket: Token) {
        if let holds = lines[socket]?.holds { lines[socket]?.holds = max(0, holds - 1) }
    }

    /// The next message to be performed; nil while something is awaited, and when all is done.
    mutating func next(_ socket: Token) -> HeldMessage? {
        guard var line = lines[socket], line.holds == 0 else { return nil }
        guard let message = line.messages.popFirst() else {
            lines[socket] = nil
            return nil
        }
        line.byteCount -= message.byteCount
        byteCount -= message.byteCount
        lines[socket] = line
        return message
    }

    /// The socket has gone.
    mutating func remove(_ socket: Token) {
        guard !lines.isEmpty, let line = lines.removeValue(forKey: socket) else { return }
        byteCount -= line.byteCount
    }
}
