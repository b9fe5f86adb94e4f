// Telling who watches a topic who has come and left. A message is framed once by the topic's owner;
// every worker walks its own seats, in slices of a tick. Who cannot take one is not told it later
// but gets a whole list when there is room, so that nothing is lost and nothing piles up.

import MizuBytes
import MizuEventLoop
import MizuLive
import MizuServer

extension LiveService {
    /// Seats visited in one tick.
    private static let tickSeatsMax = 512

    /// Once a tick: makes the messages that are due, and goes on with those under way.
    func workOnPresence(on worker: Worker) -> ServiceWork {
        guard let presence else { return .done }
        let news = presence.table.advance(to: worker.now.nanoseconds)
        if !news.isEmpty {
            let ledger = sync.workers.queued
            let all = news.map { LivePresence.Told($0, charging: ledger) }
            sync.workers.performOnAll { worker in
                guard let service = worker.service(LiveService.self),
                    let presence = service.presence
                else { return }
                for told in all {
                    presence.queue(told, compresses: service.mayCompress(told.topic))
                }
            }
        }
        askForMissed(presence, on: worker)
        walk(presence, on: worker)
        guard presence.deliveries.isEmpty, presence.missed.isEmpty else { return .more }
        return presence.table.next.map { .until(Instant(nanoseconds: $0)) } ?? .done
    }

    private func walk(_ presence: LivePresence, on worker: Worker) {
        var budget = Self.tickSeatsMax
        var done = 0
        while done < presence.deliveries.count, budget > 0 {
            var delivery = presence.deliveries[done]
            while budget > 0, let token = delivery.walk.next() {
                tell(&delivery, Token(bits: token), on: worker)
                budget -= 1
            }
            guard budget > 0 else {
                presence.deliveries[done] = delivery
                break
            }
            worker.end(delivery.broadcast)
            done += 1
        }
        presence.deliveries.removeFirst(done)
    }

    private func tell(
        _ delivery: inout LivePresence.Delivery, _ socket: Token, on worker: Worker
    ) {
        let (room, told) = (delivery.walk.room, delivery.told)
        // Asked first: it may send what fills the queue, and find that the socket has gone.
        guard holds(socket, on: worker), let fill = worker.fill(of: socket),
            let seat = room[socket.bits],
            let recipient = worker.recipient(socket)
        else { return }
        switch seat.step(base: told.base, version: told.version) {
        case .skip: break
        case .send where !fill.isFull:
            room[socket.bits]?.told = .upTo(told.version)
            delivery.broadcast.send(to: recipient, on: worker)
        case .send, .askForList: miss(room, socket, fill)
        }
    }

    /// A whole list is due. Where the kernel takes nothing, `hasRoom` is called in time.
    func miss(_ room: PresenceRoom, _ socket: Token, _ fill: QueueFill) {
        room[socket.bits]?.told = .missed
        if !fill.isBlocked { presence?.missed.append((socket, room.topic)) }
    }

    // MARK: Making good

    private func askForMissed(_ presence: LivePresence, on worker: Worker) {
        guard !presence.missed.isEmpty else { return }
        let missed = presence.missed
        presence.missed = []
        for (socket, topic) in missed {
            guard let room = presence.rooms[topic], room[socket.bits]?.told == .missed,
                let fill = worker.fill(of: socket)
            else { continue }
            fill.isFull ? miss(room, socket, fill) : askForList(room, socket, on: worker)
        }
    }

    /// Everything that waited for the socket has gone, or its full queue has room again.
    func presenceHasRoom(_ socket: Token, on worker: Worker) {
        guard let presence, !presence.rooms.isEmpty else { return }
        for topic in topics.topicNames(of: socket.bits) {
            guard let room = presence.rooms[topic], room[socket.bits]?.told == .missed else {
                continue
            }
            askForList(room, socket, on: worker)
        }
    }

    private func askForList(_ room: PresenceRoom, _ socket: Token, on worker: Worker) {
        guard let number = presence?.nextAsk(socket, in: room) else { return }
        let topic = room.topic
        list(topic, on: worker) { service, worker, list in
            guard let presence = service.presence, let list,
                presence.isAwaited(number, socket, in: topic), let room = presence.rooms[topic],
                let fill = worker.fill(of: socket)
            else { return }
            guard !fill.isFull else { return service.miss(room, socket, fill) }
            room[socket.bits]?.told = .upTo(list.version)
            service.say(list, of: topic, to: socket, on: worker)
        }
    }

    /// Sends a whole list that the client did not ask for.
    func say(_ list: PresenceList, of topic: ByteSlice, to socket: Token, on worker: Worker) {
        let me = presence?.seat(socket, in: topic)?.entry?.id
        say(to: socket, on: worker) {
            LiveWriter.presence(topic: topic, list, me: me, to: &$0)
        }
    }
}
