// What clients ask of presence (live.md, "Presence"), and the ways out of a topic. A request is
// answered when the owner of its topic has answered; the seat it was for may be gone by then.

import MizuBytes
import MizuEventLoop
import MizuServer
import MizuTopics
import MizuWire

extension PresenceRooms {
    // MARK: Coming

    /// Enters a socket that is subscribed to the topic; the ack says who is here.
    func join(_ asker: Asker, as wish: Wish, info: JSONValue?) {
        // A copy of its own: the message around it may be large.
        let info = info.map { JSONValue(validated: $0.bytes.compacted) }
        let number = take(asker.seat, as: wish, info: info)
        enter(asker, as: wish) { asker, entrance in
            guard let presence = asker.service.presence else { return }
            presence.entered(asker.seat, number: number, entrance)
            presence.acknowledge(asker, entrance?.list)
        }
    }

    /// Answers with the members of the topic, if the socket has a seat there.
    func list(_ asker: Asker) {
        guard seat(asker.seat) != nil else { return asker.refuse(.topicDenied) }
        askList(asker) { asker, list in asker.service.presence?.acknowledge(asker, list) }
    }

    /// The socket is in; from here on it is sent what comes after the list.
    private func entered(_ seat: Asker.Seat, number: Int, _ entrance: PresenceEntrance?) {
        guard isAwaited(number, by: seat) else { return }
        guard let entrance else {
            _ = give(up: seat)
            return
        }
        if !entrance.isShown { record(PresenceEntry?.none, of: seat) }
        record(.upTo(entrance.list.version), of: seat)
    }

    /// Answers a request. The list goes to whoever has a seat; whatever became of that meanwhile, a
    /// request is answered. Answers come by mail, so a peer can have asked often before the first
    /// is there: if its queue is full it gets the count, and the names when there is room.
    private func acknowledge(_ asker: Asker, _ list: PresenceList?) {
        guard let fill = asker.worker.fill(of: asker.socket) else { return }
        var payload: ByteSlice?
        if var list, let seat = seat(asker.seat) {
            if fill.isFull { list.members = nil }
            var text = ByteBuffer(capacity: (list.members?.count ?? 0) + 64)
            LiveWriter.presencePayload(list, me: seat.entry?.id, to: &text)
            payload = text.finish()
            switch seat.state {
            case .asked: break
            case .upTo where fill.isFull, .missed where fill.isFull:
                miss(asker.seat, isBlocked: fill.isBlocked)
            case .missed: record(.upTo(list.version), of: asker.seat)
            // Messages up to this version may still be on their walk to this seat.
            case .upTo(let sent): record(.upTo(max(sent, list.version)), of: asker.seat)
            }
        }
        asker.acknowledge(payload: payload)
    }

    // MARK: Leaving

    /// The socket is no longer in the topic, by its own or the app's will.
    func leave(_ asker: Asker) {
        guard give(up: asker.seat) else { return }
        let (topic, connection) = (asker.topic.compacted, asker.presenceConnection)
        asker.live.performAtOwner(of: topic) { presence, owner in
            presence.leaveOwn(connection, topic, now: owner.worker.now.nanoseconds)
        }
    }

    /// The socket has gone without a word: it breaks off in all its topics. To be called while
    /// these are still known.
    func lose(_ asker: Asker) {
        guard !rooms.isEmpty else { return }
        let connection = asker.presenceConnection
        for topic in asker.service.subscriptions.topics.topicNames(of: asker.socket)
        where give(up: Asker.Seat(socket: asker.socket, topic: topic)) {
            asker.live.performAtOwner(of: topic) { presence, owner in
                presence.loseOwn(connection, topic, now: owner.worker.now.nanoseconds)
            }
        }
    }

    // MARK: Changes of permission

    /// Asks the app again: the session has signed in, or permissions have changed. If the member as
    /// which the socket is shown changed, it is sent the list with its new one.
    func checkSeat(_ asker: Asker, of session: LiveSession) {
        guard let seat = seat(asker.seat) else { return }
        guard let wish = wish(of: session, for: asker.topic, info: seat.info) else {
            leave(asker)
            return asker.send { LiveWriter.presenceEnded(topic: asker.topic, to: &$0) }
        }
        guard wish.entry != seat.entry else { return }
        let number = take(asker.seat, as: wish, info: seat.info)
        enter(asker, as: wish) { asker, entrance in
            guard let presence = asker.service.presence else { return }
            let isAwaited = presence.isAwaited(number, by: asker.seat)
            presence.entered(asker.seat, number: number, entrance)
            guard isAwaited, let entrance else { return }
            presence.send(entrance.list, to: asker)
        }
    }
}
