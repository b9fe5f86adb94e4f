// What connections hold, counted and kept within `MemoryLedger`'s limits. A connection that begins
// to hold something gets `.holds`; from then on what it holds is counted anew whenever it was read
// from or written to, until it holds nothing. At the marks, in this order: large bodies and
// messages are not read on, new ones and large answers are refused (503), and the worst holders
// end: a request that is not whole with 503, a socket with 1013, an answer that nobody takes by a
// reset.

import MizuBytes
import MizuDoor
import MizuEventLoop
import MizuHTTP
import MizuTransport
import MizuWebSocket

/// A worker's part of what the process holds.
struct WorkerMemory: ~Copyable {
    var holdings = Holdings()
    var watch = MemoryWatch()
    /// Those whose bodies stand still.
    var heldBack = ConnectionList()
    /// By slot: bodies that a handler has while it thinks.
    var handed: [Int: Int] = [:]
    /// When to look again.
    var due: Instant?
    var episode = LogEpisode()
}

extension Worker {
    /// Something of the connection's is held from now on, or may be.
    @inline(__always)
    func holds(_ connection: Connection) { connection.flags.insert(.holds) }

    /// Counts what the connection holds after it was read from; who has grown too large ends.
    func settleInput(of connection: Connection) {
        let growth = settle(connection)
        guard growth > 0, memory.limits.bytesMax != nil, mayEnd(connection) else { return }
        if isOverShare(connection) {
            logMemory("an address holds its share of MEMORY_LIMIT")
            endToFree(connection, because: .addressMemory)
        } else if memory.isHigh {
            memoryIsHigh()
            holdBack(connection)
        }
    }

    /// Counts what the connection holds after it was written to.
    func settleOutput(of connection: Connection) {
        if settle(connection) > 0, memory.isHigh { memoryIsHigh() }
    }

    /// - Returns: by how many bytes it has grown, or shrunk.
    private func settle(_ connection: Connection) -> Int {
        let slot = connection.token.index
        let held = connection.phase == .closed ? 0 : heldBytes(connection)
        let change = state.pointee.memory.holdings.set(slot, to: held, now: now)
        if held == 0 { connection.flags.subtract([.holds, .heldBack]) }
        if change.bytes != 0 { memory.add(change.bytes, holders: change.holders) }
        if change.steppedBytes != 0, let key = shareKey(connection) {
            _ = memory.add(change.steppedBytes, of: key)
        }
        return change.bytes
    }

    /// The last look at a connection that ends.
    func settleEnd(of connection: Connection) { _ = settle(connection) }

    private func heldBytes(_ connection: Connection) -> Int {
        var bytes = connection.transport.heldBytes
        if let input = connection.input { bytes += input.bytes.capacity }
        if let incomplete = connection.incomplete {
            bytes += incomplete.body.capacity + incomplete.headBytes.count
        }
        bytes += connection.messages?.assemblyBytes ?? 0
        bytes += connection.outbox.ownBytes
        if connection.flags.contains(.streams) { bytes += streamBytes(of: connection) }
        if !state.pointee.memory.handed.isEmpty {
            let slot = connection.token.index
            if connection.isAwaited {
                bytes += state.pointee.memory.handed[slot] ?? 0
            } else {
                state.pointee.memory.handed[slot] = nil
            }
        }
        return bytes
    }

    /// A handler has a body and answers later.
    func handedOver(_ byteCount: Int, by connection: Connection) {
        guard byteCount > 0 else { return }
        state.pointee.memory.handed[connection.token.index] = byteCount
        holds(connection)
    }

    // MARK: Shares

    /// Whose share it is; nil for those without one: exempt addresses, and proxies, which bring
    /// everybody's.
    private func shareKey(_ connection: Connection) -> AddressKey? {
        guard let limits = server.configuration.addressLimits,
            !connection.arrival.contains(.viaProxy), !limits.exempt.contains(connection.peer)
        else { return nil }
        return AddressKey(connection.peer)
    }

    /// Whether its address holds more than it may, and not by this connection alone.
    private func isOverShare(_ connection: Connection, with more: Int = 0) -> Bool {
        let own = state.pointee.memory.holdings.bytes(of: connection.token.index)
        guard own + more >= Holdings.stepBytes, let key = shareKey(connection) else { return false }
        let all = memory.bytes(of: key)
        return all + more > memory.limits.addressBytesMax && all > Holdings.stepped(own)
    }

