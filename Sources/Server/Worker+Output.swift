// What leaves: bytes are gathered during the tick and each connection is written once, at its end.
// Small things are composed in the worker's arena, where a connection's part is a range; large and
// shared things stand in the connection's send queue as counted slices. The kernel takes what it
// takes; the rest is kept and goes on with the next edge.
//
// Truth between two calls: a connection's arena range is empty, or it comes before its queue.

import MizuBytes
import MizuEventLoop
import MizuTransport

extension Worker {
    /// Bytes in the arena beyond which what is ready is sent before the tick goes on: a tick of
    /// many loud connections must not gather all their answers.
    static let arenaBytesMax = 1 << 20
    /// Shared bytes up to here are copied to where the rest stands: cheaper than a reference.
    static let copiedBytesMax = 4096
    /// Beyond it the arena takes nothing at all.
    static let arenaBytesEnd = 1 << 28

    /// Appends what `write` composes to the connection's output. `write` must not use the worker.
    @inline(__always)
    func compose(for connection: Connection, _ write: (inout ByteBuffer) -> Void) {
        guard connection.phase != .closed else { return }
        settleSharedFrame(connection)
        if mayExtendArena(connection) {
            if connection.arenaCount == 0 { connection.arenaStart = Int32(arena.count) }
            write(&arena)
            connection.arenaCount = Int32(arena.count) - connection.arenaStart
        } else {
            var scratch = ByteBuffer(capacity: 256)
            write(&scratch)
            queue(of: connection).append(
                scratch.takeSlice(leaving: 1, charging: ledger(of: connection)))
        }
        markDirty(connection)
    }

    /// More is to follow a frame that the connection shares: it takes a place of its own.
    @inline(__always)
    private func settleSharedFrame(_ connection: Connection) {
        if connection.flags.contains(.sharesFrame) { takeSharedFrame(connection) }
    }

    private func takeSharedFrame(_ connection: Connection) {
        let frame = state.pointee.tickFrames[Int(connection.arenaStart)]
        connection.flags.remove(.sharesFrame)
        connection.arenaCount = 0
        if frame.slice.count <= Self.copiedBytesMax, mayExtendArena(connection) {
            connection.arenaStart = Int32(arena.count)
            arena.append(frame.slice)
            connection.arenaCount = Int32(arena.count) - connection.arenaStart
        } else {
            connection.arenaMessages = 0
            queue(of: connection).append(frame.slice, tag: frame.tag)
        }
    }

    /// Appends shared bytes: large ones by reference, small ones by copy, which is cheaper.
    func enqueue(_ slice: ByteSlice, for connection: Connection, tag: SendQueue.Tag = 0) {
        guard connection.phase != .closed else { return }
        settleSharedFrame(connection)
        if slice.count <= Self.copiedBytesMax && mayExtendArena(connection) {
            compose(for: connection) { $0.append(slice) }
        } else {
            queue(of: connection).append(slice, tag: tag)
            markDirty(connection)
        }
    }

    private func mayExtendArena(_ connection: Connection) -> Bool {
        // A range is 32 bits wide; far below that the rest goes to queues of its own.
        guard connection.queue == nil, arena.count < Self.arenaBytesEnd else { return false }
        return connection.arenaCount == 0
            || Int(connection.arenaStart + connection.arenaCount) == arena.count
    }

