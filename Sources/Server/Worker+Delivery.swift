// Deliveries under watch (`DeliveryWatch`): what the worker knows of a connection's output, and
// what it does about a peer that takes it too slowly. Such a peer is reset: an ordinary close would
// leave its bytes to the kernel, and the peer could go on sipping at them. A socket gets a close
// frame first.

import MizuDoor
import MizuEventLoop
import MizuHTTP
import MizuTransport

extension Worker {
    /// The watch of the connection's delivery. One that was interrupted by another deadline goes
    /// on: its window does not begin anew.
    func watch(_ connection: Connection) -> DeliveryWatch {
        let slot = connection.token.index
        if let watch = deliveries[slot] { return watch }
        let watch = DeliveryWatch(output(of: connection), deliveryPace(of: connection), now: now)
        deliveries[slot] = watch
        return watch
    }

    /// Watches on, from now: nothing is held against the peer that was before.
    func renewWatch(_ connection: Connection) -> DeliveryWatch {
        deliveries[connection.token.index] = nil
        return watch(connection)
    }

    private func output(of connection: Connection) -> DeliveryWatch.Output {
        let transport = connection.transport
        return DeliveryWatch.Output(
            unencryptedBytes: connection.outbox.byteCount,
            onTheWayBytes: transport.unacknowledgedBytes + transport.unsentBytes,
            isSecure: transport.isSecure, waits: connection.pendingBytes > 0,
            endIsSent: connection.phase == .lingering)
    }

    /// Whether the peer has all that it was sent. Costs a system call.
    func isDelivered(_ connection: Connection) -> Bool { output(of: connection).isDelivered }

    /// Called where bytes go out while a delivery is watched.
    func countDelivered(_ count: Int, on connection: Connection) {
        deliveries[connection.token.index]?.took(count)
    }

    /// A socket that is sent what it did not ask for has the time that a full queue has.
    private func deliveryPace(of connection: Connection) -> TransferPace {
        guard connection.phase == .webSocket else { return limits.pace }
        return TransferPace(
            graceMilliseconds: 0, windowMilliseconds: limits.sendQueueFullMilliseconds,
            bytesPerSecondMin: limits.pace.bytesPerSecondMin)
    }

    /// A window of the watch has ended.
    func judgeDelivery(_ connection: Connection) {
        let slot = connection.token.index
        guard var watch = deliveries[slot] else {
            return updateTimer(of: connection, after: .settled)
        }
        switch watch.windowEnded(output(of: connection), deliveryPace(of: connection), now: now) {
        case .goOn:
            deliveries[slot] = watch
            updateTimer(of: connection, after: .goesOn(.writeStall, until: watch.windowEnds))
        case .delivered:
            deliveries[slot] = nil
            let quiet = milliseconds(since: connection.receivedTenth)
            updateTimer(of: connection, after: .delivered(quietMilliseconds: quiet))
        case .tooSlow: end(connection, because: .slowReader)
        }
    }
}
