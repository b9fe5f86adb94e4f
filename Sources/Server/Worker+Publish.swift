// Telling many sockets the same. The frame of a fan-out is not copied for each of them: a
// connection that has nothing else to send in this tick holds the number of the frame in the
// worker's list, and the flush sends it from where it stands. What does not leave at once goes to
// the connection's queue as a counted reference.

import MizuBytes
import MizuEventLoop
import MizuTransport
import MizuWebSocket

extension Worker {
    /// Whether the socket should be told only what it must hear: its queue is at its limit, or
    /// something waits in it while all queues of the process together hold more than
    /// `ServerLimits.queuedBytesMax`. What fills it is sent first, where the kernel takes it; that
    /// may end the connection, and its service is told so within this call.
    @inline(__always)
    public func isFull(_ recipient: borrowing Recipient) -> Bool {
        let connection = recipient.connection
        if connection.queue == nil, connection.arenaCount == 0,
            !connection.flags.contains(.queueFull)
        {
            return false
        }
        return isFullBehindOutput(connection)
    }

    private func isFullBehindOutput(_ connection: Connection) -> Bool {
        if !connection.flags.contains(.writeBlocked), isQueueFull(connection) { flush(connection) }
        return connection.flags.contains(.queueFull) || isQueueFull(connection)
    }

    /// Sends a publication to one socket out of turn: as it is, not as one of a group.
    public func send(_ publication: Publication, to recipient: borrowing Recipient, tag: UInt32 = 0)
    {
        guard recipient.isOpen else { return }
        tell(publication.frame, to: recipient.connection, tag: tag)
    }

    /// The broadcast has been sent to all.
    public func end(_ broadcast: Broadcast) {
        broadcast.end(&state.pointee.compressors)
    }

    /// Drops what waits for a socket with that tag and of which no byte was sent.
    /// - Returns: how many messages were dropped.
    @discardableResult
    public func dropQueued(_ tag: UInt32, of recipient: borrowing Recipient) -> Int {
        let connection = recipient.connection
        guard let dropped = connection.queue?.dropUnbegun(tag: tag), dropped > 0 else { return 0 }
        // What was dropped may have been part of a window.
        connection.window = .none
        return dropped
    }

    /// Drops all that waits for a socket and of which no byte was sent. What is said later to one
    /// that is not closed must look back at nothing.
    public func dropQueued(of recipient: borrowing Recipient) {
        recipient.connection.queue?.dropUnbegun()
        recipient.connection.window = .none
    }

    func tell(_ frame: ByteSlice, to connection: Connection, tag: SendQueue.Tag) {
        connection.sentTenth = tenth
        if connection.state.pointee.queue == nil, connection.arenaCount == 0,
            let number = number(of: frame, tag)
        {
            connection.flags.insert(.sharesFrame)
            connection.arenaStart = number
            connection.arenaCount = Int32(truncatingIfNeeded: frame.count)
            connection.arenaMessages = 1
            return markDirty(connection)
        }
        enqueue(frame, for: connection, tag: tag)
        countMessage(connection)
    }

    /// The frame's place in this tick's list. Nearly always it was added a moment ago.
    private func number(of frame: ByteSlice, _ tag: SendQueue.Tag) -> Int32? {
        guard frame.count <= Int32.max else { return nil }
        let count = state.pointee.tickFrames.count
        var place = count - 1
        while place >= 0, place >= count - 4 {
            let known = state.pointee.tickFrames[place]
            if known.slice.owner === frame.owner, known.tag == tag {
                return Int32(truncatingIfNeeded: place)
            }
            place -= 1
        }
        state.pointee.tickFrames.append(TickFrame(slice: frame, tag: tag))
        return Int32(truncatingIfNeeded: count)
    }
}