    /// Whether so much more cannot be had for the connection now.
    func isMemoryShort(for connection: Connection, _ more: Int) -> Bool {
        guard more > memory.limits.smallBytesMax, memory.limits.bytesMax != nil else {
            return false
        }
        return memory.isHigh || isOverShare(connection, with: more)
    }

    /// What who asks for too much is told.
    static let memoryShort: Response = {
        var response = Response(
            HTTPError(
                .serviceUnavailable, code: "unavailable",
                message: "the server is short of memory; try again"))
        response.connection = .close
        response.set("Retry-After", literal: "5")
        return response
    }()

    /// What may stand in an answer's place: an answer that would wait in memory where there is
    /// none is not kept.
    func affordable(_ response: Response, for connection: Connection) -> Response {
        guard isMemoryShort(for: connection, response.body.ownCount) else { return response }
        logMemory("large answers are refused")
        return Self.memoryShort
    }

    // MARK: Standing still

    private func holdBack(_ connection: Connection) {
        let own = state.pointee.memory.holdings.bytes(of: connection.token.index)
        guard own > memory.limits.smallBytesMax, !connection.flags.contains(.heldBack),
            connection.incomplete != nil || connection.flags.contains(.inMessage)
        else { return }
        connection.flags.insert(.heldBack)
        state.pointee.memory.heldBack.append(connection)
    }

    /// Those that stood still are read again; their paces begin anew.
    private func letGoOn() {
        let round = state.pointee.memory.heldBack.count
        for position in 0..<round {
            let connection = state.pointee.memory.heldBack[position]
            guard connection.flags.contains(.heldBack) else { continue }
            connection.flags.remove(.heldBack)
            renewPace(of: connection)
            goOnNextTick(connection)
        }
        state.pointee.memory.heldBack.removeFirst(round)
    }

    // MARK: Looking

    /// The soft mark was passed: every worker looks, because the largest may be anywhere.
    private func memoryIsHigh() {
        guard state.pointee.memory.due == nil else { return }
        state.pointee.memory.due = now
        server.workers.performOnAll { worker in
            worker.state.pointee.memory.due = worker.state.pointee.memory.due ?? worker.now
        }
    }

    /// Once a tick, where something is held.
    func lookAtMemory() {
        guard let due = state.pointee.memory.due, now >= due else { return }
        let action = state.pointee.memory.watch.step(memory.bytes, memory.limits, now: now)
        state.pointee.memory.due = now.adding(milliseconds: memory.limits.lookMilliseconds)
        switch action {
        case .none:
            // Somebody may stand still for a peak that was over before it was looked at.
            state.pointee.memory.due = nil
            letGoOn()
        case .holdBack: break
        case .goOn:
            state.pointee.memory.due = nil
            letGoOn()
        case .end(let target):
            logMemory("the largest and slowest connections are ended")
            let hasEnded = endWorst(downTo: target)
            // Over the limit the next tick goes on.
            if hasEnded, memory.bytes > memory.limits.bytesMax ?? .max {
                state.pointee.memory.due = now
            }
        }
    }

    /// - Returns: whether somebody was found.
    private func endWorst(downTo target: Int) -> Bool {
        let connections = self.connections
        let slots = state.pointee.memory.holdings.worst(
            memory.limits.lookEndsMax, holding: max(1, memory.meanBytes), now: now
        ) { slot in
            connections.element(at: slot).map { self.mayEnd($0) } ?? false
        }
        for slot in slots where memory.bytes > target {
            guard let connection = connections.element(at: slot) else { continue }
            endToFree(connection, because: .memory)
        }
        return !slots.isEmpty
    }

    /// Whether its end would free what it holds: what a handler has stays until that is done.
    private func mayEnd(_ connection: Connection) -> Bool {
        !connection.isAwaited && connection.phase != .closed
    }

    private func endToFree(_ connection: Connection, because reason: CloseReason) {
        connection.flags.remove(.heldBack)
        end(connection, because: reason)
        settleEnd(of: connection)
    }

    /// One line a minute: it is about many.
    private func logMemory(_ what: String) {
        guard state.pointee.memory.episode.occurs(at: now) == .isNews else { return }
        logger.warning("\(what): \(memory.bytes >> 20) MiB are held")
    }
}
