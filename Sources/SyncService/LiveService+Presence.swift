// Who is here, for topics of the app: what clients ask, and the way to the worker that owns a topic
// and back. Why there is an owner, and what goes where: LivePresence.swift. What is told meanwhile:
// LiveService+PresenceDelivery.swift.

import MizuBytes
import MizuEventLoop
import MizuLive
import MizuServer

extension LiveService {
    // MARK: What clients ask

    /// Subscribes to an app's topic and enters it; the ack says who is here. Where the app keeps no
    /// presence, or not for this session, it is a subscribe like every other.
    func join(
        _ socket: Token, _ ref: JSONValue?, _ topic: ByteSlice, info: JSONValue?,
        on worker: Worker
    ) {
        guard let session = beginApp(socket, ref, topic, on: worker) else { return }
        guard let presence, let wish = wish(of: session, for: topic, info: info) else {
            leavePresence(socket, topic, on: worker)
            return say(to: socket, on: worker) { LiveWriter.ack(ref: ref, topic: topic, to: &$0) }
        }
        let topic = topic.compacted
        // A copy of its own: the message around it may be large.
        let info = info.map { JSONValue(validated: $0.bytes.compacted) }
        let number = presence.seat(socket, in: topic, info: info, entry: wish.entry)
        enter(socket, topic, as: wish.entry, on: worker) { service, worker, entrance in
            service.entered(socket, topic, number, entrance, on: worker)
            service.acknowledge(socket, ref, topic, entrance?.list, on: worker)
        }
    }

    /// Answers with who is here, if the socket may see it.
    func tellPresence(
        _ socket: Token, _ ref: JSONValue?, _ topic: ByteSlice, on worker: Worker
    ) {
        guard let presence else {
            return refuse(
                socket, ref, topic: ref == nil ? nil : topic,
                .invalidRequest("presence is not kept here"), on: worker)
        }
        guard presence.seat(socket, in: topic) != nil else {
            return deny(socket, ref, topic, on: worker)
        }
        let topic = topic.compacted
        list(topic, on: worker) { service, worker, list in
            service.acknowledge(socket, ref, topic, list, on: worker)
        }
    }

    /// What the app says; nil where it says no.
    private func wish(
        of session: LiveSession, for topic: ByteSlice, info: JSONValue?
    ) -> PresenceWish? {
        guard let presence else { return nil }
        switch presence.decide(session, topic.string, info) {
        case .deny: return nil
        case .watch: return PresenceWish(entry: nil)
        case .join(let member):
            return PresenceWish(
                entry: PresenceEntry(
                    id: ByteSlice(member.id), info: member.info, limits: presence.limits))
        }
    }

    private struct PresenceWish {
        /// Nil to watch.
        let entry: PresenceEntry?
    }

    // MARK: What the owner answers

    /// The socket is in; from here on it is told what comes after the list.
    private func entered(
        _ socket: Token, _ topic: ByteSlice, _ number: Int, _ entrance: PresenceEntrance?,
        on worker: Worker
    ) {
        guard let presence, presence.isAwaited(number, socket, in: topic) else { return }
        guard let entrance else {
            _ = presence.removeSeat(socket, from: topic)
            return
        }
        if !entrance.isShown { presence.rooms[topic]?[socket.bits]?.entry = nil }
        presence.rooms[topic]?[socket.bits]?.told = .upTo(entrance.list.version)
    }

    /// Answers a request. The list goes to whoever has a seat; whatever became of that meanwhile,
    /// a request is answered. Answers come by mail, so a peer can have asked often before the first
    /// is there: where its queue is full it gets the count, and the names when there is room.
    private func acknowledge(
        _ socket: Token, _ ref: JSONValue?, _ topic: ByteSlice, _ list: PresenceList?,
        on worker: Worker
    ) {
        guard let fill = worker.fill(of: socket) else { return }
        var payload: ByteSlice?
        if var list, let room = presence?.rooms[topic], let seat = room[socket.bits] {
            if fill.isFull { list.members = nil }
            var text = ByteBuffer(capacity: (list.members?.count ?? 0) + 64)
            LiveWriter.presencePayload(list, me: seat.entry?.id, to: &text)
            payload = text.takeSlice(leaving: 1)
            switch seat.told {
            case .asked: break
            case .upTo where fill.isFull, .missed where fill.isFull: miss(room, socket, fill)
            case .missed: room[socket.bits]?.told = .upTo(list.version)
            // News up to this version may still be on their walk to this seat.
            case .upTo(let sent):
                room[socket.bits]?.told = .upTo(max(sent, list.version))
            }
        }
        say(to: socket, on: worker) {
            LiveWriter.ack(ref: ref, topic: topic, payload: payload, to: &$0)
        }
    }

