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
        if kind == .text, let topic = Self.subscription(payload) {
            _ = topics.subscribe(socket.bits, to: topic, mode: .deltas, sent: 0)
            worker.send(text: Self.acknowledgement, to: socket)
        } else {
            worker.send(payload, as: kind, to: socket)
        }
    }

    /// The topic of `{"type":"subscribe","topic":"T"}`; nil for any other message.
    private static func subscription(_ payload: UnsafeRawBufferPointer) -> ByteSlice? {
        let word: StaticString = "subscribe"
        guard payload.count <= subscribeBytesMax, payload.first == UInt8(ascii: "{"),
            cl_contains(
                payload.baseAddress, payload.count, word.utf8Start, word.utf8CodeUnitCount) == 1,
            let message = try? JSON.parse(ByteSlice(copying: payload)),
            message.member("type")?.string == "subscribe",
            let topic = message.member("topic")?.utf8,
            (1...256) ~= topic.count
        else { return nil }
        return topic.compacted
    }

    /// Sends `frame` to all who are subscribed to `topic` on this worker.
    func publish(_ frame: ByteSlice, to topic: ByteSlice, on worker: Worker) {
        guard let topic = topics.topic(named: topic) else { return }
        var walk = topics.fanOut(to: topic)
        while let subscription = topics.next(&walk) {
            worker.send(frame: frame, to: Token(bits: subscription.token))
        }
    }
}
