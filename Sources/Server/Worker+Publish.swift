// Telling many sockets the same. The frame of a fan-out is not copied for each of them: a
// connection that has nothing else to send in this tick shares it (`Outbox.share`), and the flush
// sends it from where it stands.

import MizuBytes
import MizuEventLoop
import MizuTransport
import MizuWebSocket

extension Worker {
    /// Makes room for what the socket need not hear: there is none while its queue is at its limit,
    /// or something waits in it while all queues of the process together hold more than
    /// `ServerLimits.queuedBytesMax`. What fills it is sent first, where the kernel takes it; that
    /// may end the connection, and its service is told so within this call.
    @inline(__always)
    public func makeRoom(for recipient: borrowing Recipient) -> OutputRoom {
        let connection = recipient.connection
        if connection.state.pointee.outbox.isEmpty, !connection.flags.contains(.queueFull) {
            return .free
        }
        return makeRoomBehindOutput(of: connection)
    }

    private func makeRoomBehindOutput(of connection: Connection) -> OutputRoom {
        if !connection.flags.contains(.writeBlocked), isQueueFull(connection) { flush(connection) }
        return connection.flags.contains(.queueFull) || isQueueFull(connection) ? .full : .free
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
        let dropped = connection.outbox.dropUnbegun(tag: tag)
        guard dropped > 0 else { return 0 }
        // What was dropped may have been part of a window.
        connection.window = .none
        return dropped
    }

    /// Drops all that waits for a socket and of which no byte was sent. What is said later to one
    /// that is not closed must look back at nothing.
    public func dropQueued(of recipient: borrowing Recipient) {
        recipient.connection.outbox.dropUnbegun()
        recipient.connection.window = .none
    }

    func tell(_ frame: ByteSlice, to connection: Connection, tag: SendQueue.Tag) {
        connection.sentTenth = tenth
        if connection.state.pointee.outbox.share(frame, tag: tag, in: &state.pointee.arena) {
            counter.add(1, to: .messagesSent)
            return markDirty(connection)
        }
        enqueue(frame, for: connection, tag: tag)
        countMessage(connection)
    }
}
