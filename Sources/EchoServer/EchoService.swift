// The conversation of echo-server: every message comes back, and who asks for a topic hears what is
// published there. One instance for each worker.

import CLinux
import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuLive
import MizuServer
import MizuWebSocket

final class EchoService: WebSocketService {
    private var topics = TopicTable(limits: LiveLimits(subscriptionsPerConnectionMax: 1_000))

    private var waiting: [(topic: TopicID, broadcast: Broadcast)] = []
    private var round: Round?
    /// Subscribers that one tick sends to: other connections have their turn between two.
    private static let tickSubscribersMax = 512
    /// Messages that share a walk.
    private static let roundMessagesMax = 64

    private static let acknowledgement = ByteSlice(literal: #"{"type":"ack"}"#)
    /// A subscription is a small message: its topic has at most 256 bytes.
    private static let subscribeBytesMax = 1024

    func opened(_ socket: Token, request: borrowing Request, on worker: Worker) {}

    func closed(_ socket: Token, on worker: Worker) { topics.removeAll(socket.bits) }

    func received(
        _ payload: UnsafeRawBufferPointer, as kind: MessageKind, from socket: Token,
        on worker: Worker
    ) {
        guard kind == .text, let topic = Self.subscription(payload) else {
            return worker.echo(payload, as: kind, to: socket)
        }
        switch topics.subscribe(socket.bits, to: topic, mode: .deltas, sent: 0) {
        case .added, .replaced: worker.send(text: Self.acknowledgement, to: socket)
        case .limitReached: worker.close(socket, code: 1008, reason: "too many subscriptions")
        }
    }

    /// The topic of `{"type":"subscribe","topic":"T"}`; nil for any other message.
    private static func subscription(_ payload: UnsafeRawBufferPointer) -> ByteSlice? {
        // Most messages are no subscription: they are told apart before anything is parsed.
        let word: StaticString = "subscribe"
        guard payload.count <= subscribeBytesMax,
            payload.first(where: { $0 > 0x20 }) == UInt8(ascii: "{"),
            cl_contains(
                payload.baseAddress, payload.count, word.utf8Start, word.utf8CodeUnitCount) == 1,
            let message = try? JSON.parse(ByteSlice(copying: payload)),
            message.member("type")?.string == "subscribe",
            let topic = message.member("topic")?.utf8,
            (1...256) ~= topic.count
        else { return nil }
        return topic.compacted
    }

    /// Queues `message` for all who are subscribed to `topic` on this worker.
    func publish(_ message: Publication, to topic: ByteSlice) {
        guard let topic = topics.topic(named: topic) else { return }
        waiting.append((topic, Broadcast(message, group: topic.number)))
    }

    /// Tells a slice of subscribers what is queued. Whose queue is full (64 MiB) is left out, and
    /// closed with 4000 if it does not read for 30 s: memory is bounded however much is published.
    func work(on worker: Worker) -> ServiceWork {
        var budget = Self.tickSubscribersMax
        while budget > 0, beginRound(), var walk = round?.walk {
            while budget > 0, let subscription = topics.next(&walk) {
                budget -= 1
                guard let recipient = worker.recipient(Token(bits: subscription.token)) else {
                    continue
                }
                for index in 0..<(round?.broadcasts.count ?? 0) where !worker.isFull(recipient) {
                    round?.broadcasts[index].send(to: recipient, on: worker)
                }
            }
            round?.walk = walk
            guard walk.isAtEnd else { break }
            for broadcast in round?.broadcasts ?? [] { worker.end(broadcast) }
            round = nil
        }
        return round == nil && waiting.isEmpty ? .done : .more
    }

    /// Takes up the oldest message that waits, with those behind it for the same topic: each
    /// subscriber gets them in one write.
    /// - Returns: whether there is a round.
    private func beginRound() -> Bool {
        guard round == nil else { return true }
        guard let topic = waiting.first?.topic else { return false }
        let together = waiting.prefix(Self.roundMessagesMax).prefix { $0.topic == topic }
        round = Round(walk: topics.fanOut(to: topic), broadcasts: together.map(\.broadcast))
        waiting.removeFirst(together.count)
        return true
    }
}

/// Messages on their way to their topic's subscribers.
private struct Round {
    var walk: FanOut
    var broadcasts: [Broadcast]
}
