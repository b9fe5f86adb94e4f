// Presence on one worker (live.md, "Presence"). Each topic has an owner among the workers, by a
// hash of its name, and whatever concerns its members goes there by mail: who enters, leaves,
// breaks off, asks. So the owner alone knows the truth, without a lock, and puts all of it into one
// order: what it mails to a worker arrives in the order in which it was mailed, so a list comes
// after everything that is in it and before everything that is not. One lock around a table for all
// workers would give the truth without mail, but not that order: two workers could publish two
// versions the wrong way round, unless they did so while they held it. The price is one mail there
// and one back for each subscribe with presence, and an `ack` that comes a little later.
//
//   worker of the socket                        owner of the topic
//   join ──(connection, entry)─────────────────► PresenceTable.enter
//   ack, seat sent up to v ◄──(list at v)─────── the state that was published last
//   seats that it continues ◄──(publication)──── PresenceTable.advance, to all workers at once
//   socket's queue full: seat missed, and when there is room: list ──► and back, as above
//
// What clients ask is in +Asking, what is published in +FanOut; a seat's machine is in
// PresenceRoom. Confined to its worker, as the service is; there only if the app has a hook.

import MizuBytes
import MizuEventLoop
import MizuServer
import MizuTopics
import MizuWire

final class PresenceRooms {
    private let decide: PresenceHook
    private let limits: PresenceLimits
    /// Members of the topics that this worker owns.
    var table: PresenceTable
    /// The same over nodes; nil where this one is alone.
    var shared: SharedPresence?
    /// The topics that sockets of this worker watch.
    private(set) var rooms: [ByteSlice: PresenceRoom] = [:]
    let queue = FanOutQueue<ByteSlice, PresenceWalk, PresencePublication>(
        waitingMax: publicationsMax, togetherMax: 64)
    /// Seats that missed something though their sockets take what they are given, so that nobody
    /// will say that there is room.
    var missed: [Asker.Seat] = []
    private var lastNumber = 0
    /// Topics that were begun or given up since the cluster was told.
    var movedRooms: Set<ByteSlice> = []
    /// Those of which the cluster knows.
    var followedRooms: Set<ByteSlice> = []

    /// Publications that wait before a new one takes the place of an older one of its topic: the
    /// gap shows in its `base`, and lists make it good.
    private static let publicationsMax = 1024

    /// - Parameter cluster: nil where the node is alone.
    init(_ decide: @escaping PresenceHook, limits: PresenceLimits, cluster: Cluster? = nil) {
        self.decide = decide
        self.limits = limits
        table = PresenceTable(limits: limits)
        shared = cluster.map {
            SharedPresence(
                node: $0.news.node, limits: limits, beatMilliseconds: $0.times.heartbeat)
        }
    }

    // MARK: What the app says

    /// What a session may have of a topic's presence.
    struct Wish {
        /// The member as which it is shown; nil to watch.
        let entry: PresenceEntry?
    }

    /// Asks the app; nil if it says no.
    func wish(of session: LiveSession, for topic: ByteSlice, info: JSONValue?) -> Wish? {
        switch decide(session, topic.string, info) {
        case .deny: return nil
        case .watch: return Wish(entry: nil)
        case .join(let member):
            return Wish(
                entry: PresenceEntry(
                    id: ByteSlice(member.id), info: member.info, limits: limits))
        }
    }

    // MARK: Seats

    func seat(_ seat: Asker.Seat) -> PresenceSeat? { rooms[seat.topic]?[seat.socket] }

    /// Takes a seat, or the one that is there, while the owner is asked.
    /// - Returns: the number by which the answer is known.
    func take(_ seat: Asker.Seat, as wish: Wish, info: JSONValue?) -> Int {
        var taken = PresenceSeat(token: seat.socket, info: info, state: .asked(nextNumber()))
        taken.entry = wish.entry
        let room = rooms[seat.topic] ?? PresenceRoom(topic: seat.topic.compacted)
        if shared != nil, rooms[room.topic] == nil { movedRooms.insert(room.topic) }
        rooms[room.topic] = room
        room[seat.socket] = taken
        return lastNumber
    }

