// Presence on one worker (live.md, "Presence"). Each topic has an owner among the workers, by a
// hash of its name, and whatever concerns its members goes there by mail: who enters, leaves,
// breaks off, asks. So the owner alone knows the truth, without a lock, and puts all of it into one
// order: what it mails to a worker arrives in the order in which it was mailed, so a list comes
// behind all that it has in it and before all that it has not. One lock around a table for all
// workers would give the truth without mail, but not that order: two workers could tell two
// versions the wrong way round, unless they told while they held it. The price is one mail there
// and one back for each subscribe with presence, and an `ack` that comes a little later.
//
//   worker of the socket                        owner of the topic
//   join ──(connection, entry)─────────────────► PresenceTable.enter
//   ack, seat told up to v ◄──(list at v)─────── its last told state
//   seats that it continues ◄──(publication)──── PresenceTable.advance, to all workers at once
//   socket's queue full: seat missed, and when there is room: list ──► and back, as above
//
// Confined to its worker, as the service is; there only where the app has a hook.

import MizuBytes
import MizuEventLoop
import MizuLive
import MizuServer

final class LivePresence {
    let decide: PresenceHook
    let limits: PresenceLimits
    /// Members of the topics that this worker owns.
    var table: PresenceTable
    /// The topics that sockets of this worker watch.
    var rooms: [ByteSlice: PresenceRoom] = [:]
    /// Fan-outs that wait, in order; the first may be under way.
    var deliveries: [Delivery] = []
    /// Seats that missed something though their sockets take what they are given, so that nobody
    /// will say that there is room.
    var missed: [(socket: Token, topic: ByteSlice)] = []
    private var lastAsk = 0

    /// What the owner tells all workers: one message, framed once.
    struct Told: Sendable {
        let topic: ByteSlice
        let base: Int
        let version: Int
        let publication: Publication

        init(_ news: PresenceNews, charging ledger: ByteLedger) {
            var text = ByteBuffer(capacity: 256)
            LiveWriter.presence(news, to: &text)
            topic = news.topic
            base = news.base
            version = news.version
            publication = Publication(text: text.readable, charging: ledger)
        }
    }

    struct Delivery {
        let told: Told
        var walk: PresenceWalk
        /// No group of its own: a connection can share one window, and the topic's messages are
        /// what it is worth most for.
        var broadcast: Broadcast
    }

    init(_ decide: @escaping PresenceHook, limits: PresenceLimits) {
        self.decide = decide
        self.limits = limits
        table = PresenceTable(limits: limits)
    }

    // MARK: Seats

    /// Takes a seat, or the one that is there, while its owner is asked.
    /// - Returns: the number to know the answer by.
    func seat(
        _ socket: Token, in topic: ByteSlice, info: JSONValue?, entry: PresenceEntry?
    ) -> Int {
        lastAsk += 1
        var seat = PresenceSeat(token: socket.bits, info: info, told: .asked(lastAsk))
        seat.entry = entry
        let room = rooms[topic] ?? PresenceRoom(topic: topic.compacted)
        rooms[room.topic] = room
        room[socket.bits] = seat
        return lastAsk
    }

    func seat(_ socket: Token, in topic: ByteSlice) -> PresenceSeat? {
        rooms[topic]?[socket.bits]
    }

    /// - Returns: whether there was one.
    func removeSeat(_ socket: Token, from topic: ByteSlice) -> Bool {
        guard let room = rooms[topic], room[socket.bits] != nil else { return false }
        room[socket.bits] = nil
        if room.count == 0 { rooms[topic] = nil }
        return true
    }

    /// Notes that the owner is asked for a list.
    func nextAsk(_ socket: Token, in room: PresenceRoom) -> Int {
        lastAsk += 1
        room[socket.bits]?.told = .asked(lastAsk)
        return lastAsk
    }

    /// Whether the seat still waits for that answer.
    func isAwaited(_ number: Int, _ socket: Token, in topic: ByteSlice) -> Bool {
        seat(socket, in: topic)?.told == .asked(number)
    }

    // MARK: Fan-outs

    /// Fan-outs that wait before a new one takes the place of an older one of its topic: the gap
    /// shows in its `base`, and lists make it good.
    private static let waitingMax = 1024

    func queue(_ told: Told, compresses: Bool) {
        guard let room = rooms[told.topic] else { return }
        if deliveries.count >= Self.waitingMax {
            // The first may be under way: its walk goes on.
            let older = deliveries.dropFirst().firstIndex { $0.walk.room === room }
            if let older { deliveries.remove(at: older) }
        }
        deliveries.append(
            Delivery(
                told: told, walk: PresenceWalk(over: room),
                broadcast: Broadcast(
                    told.publication, group: nil, compresses: compresses)))
    }
}