    private func queue(of connection: Connection) -> SendQueue {
        if let queue = connection.queue { return queue }
        let queue = SendQueue(ledger: ledger(of: connection))
        connection.queue = queue
        return queue
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

    /// Whether the connection may be asked to answer more; tries to send where it is full.
    func hasOutputRoom(_ connection: Connection) -> Bool {
        if connection.state.pointee.queue == nil,
            Int(connection.arenaCount) < limits.sendQueueBytesMax,
            Int(connection.arenaMessages) < limits.sendQueueMessagesMax
        {
            return true
        }
        if !isQueueFull(connection) { return true }
        flush(connection)
        return connection.phase != .closed && !isQueueFull(connection)
    }

    // MARK: Sending

    /// Writes all that waits for the connection, as far as the kernel takes it.
    func flush(_ connection: Connection) {
        guard connection.phase != .closed else { return }
        let composed = connection.arenaCount
        if flushSmall(connection) { return }
        if !connection.flags.contains(.writeBlocked) { writeOut(connection) }
        keepUnsentArena(of: connection, as: connection.arenaCount < composed ? .rest : .whole)
        guard connection.phase != .closed else { return }
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
        guard connection.state.pointee.queue == nil, connection.arenaCount > 0,
            connection.flags.isDisjoint(
                with: [.writeBlocked, .wasBlocked, .closeAfterFlush, .streams]),
            !connection.isDeliveryWatched
        else { return false }
        switch connection.transport.write(arenaPart(of: connection), then: nil) {
        case .sent(let count):
            // Through TLS one call may take less than there is.
            guard count == Int(connection.arenaCount) else {
                countSent(count, on: connection)
                return false
            }
            connection.arenaCount = 0
            connection.arenaMessages = 0
            connection.flags.remove(.sharesFrame)
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
            switch connection.transport.write(arenaPart(of: connection), then: connection.queue) {
            case .sent(let count):
                countSent(count, on: connection)
            case .blocked(let count):
                countSent(count, on: connection)
                connection.flags.insert([.writeBlocked, .wasBlocked])
                return
            case .failed:
                return end(connection, because: .broken)
            }
        }
    }

    /// The connection's bytes in the arena; valid until the arena next changes. Where it has none,
    /// `arenaStart` is of an earlier tick and means nothing.
    private func arenaPart(of connection: Connection) -> UnsafeRawBufferPointer {
        guard connection.arenaCount > 0 else {
            return UnsafeRawBufferPointer(start: nil, count: 0)
        }
        let start = Int(connection.arenaStart)
        if connection.flags.contains(.sharesFrame) {
            // The list keeps the frame until the tick's last flush.
            return state.pointee.tickFrames[start].slice.withUnsafeBytes { $0 }
        }
        return UnsafeRawBufferPointer(
            rebasing: arena.readable[start..<start + Int(connection.arenaCount)])
    }

    private func countSent(_ count: Int, on connection: Connection) {
        if connection.flags.contains(.sharesFrame), count < Int(connection.arenaCount) {
            keepSharedFrame(of: connection)
        }
        let fromArena = min(count, Int(connection.arenaCount))
        connection.arenaStart += Int32(fromArena)
        connection.arenaCount -= Int32(fromArena)
        if connection.arenaCount == 0 { connection.arenaMessages = 0 }
        if count > fromArena { connection.queue?.advance(sent: count - fromArena) }
        if connection.isDeliveryWatched {
            countDelivered(count, on: connection)
        }
    }

    /// What the kernel did not take of a shared frame waits as a reference to it.
    private func keepSharedFrame(of connection: Connection) {
        let frame = state.pointee.tickFrames[Int(connection.arenaStart)]
        connection.flags.remove(.sharesFrame)
        connection.arenaCount = 0
        connection.arenaMessages = 0
        queue(of: connection).prepend(frame.slice, as: .whole, tag: frame.tag)
    }

    /// The arena is used anew in each tick, so what it still holds moves to the queue.
    private func keepUnsentArena(of connection: Connection, as part: SendQueue.Part) {
        guard connection.arenaCount > 0 else {
            connection.flags.remove(.sharesFrame)
            return
        }
        if connection.flags.contains(.sharesFrame), connection.phase != .closed {
            return keepSharedFrame(of: connection)
        }
        guard connection.phase != .closed else {
            connection.arenaCount = 0
            return
        }
        let rest = ByteSlice(
            copying: arenaPart(of: connection), charging: ledger(of: connection))
        queue(of: connection).prepend(rest, as: part)
        connection.arenaCount = 0
        connection.arenaMessages = 0
    }

    private func outputIsOut(_ connection: Connection) {
        connection.queue = nil
        connection.arenaMessages = 0
        guard !connection.flags.contains(.closeAfterFlush) else {
            return end(connection, because: .finished)
        }
        if connection.isDeliveryWatched { updateTimer(of: connection, after: .handedOver) }
        guard connection.flags.contains(.wasBlocked) else { return }
        connection.flags.remove(.wasBlocked)
        regainedRoom(connection)
    }

    private func outputWaits(_ connection: Connection) {
        if connection.queue?.ownBytes ?? 0 > 0 { holds(connection) }
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
            || connection.waitingMessages >= limits.sendQueueMessagesMax
            || connection.queue != nil && server.workers.queued.bytes > limits.queuedBytesMax
    }

    private func regainedRoom(_ connection: Connection) {
        if connection.phase == .webSocket {
            services[Int(connection.service)].hasRoom(connection.token, on: self)
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
}
