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
            return worker.send(payload, as: kind, to: socket)
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

    /// Sends `frame` to all who are subscribed to `topic` on this worker. Whose queue is full
    /// (64 MiB) is left out, and closed with 4000 if it does not read for 30 s: memory is bounded
    /// however much is published.
    func publish(_ frame: ByteSlice, to topic: ByteSlice, on worker: Worker) {
        guard let topic = topics.topic(named: topic) else { return }
        var walk = topics.fanOut(to: topic)
        while let subscription = topics.next(&walk) {
            let socket = Token(bits: subscription.token)
            guard let fill = worker.fill(of: socket), !fill.isFull else { continue }
            worker.send(frame: frame, to: socket)
        }
    }
}
