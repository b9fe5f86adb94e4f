// What is published of presence, on its way to those who watch. A message is framed once by the
// topic's owner; every worker walks its own seats, in slices of a tick. A seat that cannot take one
// is not sent it later but gets a whole list when there is room, so that nothing is lost and
// nothing piles up.

import MizuBytes
import MizuEventLoop
import MizuServer
import MizuTopics
import MizuWire

/// One message of a topic's owner to all who watch.
struct PresencePublication {
    /// The version that it continues.
    let base: Int
    let version: Int
    /// No group of its own: a connection can share one window, and the topic's messages are what it
    /// is worth most for.
    var broadcast: Broadcast

    /// The same before it has come to a worker.
    struct Framed: Sendable {
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
}

extension PresenceRooms {
    /// Seats visited in one tick.
    private static let tickSeatsMax = 512

    /// Once a tick: makes the messages that are due, and goes on with those under way.
    func work(on live: LiveWorker) -> ServiceWork {
        tellOthers(live)
        publishDue(live)
        askForMissed(live)
        let progress = sendQueued(live)
        guard progress == .done, missed.isEmpty else { return .more }
        let due = [table.next, shared?.next].compactMap { $0 }.min()
        return due.map { .until(Instant(nanoseconds: $0)) } ?? .done
    }

    // MARK: Publishing

    /// The owner's part: frames what has changed, for all workers.
    private func publishDue(_ live: LiveWorker) {
        let news = table.advance(to: live.worker.now.nanoseconds)
        guard !news.isEmpty else { return }
        let workers = live.service.sync.workers
        let all = news.map { PresencePublication.Framed($0, charging: workers.queued) }
        workers.performLiveOnAll { live in
            guard let presence = live.service.presence else { return }
            for framed in all {
                presence.publish(
                    framed, compresses: live.service.fanOuts.mayCompress(framed.topic))
            }
        }
    }

    private func publish(_ framed: PresencePublication.Framed, compresses: Bool) {
        guard rooms[framed.topic] != nil else { return }
        if queue.isFull { queue.removeOldest(of: framed.topic) }
        queue.add(
            PresencePublication(
                base: framed.base, version: framed.version,
                broadcast: Broadcast(framed.publication, group: nil, compresses: compresses)),
            to: framed.topic)
    }

    // MARK: Sending

    private func sendQueued(_ live: LiveWorker) -> FanOutProgress {
        queue.work(
            budget: Self.tickSeatsMax,
            begin: { rooms[$0].map { PresenceWalk(over: $0) } },
            next: { walk in walk.next().map { (room: walk.room, socket: $0) } },
            visit: { visited, publications in
                send(&publications, to: visited.socket, in: visited.room, live)
            },
            end: { live.worker.end($0.broadcast) })
    }

    private func send(
        _ publications: inout [PresencePublication], to socket: Token, in room: PresenceRoom,
        _ live: LiveWorker
    ) {
        let worker = live.worker
        guard live.service.holds(socket, on: worker) else { return }
        worker.withRecipient(socket) { recipient in
            for index in publications.indices {
                // Asked first: it may send what fills the queue, and find that the socket has gone.
                let isFull = worker.makeRoom(for: recipient) == .full
                guard recipient.isOpen, let seat = room[socket] else { return }
                let publication = publications[index]
                switch seat.step(base: publication.base, version: publication.version) {
                case .skip: break
                case .send where !isFull:
                    room[socket]?.state = .upTo(publication.version)
                    publications[index].broadcast.send(to: recipient, on: worker)
                case .send, .askForList:
                    miss(
                        Asker.Seat(socket: socket, topic: room.topic),
                        isBlocked: recipient.isBlocked)
                }
            }
        }
    }

    // MARK: Making good

    private func askForMissed(_ live: LiveWorker) {
        guard !missed.isEmpty else { return }
        let waiting = missed
        missed = []
        for seat in waiting {
            guard self.seat(seat)?.state == .missed, let fill = live.worker.fill(of: seat.socket)
            else { continue }
            if fill.isFull {
                miss(seat, isBlocked: fill.isBlocked)
            } else {
                askForList(live.socket(seat.socket, topic: seat.topic))
            }
        }
    }

    /// Everything that waited for the socket has gone, or its full queue has room again.
    func hasRoom(_ asker: Asker) {
        guard !rooms.isEmpty else { return }
        for topic in asker.service.subscriptions.topics.topicNames(of: asker.socket) {
            let about = asker.about(topic)
            if seat(about.seat)?.state == .missed { askForList(about) }
        }
    }

    private func askForList(_ asker: Asker) {
        let number = nextNumber()
        record(.asked(number), of: asker.seat)
        askList(asker) { asker, list in
            guard let presence = asker.service.presence, let list,
                presence.isAwaited(number, by: asker.seat),
                let fill = asker.worker.fill(of: asker.socket)
            else { return }
            guard !fill.isFull else {
                return presence.miss(asker.seat, isBlocked: fill.isBlocked)
            }
            presence.record(.upTo(list.version), of: asker.seat)
            presence.send(list, to: asker)
        }
    }

    /// Sends a whole list that the client did not ask for.
    func send(_ list: PresenceList, to asker: Asker) {
        let me = seat(asker.seat)?.entry?.id
        asker.send { LiveWriter.presence(topic: asker.topic, list, me: me, to: &$0) }
    }
}
