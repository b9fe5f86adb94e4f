// A client's frames: each with a mask of its own, composed and masked in the output buffer; and
// the answers to what a server sends beside messages. One for each thread.

import MizuBytes
import MizuEventLoop
import MizuWebSocket

/// Memory for comparing, used again and again.
final class Scratch {
    var bytes = ByteBuffer(capacity: 1024)
}

struct FrameComposer {
    private var random: RandomNumbers
    private let deflateRoom = DeflateRoom()
    private let plain = Scratch()

    /// What a server may send: no limit of ours should be met before the server's own.
    static let limits = WebSocketLimits(messageBytesMax: 16 << 20)

    init() {
        let seed = Randomness.bytes(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        random = RandomNumbers(seed: seed)
    }

    @inline(__always)
    mutating func mask() -> UInt32 { UInt32(truncatingIfNeeded: random.next() >> 32) }

    /// Appends message `sequence` of `connection`, masked.
    @inline(__always)
    mutating func append(
        _ opcode: Opcode, _ template: MessageTemplate, sequence: Int, connection: Int,
        deflate: DeflateRoom.Agreement, to out: inout ByteBuffer
    ) {
        if deflate.compresses {
            plain.bytes.removeAll()
            template.append(sequence: sequence, connection: connection, to: &plain.bytes)
            return append(opcode, plain.bytes.readable, deflate: deflate, to: &out)
        }
        let key = mask()
        FrameWriter.appendHeader(
            opcode, payloadBytes: template.count, to: &out, masking: .key(key))
        template.append(sequence: sequence, connection: connection, to: &out)
        let payload = out.mutableReadable.suffix(template.count)
        Mask.apply(key, to: UnsafeMutableRawBufferPointer(rebasing: payload), from: 0)
    }

    /// Appends a frame with any payload, compressed if that was agreed on.
    mutating func append(
        _ opcode: Opcode, _ payload: UnsafeRawBufferPointer,
        deflate: DeflateRoom.Agreement = .init(), to out: inout ByteBuffer
    ) {
        let key = Masking.key(mask())
        if deflate.compresses, let compressed = deflateRoom.deflate(payload) {
            FrameWriter.append(opcode, compressed, to: &out, masking: key, coding: .deflated)
        } else {
            FrameWriter.append(opcode, payload, to: &out, masking: key)
        }
    }

    /// Answers a ping and passes over a pong.
    /// - Returns: bytes that are done with.
    /// - Throws: if the server closes, or breaks the protocol.
    mutating func control(
        _ outcome: MizuWebSocket.ReadOutcome, in input: UnsafeMutableRawBufferPointer,
        to out: inout ByteBuffer
    ) throws(Fault) -> Int {
        switch outcome {
        case .ping(let range, let consumed):
            append(.pong, input.part(range), to: &out)
            return consumed
        case .pong(_, let consumed), .needMore(let consumed), .message(_, _, let consumed),
            .passedOver(let consumed):
            return consumed
        // Only who asks to be asked is.
        case .begins: return 0
        case .close(let code, let reason, _):
            let words = excerpt(input.part(reason))
            let number = code.map { "\($0.rawValue)" } ?? "no code"
            throw Fault(.closed, "the server closed a WebSocket with \(number) \(words)")
        case .reject(let error): throw Fault(.malformed, "\(error.reason)")
        }
    }
}
