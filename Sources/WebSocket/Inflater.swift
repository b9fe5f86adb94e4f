// Compressed payloads to messages (RFC 7692 §7.2.2), by zlib. Where the peer's messages stand alone
// one of these serves all connections of a worker; a peer that keeps its window needs one of its
// own. Stops at the limit: a bomb is never inflated past it. One thread.

import CZlib
import MizuBytes

public final class Inflater {
    private let stream: OpaquePointer
    /// What the last message was inflated to.
    private var output = ByteBuffer(capacity: 1024)
    /// Whether the stream holds nothing of an earlier message.
    private var isFresh = true

    /// Output memory that is kept from message to message, in bytes.
    private static let keptBytesMax = 64 * 1024

    public enum Outcome {
        /// The message; valid until the inflater is next used.
        case message(UnsafeRawBufferPointer)
        /// More than the limit; nothing beyond it was inflated.
        case tooBig
        /// No deflate data, or cut off.
        case invalid
    }

    /// - Parameter windowBits: the largest window of those who compress, 8 to 15.
    /// - Returns: nil where zlib has no memory.
    public init?(windowBits: Int = DeflateParameters.windowBitsMax) {
        // zlib inflates every smaller window with a larger one; 8 means 9 to its raw mode.
        guard let stream = mizu_inflate_open(-Int32(max(9, min(windowBits, 15)))) else {
            return nil
        }
        self.stream = stream
    }

    deinit { mizu_inflate_close(stream) }

    /// Bytes of memory that one takes once it has been used, about (swift-facts.md section 6).
    public static func memoryBytes(windowBits: Int) -> Int { 7_200 + (1 << max(9, windowBits)) }

    /// Inflates the payload of one whole message. O(n) in what comes out.
    /// - Parameters:
    ///   - limit: bytes of the message at most.
    ///   - context: `.fresh` forgets what was inflated before.
    public func inflate(
        _ payload: UnsafeRawBufferPointer, limit: Int, context: DeflateParameters.Context
    ) -> Outcome {
        if context == .fresh, !isFresh, mizu_inflate_reset(stream) != 0 { return .invalid }
        isFresh = false
        output.removeAll()
        // Not even an empty block, but several clients mean the empty message by it (§7.2.3.6).
        guard payload.count > 0 else { return .message(output.readable) }
        if let failure = feed(payload, limit) { return failure }
        // What the sender has taken off (§7.2.1): the end of an empty stored block.
        let tail: [4 of UInt8] = [0, 0, 0xFF, 0xFF]
        if let failure = withUnsafeBytes(of: tail, { feed($0, limit) }) { return failure }
        // In the middle of a block the four bytes were eaten as data.
        guard mizu_inflate_is_between_blocks(stream) != 0 else { return .invalid }
        return .message(output.readable)
    }

    /// One large message must not keep its memory for ever.
    public func releaseLargeMemory() {
        if output.capacity > Self.keptBytesMax { output = ByteBuffer(capacity: 1024) }
    }

    /// - Returns: nil when all of `input` is taken.
    private func feed(_ input: UnsafeRawBufferPointer, _ limit: Int) -> Outcome? {
        var taken = 0
        while true {
            // One byte more than the limit shows that there is more.
            let left = limit + 1 - output.count
            guard left > 0 else { return .tooBig }
            output.reserve(min(left, max(256, min(4 * (input.count - taken), 1 << 20))))
            let room = output.writable
            let step = mizu_inflate_step(
                stream, input.baseAddress?.assumingMemoryBound(to: UInt8.self).advanced(by: taken),
                input.count - taken, room.baseAddress?.assumingMemoryBound(to: UInt8.self),
                min(room.count, left))
            output.advance(written: step.produced)
            taken += step.consumed
            switch step.status {
            case 1:
                // A last block (§7.2.3.4): what follows goes on with the same window.
                guard mizu_inflate_go_on(stream) == 0 else { return .invalid }
                if taken == input.count { return output.count > limit ? .tooBig : nil }
            case 0, -5:  // Z_OK, Z_BUF_ERROR: no progress is possible
                if output.count > limit { return .tooBig }
                let isRoomLeft = step.produced < min(room.count, left)
                if taken == input.count, isRoomLeft { return nil }
                guard step.consumed + step.produced > 0 else { return .invalid }
            default: return .invalid
            }
        }
    }
}
