// What leaves: bytes are gathered during the tick (`Outbox`) and each connection is written once,
// at its end. The kernel takes what it takes; the rest is kept and goes on with the next edge.

import MizuBytes
import MizuEventLoop
import MizuTransport

/// Whether more may be sent to a peer.
public enum OutputRoom: Sendable { case free, full }

extension Worker {
    /// Appends what `write` composes to the connection's output. `write` must not use the worker.
    @inline(__always)
    func compose(for connection: Connection, _ write: (inout ByteBuffer) -> Void) {
        guard connection.phase != .closed else { return }
        connection.state.pointee.outbox.compose(
            in: &state.pointee.arena, charging: ledger(of: connection), write)
        markDirty(connection)
    }

    /// Appends shared bytes to the connection's output.
    func enqueue(_ slice: ByteSlice, for connection: Connection, tag: SendQueue.Tag = 0) {
        guard connection.phase != .closed else { return }
        connection.state.pointee.outbox.append(
            slice, tag: tag, in: &state.pointee.arena, charging: ledger(of: connection))
        markDirty(connection)
    }

    /// Where copies that wait are counted: those of sockets with the frames that they share, all
    /// others as what their connection holds.
    private func ledger(of connection: Connection) -> ByteLedger? {
        connection.phase == .webSocket ? server.workers.queued : nil
    }

    func markDirty(_ connection: Connection) {
        guard !connection.flags.contains(.dirty) else { return }
        connection.flags.insert(.dirty)
        dirty.append(connection)
    }

    /// Makes room for one answer more: what fills the queue is sent first, where the kernel takes
    /// it. That may end the connection, for which there is no room then.
    @inline(__always)
    func makeRoom(for connection: Connection) -> OutputRoom {
        if connection.state.pointee.outbox.queue == nil,
            Int(connection.state.pointee.outbox.tickBytes) < limits.sendQueueBytesMax,
            Int(connection.state.pointee.outbox.tickMessages) < limits.sendQueueMessagesMax
        {
            return .free
        }
        if !isQueueFull(connection) { return .free }
        flush(connection)
        return connection.phase == .closed || isQueueFull(connection) ? .full : .free
    }

    // MARK: Sending

    /// Writes all that waits for the connection, as far as the kernel takes it.
    func flush(_ connection: Connection) {
        guard connection.phase != .closed else { return }
        let composed = connection.outbox.tickBytes
        if flushSmall(connection) { return }
        if !connection.flags.contains(.writeBlocked) { writeOut(connection) }
        guard connection.phase != .closed else { return }
        connection.state.pointee.outbox.endTick(
            in: state.pointee.arena, as: connection.outbox.tickBytes < composed ? .rest : .whole,
            charging: ledger(of: connection))
        if connection.pendingBytes == 0 {
            outputIsOut(connection)
        } else {
            outputWaits(connection)
        }
        if connection.flags.contains(.streams) { streamHasRoom(connection) }
        if connection.flags.contains(.holds) { settleOutput(of: connection) }
        assert(connection.isConsistent, "\(connection.timer.deadline) in \(connection.phase)")
    }

    /// Nearly every flush: all that waits is in the arena, the kernel takes it at once, and nothing
    /// depends on that.
    /// - Returns: whether that was so; if not, `flush` goes on with what is left.
    @inline(__always)
    private func flushSmall(_ connection: Connection) -> Bool {
        guard connection.state.pointee.outbox.isTickOnly,
            connection.flags.isDisjoint(
                with: [.writeBlocked, .wasBlocked, .closeAfterFlush, .streams]),
            !connection.isDeliveryWatched
        else { return false }
        let part = connection.state.pointee.outbox.tickPart(in: state.pointee.arena)
        switch connection.transport.write(part, then: nil) {
        case .sent(let count):
            // Through TLS one call may take less than there is.
            guard count == part.count else {
                countSent(count, on: connection)
                return false
            }
            connection.state.pointee.outbox.tickPartIsSent()
            counter.add(count, to: .bytesSent)
            return true
        case .blocked(let count):
            countSent(count, on: connection)
            connection.flags.insert([.writeBlocked, .wasBlocked])
        case .failed: end(connection, because: .broken)
        }
        return false
    }

