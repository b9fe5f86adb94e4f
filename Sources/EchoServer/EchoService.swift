// The conversation of echo-server: every message comes back, and a socket that subscribes to a
// topic is sent what is published there. One instance for each worker.

import CLinux
import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuServer
import MizuTopics
import MizuWebSocket

final class EchoService: WebSocketService {
    /// Nothing is kept of how far a subscriber was sent.
    private struct Subscribed {}

    private var topics = TopicTable<Subscribed>(subscriptionsMax: 1_000)
    private let fanOuts = FanOutQueue<TopicID, TopicWalk, Broadcast>()
    /// Subscribers visited in one tick: the worker's other connections go between two slices.
    private static let tickSubscribersMax = 512

    private static let acknowledgement = ByteSlice(literal: #"{"type":"ack"}"#)
    /// A subscription is a small message: its topic has at most 256 bytes.
    private static let subscribeBytesMax = 1024

    func opened(_ socket: Token, request: borrowing Request, on worker: Worker) {}

    func closed(_ socket: Token, on worker: Worker) { topics.removeAll(socket) }

    func received(
        _ payload: UnsafeRawBufferPointer, as kind: MessageKind, from socket: Token,
        on worker: Worker
    ) {
        guard kind == .text, let topic = Self.subscription(payload) else {
            return worker.echo(payload, as: kind, to: socket)
        }
        switch topics.subscribe(socket, to: topic, as: Subscribed()) {
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
        fanOuts.add(Broadcast(message, group: topic.number), to: topic)
    }

    /// Sends a slice of what is queued. A subscriber whose queue is full (64 MiB) is left out, and
    /// closed with 4000 if it does not read for 30 s: memory is bounded however much is published.
    func work(on worker: Worker) -> ServiceWork {
        let progress = fanOuts.work(
            budget: Self.tickSubscribersMax,
            begin: { topics.walk(over: $0) },
            next: { topics.next(&$0) },
            visit: { subscription, broadcasts in
                worker.withRecipient(subscription.token) { recipient in
                    for index in broadcasts.indices
                    where worker.makeRoom(for: recipient) == .free {
                        broadcasts[index].send(to: recipient, on: worker)
                    }
                }
            },
            end: { worker.end($0) })
        return progress == .done ? .done : .more
    }
}
