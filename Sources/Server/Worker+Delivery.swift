// Whether a peer takes what it was sent, and whether a WebSocket message that has begun goes on.
//
// The kernel's send buffer takes megabytes from us that the peer never reads, so what counts is
// what the peer's kernel has acknowledged: bytes given to the kernel less those that it still
// holds. A delivery is watched from the first short write, or from a large answer on, until all is
// acknowledged. The timer looks once in each window, so a trickle stretches nothing, and a large
// answer to a peer that keeps the pace goes on for as long as it takes. Who is too slow is reset:
// an ordinary close would leave its bytes to the kernel, and the peer could go on sipping at them.

import MizuDoor
import MizuEventLoop
import MizuHTTP
import MizuTransport

/// One connection's output under watch.
struct Delivery {
    /// Bytes given to the kernel since the watch began.
    var sent = 0
    /// What was on its way when the window began. Who has taken all of that is not slow, whatever
    /// has been added since.
    var owed: Int
    var rate: TransferRate
}

extension Worker {
    /// Begins to watch, or goes on where a watch was interrupted by another deadline: its window
    /// does not begin anew.
    func watchDelivery(_ connection: Connection) {
        let slot = connection.token.index
        let delivery = deliveries[slot] ?? newDelivery(to: connection)
        deliveries[slot] = delivery
        connection.deadline = .writeStall
        timers.set(slot, deadline: delivery.rate.end)
    }

    private func newDelivery(to connection: Connection) -> Delivery {
        let onTheWay = bytesOnTheWay(connection)
        return Delivery(
            owed: owed(by: connection, onTheWay),
            rate: TransferRate(-onTheWay, deliveryPace(of: connection), now: now))
    }

    /// Watches on, from now: nothing is held against the peer that was before.
    func renewDelivery(_ connection: Connection) {
        deliveries[connection.token.index] = nil
        watchDelivery(connection)
    }

    /// Counted as sent and not yet with the peer: what its kernel has not acknowledged and, through
    /// TLS, what ours has not taken.
    private func bytesOnTheWay(_ connection: Connection) -> Int {
        connection.transport.unacknowledgedBytes + connection.transport.unsentBytes
    }

    /// What the peer must take in a window at least, if it takes all that it can. Bytes are counted
    /// before they are encrypted and on their way after that, so records get some slack.
    private func owed(by connection: Connection, _ onTheWay: Int) -> Int {
        let slack = connection.transport.isSecure ? 1_024 + onTheWay / 16 : 0
        return connection.unencryptedBytes + max(0, onTheWay - slack)
    }

    /// Called where bytes go out while a delivery is watched.
    func countDelivered(_ count: Int, on connection: Connection) {
        deliveries[connection.token.index]?.sent += count
    }

    /// A socket that is told what it did not ask for has the time that a full queue has.
    private func deliveryPace(of connection: Connection) -> TransferPace {
        guard connection.phase == .webSocket else { return limits.pace }
        return TransferPace(
            graceMilliseconds: 0, windowMilliseconds: limits.sendQueueFullMilliseconds,
            bytesPerSecondMin: limits.pace.bytesPerSecondMin)
    }

    /// All was given to the kernel: a WebSocket's heartbeats see to the rest, but a request's
    /// answer is watched to its end.
    func handedOver(_ connection: Connection) {
        switch connection.deadline {
        case .writeStall where connection.phase == .http && isBetweenRequests(connection): return
        case .writeStall, .queueFull:
            deliveries[connection.token.index] = nil
            connection.deadline = .none
            armForPhase(connection)
        case .none, .handshake, .idle, .head, .body, .handler, .linger, .heartbeat,
            .closeHandshake:
            return
        }
    }

    private func isBetweenRequests(_ connection: Connection) -> Bool {
        connection.incomplete == nil
            && connection.flags.isDisjoint(with: [.inHead, .streams, .awaited])
    }