    private func writeOut(_ connection: Connection) {
        while connection.pendingBytes > 0 {
            let part = connection.outbox.tickPart(in: state.pointee.arena)
            switch connection.transport.write(part, then: connection.outbox.queue) {
            case .sent(let count):
                countSent(count, on: connection)
            case .blocked(let count):
                countSent(count, on: connection)
                connection.flags.insert([.writeBlocked, .wasBlocked])
                return
            case .failed: return end(connection, because: .broken)
            }
        }
    }

    private func countSent(_ count: Int, on connection: Connection) {
        counter.add(count, to: .bytesSent)
        connection.state.pointee.outbox.sent(
            count, in: state.pointee.arena, charging: ledger(of: connection))
        if connection.isDeliveryWatched { countDelivered(count, on: connection) }
    }

    private func outputIsOut(_ connection: Connection) {
        connection.state.pointee.outbox.removeAll()
        guard !connection.flags.contains(.closeAfterFlush) else {
            return end(connection, because: .finished)
        }
        if connection.isDeliveryWatched { updateTimer(of: connection, after: .handedOver) }
        guard connection.flags.contains(.wasBlocked) else { return }
        connection.flags.remove(.wasBlocked)
        regainedRoom(connection)
    }

    private func outputWaits(_ connection: Connection) {
        if connection.outbox.ownBytes > 0 { holds(connection) }
        let isFull = isQueueFull(connection)
        if isFull, !connection.flags.contains(.queueFull) {
            connection.flags.insert(.queueFull)
            // A socket that is closing has a shorter deadline already, which stands.
            if connection.isOpenSocket {
                return updateTimer(of: connection, after: .queueFilled)
            }
        }
        updateTimer(of: connection, after: .outputWaits)
        if !isFull, connection.flags.contains(.queueFull) { regainedRoom(connection) }
    }

    /// At its own limit; or something waits for it while all queues together hold too much.
    func isQueueFull(_ connection: Connection) -> Bool {
        connection.pendingBytes >= limits.sendQueueBytesMax
            || connection.outbox.messageCount >= limits.sendQueueMessagesMax
            || connection.outbox.queue != nil && server.workers.queued.bytes > limits.queuedBytesMax
    }

    private func regainedRoom(_ connection: Connection) {
        if connection.phase == .webSocket {
            service(of: connection).hasRoom(connection.token, on: self)
        }
        guard connection.flags.contains(.queueFull) else { return }
        connection.flags.remove(.queueFull)
        updateTimer(of: connection, after: .roomRegained)
        // Reading stopped while the queue was full; bytes may wait in the kernel and in `input`.
        goOnNextTick(connection)
    }

    @inline(never)
    func becameWritable(_ connection: Connection) {
        guard connection.flags.contains(.writeBlocked) else { return }
        connection.flags.remove(.writeBlocked)
        if connection.pendingBytes > 0 { markDirty(connection) }
    }

    @inline(never)
    func goOnNextTick(_ connection: Connection) {
        guard !connection.flags.contains(.again), connection.phase != .closed else { return }
        connection.flags.insert(.again)
        again.append(connection)
    }

    // MARK: The tick's end

    /// Sends what is ready in the middle of a tick, where much has gathered.
    @inline(__always)
    func sendEarly() {
        if state.pointee.arena.count > OutputArena.bytesMax { sendNow() }
    }

    @inline(never)
    private func sendNow() { sendDirty() }

    /// The end of a tick: sends what its connections have to send.
    @inline(__always)
    func flushDirty() {
        sendDirty()
        state.pointee.arena.releaseLargeMemory()
        assert(listsAreConsistent, "a connection's flags and the worker's lists disagree")
    }

    @inline(__always)
    private func sendDirty() {
        // A flush may close connections and so make others dirty: go on until none is left.
        var position = 0
        while position < dirty.count {
            let connection = dirty[position]
            position += 1
            connection.flags.remove(.dirty)
            flush(connection)
        }
        dirty.removeAll()
        state.pointee.arena.removeAll()
    }
}
