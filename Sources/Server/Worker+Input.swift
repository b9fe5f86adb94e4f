// What arrives: reads until the kernel has no more, at most a budget in each tick, and hands the
// bytes to the protocol that the connection speaks. A connection that waits holds no buffer: bytes
// are read into the worker's, and only an unfinished rest is kept with the connection.

import MizuBytes
import MizuEventLoop
import MizuTransport

/// What a protocol did with the bytes that it was shown.
enum InputStep {
    /// Took `Int` bytes; there may be more to take.
    case took(Int)
    /// Took `Int` bytes; the rest is incomplete and must be shown again with more behind.
    case needMore(Int)
    /// Took `Int` bytes; show the rest again when an answer is out or the queue has room.
    case pause(Int)
}

extension Worker {
    /// Takes the connection as far as its bytes and its peer allow.
    func advance(_ connection: Connection) {
        advanceInput(of: connection)
        if connection.flags.contains(.holds) { settleInput(of: connection) }
    }

    @inline(__always)
    private func advanceInput(of connection: Connection) {
        guard connection.phase != .closed else { return }
        budget.beginShare()
        if connection.phase.isBeforeHTTP, !takeBeforeHTTP(connection) { return }
        if connection.input != nil {
            guard takeHeld(connection) else { return }
        }
        while connection.flags.contains(.mayRead) {
            guard connection.phase != .closed, !isPaused(connection) else { return }
            guard let count = read(connection) else { return }
            if connection.flags.contains(.holds) { settleInput(of: connection) }
            if connection.phase == .webSocket { countReceived(count, on: connection) }
            // Through TLS a read may bring nothing, at a price.
            budget.spend(max(count, TickBudget.Price.read))
            // What was begun is never cut off before it has taken one step.
            guard !connection.flags.contains(.mayRead) || mayGoOn() else {
                return goOnNextTick(connection)
            }
        }
    }

    /// - Returns: whether the connection speaks HTTP by now, or goes on otherwise.
    @inline(never)
    private func takeBeforeHTTP(_ connection: Connection) -> Bool {
        if connection.phase == .proxyHeader, !takeProxyHeader(connection) { return false }
        return connection.phase != .handshaking || takeHandshakeStep(connection)
    }

    /// Whether nothing may be taken now: an answer is awaited or made, the peer does not read, or
    /// memory is short.
    private func isPaused(_ connection: Connection) -> Bool {
        !connection.flags.isDisjoint(with: [.awaited, .queueFull, .heldBack, .streams])
    }

    /// Reads once and takes what came.
    /// - Returns: the bytes read, or nil where there is nothing more to read.
    private func read(_ connection: Connection) -> Int? {
        guard let held = connection.input else { return readFresh(connection) }
        held.bytes.reserve(4096)
        let room = held.bytes.writable
        guard let count = receive(connection, into: room) else { return nil }
        held.bytes.advance(written: count)
        _ = takeHeld(connection)
        return count
    }

    /// Reads into the worker's buffer; what is not taken moves to a buffer of the connection's own.
    private func readFresh(_ connection: Connection) -> Int? {
        readBuffer.removeAll()
        let room = readBuffer.writable
        guard let count = receive(connection, into: room) else { return nil }
        let bytes = UnsafeMutableRawBufferPointer(rebasing: room[..<count])
        let taken = take(connection, bytes)
        if taken < count, connection.phase != .closed {
            let rest = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[taken...])
            let held = LentBuffer(capacity: rest.count + 1024)
            held.bytes.append(rest)
            connection.input = held
            holds(connection)
        }
        return count
    }

    private func receive(
        _ connection: Connection, into room: UnsafeMutableRawBufferPointer
    ) -> Int? {
        let outcome = connection.transport.read(into: room)
        if connection.transport.isSecure { noteSecureRead(connection) }
        switch outcome {
        case .bytes(let count, let left):
            // Where nothing is left the next bytes bring an edge. After a hang-up there is no
            // further edge, so read on until the end is seen.
            if left == .none && !connection.flags.contains(.hungUp) {
                connection.flags.remove(.mayRead)
            }
            connection.receivedTenth = tenth
            counter.add(count, to: .bytesReceived)
            return count
        case .wouldBlock:
            connection.flags.remove(.mayRead)
            return nil
        case .ended:
            connection.flags.remove(.mayRead)
            end(connection, because: .peerEnded)
            return nil
        case .failed:
            connection.flags.remove(.mayRead)
            readFailed(connection)
            return nil
        }
    }

    /// Shows the protocol what an earlier read left.
    /// - Returns: whether reading may go on.
    private func takeHeld(_ connection: Connection) -> Bool {
        guard let held = connection.input else { return true }
        guard !isPaused(connection) else { return false }
        let taken = take(connection, held.bytes.mutableReadable)
        guard connection.phase != .closed else { return false }
        held.bytes.consume(taken)
        if held.bytes.isEmpty { connection.input = nil }
        // Who was cut off has bytes here that come before all others.
        return !isPaused(connection) && !connection.flags.contains(.again)
    }

    /// Shows the protocol the bytes until it has taken them, or cannot go on, or the connection's
    /// share of this tick is used up.
    /// - Returns: how many of `bytes` were taken.
    private func take(
        _ connection: Connection, _ bytes: UnsafeMutableRawBufferPointer
    ) -> Int {
        var offset = 0
        while offset < bytes.count {
            if connection.flags.contains(.closeAfterFlush) || connection.phase == .lingering
                || connection.phase == .closed
            {
                return bytes.count
            }
            let rest = UnsafeMutableRawBufferPointer(rebasing: bytes[offset...])
            let step =
                connection.phase == .http
                ? takeRequest(connection, rest) : takeFrame(connection, rest)
            switch step {
            case .took(let count):
                offset += count
                guard offset == bytes.count || mayGoOn() else {
                    goOnNextTick(connection)
                    return offset
                }
            case .needMore(let count), .pause(let count): return offset + count
            }
        }
        return offset
    }
}