    /// A window of the watch has ended.
    func judgeDelivery(_ connection: Connection) {
        let slot = connection.token.index
        guard var delivery = deliveries[slot] else { return armForPhase(connection) }
        let onTheWay = bytesOnTheWay(connection)
        if connection.pendingBytes == 0, isDelivered(connection, onTheWay) {
            deliveries[slot] = nil
            return deliveryEnded(connection)
        }
        let verdict = delivery.rate.windowEnded(
            delivery.sent - onTheWay, of: delivery.owed, deliveryPace(of: connection),
            now: now)
        switch verdict {
        case .goOn:
            delivery.owed = owed(by: connection, onTheWay)
            deliveries[slot] = delivery
            connection.deadline = .writeStall
            timers.set(slot, deadline: delivery.rate.end)
        case .tooSlow where connection.phase == .webSocket && connection.closing.isOpen:
            closeTooSlow(connection)
        case .tooSlow:
            connection.transport.resetOnClose()
            retire(connection)
        }
    }

    private func deliveryEnded(_ connection: Connection) {
        switch connection.phase {
        case .lingering: retire(connection)
        case .http where isBetweenRequests(connection):
            // It has been idle since its last byte.
            let quiet = milliseconds(since: connection.receivedTenth)
            connection.deadline = .idle
            timers.set(
                connection.token.index,
                deadline: now.adding(
                    milliseconds: limits.idleMilliseconds - min(quiet, limits.idleMilliseconds)))
        case .http, .webSocket, .closed, .proxyHeader, .handshaking: armForPhase(connection)
        }
    }

    /// Whether the peer's kernel has all of it; our FIN may be on its way.
    private func isDelivered(_ connection: Connection, _ unacknowledged: Int) -> Bool {
        unacknowledged <= (connection.phase == .lingering ? 1 : 0)
    }

    /// The peer has had its time to end the connection. What it has not acknowledged is not lost
    /// as long as it goes on taking it.
    func endLinger(_ connection: Connection) {
        if connection.entry.contains(.turnedAway)
            || isDelivered(connection, connection.transport.unacknowledgedBytes)
        {
            retire(connection)
        } else {
            watchDelivery(connection)
        }
    }

    // MARK: WebSocket messages that arrive

    /// A message, or a frame's head, is there in part.
    func messageBegan(_ connection: Connection) {
        guard !connection.flags.contains(.inMessage) else { return }
        connection.flags.insert(.inMessage)
        let rate = TransferRate(0, limits.pace, now: now)
        messageRates[connection.token.index] = rate
        guard connection.deadline == .heartbeat else { return }
        // The next word stays due when it was.
        let quiet = milliseconds(since: connection.sentTenth)
        setHeartbeat(
            connection,
            inMilliseconds: limits.heartbeatMilliseconds - min(quiet, limits.heartbeatMilliseconds))
    }

    func messageEnded(_ connection: Connection) {
        guard connection.flags.contains(.inMessage) else { return }
        connection.flags.remove(.inMessage)
        messageRates[connection.token.index] = nil
    }

    /// Reading had stopped for our own output: the peer could not go on, so its window begins anew.
    func messageGoesOn(_ connection: Connection) {
        guard connection.flags.contains(.inMessage) else { return }
        messageRates[connection.token.index] = TransferRate(
            connection.messages?.assembledBytes ?? 0, limits.pace, now: now)
    }

    /// What was not read for our sake is not held against the peer.
    func renewPace(of connection: Connection) {
        if connection.phase == .webSocket { return messageGoesOn(connection) }
        if connection.incomplete != nil { arm(connection, .body) }
    }

    /// - Returns: whether a message that is under way keeps the pace.
    func messageIsInTime(_ connection: Connection) -> Bool {
        let slot = connection.token.index
        guard var rate = messageRates[slot], now >= rate.end else { return true }
        guard !connection.flags.contains(.heldBack) else {
            messageGoesOn(connection)
            return true
        }
        let count = connection.messages?.assembledBytes ?? 0
        guard rate.windowEnded(count, limits.pace, now: now) == .goOn else { return false }
        messageRates[slot] = rate
        return true
    }

    /// When the heartbeat's timer must fire: for the next word, or to look at a message.
    func setHeartbeat(_ connection: Connection, inMilliseconds wait: UInt64) {
        let slot = connection.token.index
        connection.deadline = .heartbeat
        let word = now.adding(milliseconds: wait)
        timers.set(slot, deadline: min(word, messageRates[slot]?.end ?? word))
    }
}