    /// - Returns: whether there was one.
    func give(up seat: Asker.Seat) -> Bool {
        guard let room = rooms[seat.topic], room[seat.socket] != nil else { return false }
        room[seat.socket] = nil
        if room.count == 0 {
            rooms[seat.topic] = nil
            if shared != nil { movedRooms.insert(room.topic) }
        }
        return true
    }

    /// Records in which state a seat is, if it is still there.
    func record(_ state: PresenceSeat.State, of seat: Asker.Seat) {
        rooms[seat.topic]?[seat.socket]?.state = state
    }

    func record(_ entry: PresenceEntry?, of seat: Asker.Seat) {
        rooms[seat.topic]?[seat.socket]?.entry = entry
    }

    /// The number of the next question to an owner.
    func nextNumber() -> Int {
        lastNumber += 1
        return lastNumber
    }

    /// Whether the seat still waits for the answer with that number.
    func isAwaited(_ number: Int, by seat: Asker.Seat) -> Bool {
        self.seat(seat)?.state == .asked(number)
    }

    /// A message was left out, so a whole list is due. If the kernel takes nothing, `hasRoom` is
    /// called in time.
    /// - Parameter isBlocked: whether the kernel has not taken all that was sent.
    func miss(_ seat: Asker.Seat, isBlocked: Bool) {
        record(.missed, of: seat)
        if !isBlocked { missed.append(seat) }
    }
}

extension Asker {
    /// Names a seat: a socket in a topic.
    struct Seat: Sendable {
        let socket: Token
        let topic: ByteSlice
    }

    var seat: Seat { Seat(socket: socket, topic: topic) }
}

// MARK: To the owner and back

extension LiveWorker {
    /// Runs `body` on the worker that owns a topic.
    func performAtOwner(
        of topic: ByteSlice, _ body: @escaping @Sendable (PresenceRooms, LiveWorker) -> Void
    ) {
        perform(on: PresenceRooms.owner(of: topic, among: service.sync.workers)) { owner in
            if let presence = owner.service.presence { body(presence, owner) }
        }
    }
}

extension PresenceRooms {
    /// The worker that keeps a topic's members. The same on every worker: names are hashed with a
    /// key of the process, so that nobody outside can choose names that all fall to one.
    static func owner(of topic: ByteSlice, among workers: Workers) -> Int {
        Int(UInt(bitPattern: topic.hashValue) % UInt(workers.count))
    }

    /// Enters a socket at the owner of its topic; `resume` gets on this worker what came of it.
    func enter(
        _ asker: Asker, as wish: Wish,
        _ resume: @escaping @Sendable (Asker, PresenceEntrance?) -> Void
    ) {
        let (question, connection) = (asker.question.compacted, asker.presenceConnection)
        asker.live.performAtOwner(of: question.topic) { presence, owner in
            let entrance = presence.enterOwn(
                connection, question.topic, as: wish.entry, now: owner.worker.now.nanoseconds)
            owner.perform(on: connection.worker) { resume($0.asker(question), entrance) }
        }
    }

    /// Asks for the list of a topic; `resume` gets it on this worker.
    func askList(
        _ asker: Asker, _ resume: @escaping @Sendable (Asker, PresenceList?) -> Void
    ) {
        let (question, index) = (asker.question.compacted, asker.worker.index)
        asker.live.performAtOwner(of: question.topic) { presence, owner in
            let list = presence.table.list(of: question.topic)
            owner.perform(on: index) { resume($0.asker(question), list) }
        }
    }
}

extension Asker {
    /// The socket as the owner of a topic knows it.
    var presenceConnection: PresenceConnection {
        PresenceConnection(worker: worker.index, token: socket)
    }
}
