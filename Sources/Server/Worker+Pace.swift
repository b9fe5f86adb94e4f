// How fast what has begun must arrive: a request's body and a WebSocket message keep a pace
// (`TransferRate`). A body's window is the connection's deadline; a message's is looked at by the
// heartbeat's timer, which fires when it ends.

import MizuDoor
import MizuEventLoop
import MizuHTTP
import MizuWebSocket

extension Worker {
    // MARK: Bodies

    /// A body's window begins: at its start, or after a pause that was not the peer's.
    func renewBodyPace(of connection: Connection) -> Instant? {
        guard let incomplete = connection.incomplete else { return nil }
        incomplete.rate = TransferRate(
            incomplete.bodyReader.decodedCount, limits.pace, now: now)
        return incomplete.rate.end
    }

    func judgeBody(_ connection: Connection) {
        guard let incomplete = connection.incomplete else {
            return updateTimer(of: connection, after: .settled)
        }
        if connection.flags.contains(.heldBack) {
            _ = renewBodyPace(of: connection)
        } else if incomplete.rate.windowEnded(
            incomplete.bodyReader.decodedCount, limits.pace, now: now) == .tooSlow
        {
            return end(connection, because: .slowBody)
        }
        updateTimer(of: connection, after: .goesOn(.body, until: incomplete.rate.end))
    }

    /// What was not read for our sake is not held against the peer.
    func renewPace(of connection: Connection) {
        if connection.phase == .webSocket { return renewMessagePace(of: connection) }
        if connection.incomplete != nil { arm(connection, .body) }
    }

    // MARK: Messages

    /// A message, or a frame's head, is there in part.
    func messageBegan(_ connection: Connection) {
        guard !connection.flags.contains(.inMessage) else { return }
        connection.flags.insert(.inMessage)
        messageRates[connection.token.index] = TransferRate(0, limits.pace, now: now)
        guard connection.timer.deadline == .heartbeat else { return }
        // The next word stays due when it was.
        let quiet = milliseconds(since: connection.sentTenth)
        let wait = limits.heartbeatMilliseconds - min(quiet, limits.heartbeatMilliseconds)
        updateTimer(of: connection, after: .beats(inMilliseconds: wait))
    }

    func messageEnded(_ connection: Connection) {
        guard connection.flags.contains(.inMessage) else { return }
        connection.flags.remove(.inMessage)
        messageRates[connection.token.index] = nil
    }

    /// Reading had stopped for our own output: the peer could not go on, so its window begins anew.
    func renewMessagePace(of connection: Connection) {
        guard connection.flags.contains(.inMessage) else { return }
        messageRates[connection.token.index] = TransferRate(
            connection.messages?.assembledBytes ?? 0, limits.pace, now: now)
    }

    /// Judges the window of a message that is under way, if it has ended.
    func judgeMessage(_ connection: Connection) -> TransferRate.Verdict {
        let slot = connection.token.index
        guard var rate = messageRates[slot], now >= rate.end else { return .goOn }
        guard !connection.flags.contains(.heldBack) else {
            renewMessagePace(of: connection)
            return .goOn
        }
        let count = connection.messages?.assembledBytes ?? 0
        let verdict = rate.windowEnded(count, limits.pace, now: now)
        if verdict == .goOn { messageRates[slot] = rate }
        return verdict
    }
}