    // MARK: Leaving

    /// The socket is no longer in the topic, by its own or the app's will.
    func leavePresence(_ socket: Token, _ topic: ByteSlice, on worker: Worker) {
        guard let presence, presence.removeSeat(socket, from: topic) else { return }
        let connection = PresenceConnection(worker: worker.index, token: socket.bits)
        let topic = topic.compacted
        atOwner(of: topic, from: worker) { presence, owner in
            presence.table.leave(connection, topic, now: owner.now.nanoseconds)
        }
    }

    /// The same for all its topics.
    func leaveAllPresence(_ socket: Token, on worker: Worker) {
        guard presence != nil else { return }
        for topic in topics.topicNames(of: socket.bits) {
            leavePresence(socket, topic, on: worker)
        }
    }

    /// The socket has gone without a word. To be called while its topics are still known.
    func losePresence(_ socket: Token, on worker: Worker) {
        guard let presence, !presence.rooms.isEmpty else { return }
        let connection = PresenceConnection(worker: worker.index, token: socket.bits)
        for topic in topics.topicNames(of: socket.bits)
        where presence.removeSeat(socket, from: topic) {
            atOwner(of: topic, from: worker) { presence, owner in
                presence.table.lose(connection, topic, now: owner.now.nanoseconds)
            }
        }
    }

    // MARK: Changes of permission

    /// Asks the app again: the session has signed in, or permissions have changed. A socket that is
    /// shown otherwise from now on is told as whom.
    func checkPresence(
        of session: LiveSession, _ socket: Token, for topic: ByteSlice, on worker: Worker
    ) {
        guard let presence, let seat = presence.seat(socket, in: topic) else { return }
        guard let wish = wish(of: session, for: topic, info: seat.info) else {
            leavePresence(socket, topic, on: worker)
            return say(to: socket, on: worker) { LiveWriter.presenceEnded(topic: topic, to: &$0) }
        }
        guard wish.entry != seat.entry else { return }
        let topic = topic.compacted
        let number = presence.seat(socket, in: topic, info: seat.info, entry: wish.entry)
        enter(socket, topic, as: wish.entry, on: worker) { service, worker, entrance in
            let isAwaited = service.presence?.isAwaited(number, socket, in: topic) == true
            service.entered(socket, topic, number, entrance, on: worker)
            guard isAwaited, let entrance else { return }
            service.say(entrance.list, of: topic, to: socket, on: worker)
        }
    }

    // MARK: To the owner and back

    private func enter(
        _ socket: Token, _ topic: ByteSlice, as entry: PresenceEntry?, on worker: Worker,
        _ goOn: @escaping @Sendable (LiveService, Worker, PresenceEntrance?) -> Void
    ) {
        let connection = PresenceConnection(worker: worker.index, token: socket.bits)
        atOwner(of: topic, from: worker) { presence, owner in
            let entrance = presence.table.enter(
                connection, topic, as: entry, now: owner.now.nanoseconds)
            Self.at(connection.worker, from: owner) { goOn($0, $1, entrance) }
        }
    }

    /// Asks for the list of a topic; `goOn` gets it on this worker.
    func list(
        _ topic: ByteSlice, on worker: Worker,
        _ goOn: @escaping @Sendable (LiveService, Worker, PresenceList?) -> Void
    ) {
        let index = worker.index
        atOwner(of: topic, from: worker) { presence, owner in
            let list = presence.table.list(of: topic)
            Self.at(index, from: owner) { goOn($0, $1, list) }
        }
    }

    private func atOwner(
        of topic: ByteSlice, from worker: Worker,
        _ body: @escaping @Sendable (LivePresence, Worker) -> Void
    ) {
        Self.at(Self.owner(of: topic, among: sync.workers), from: worker) { service, owner in
            if let presence = service.presence { body(presence, owner) }
        }
    }

    /// The worker that keeps a topic's members. The same on every worker: names are hashed with a
    /// key of the process, so that nobody outside can choose names that all fall to one.
    static func owner(of topic: ByteSlice, among workers: Workers) -> Int {
        Int(UInt(bitPattern: topic.hashValue) % UInt(workers.count))
    }

    /// Runs `body` on a worker: at once where it is this one, else by mail. Which of both it is
    /// depends on the worker alone, so that what goes to one stays in order.
    private static func at(
        _ index: Int, from worker: Worker,
        _ body: @escaping @Sendable (LiveService, Worker) -> Void
    ) {
        if index == worker.index {
            if let service = worker.service(LiveService.self) { body(service, worker) }
        } else {
            worker.server.workers.perform(on: index) { worker in
                if let service = worker.service(LiveService.self) { body(service, worker) }
            }
        }
    }
}
