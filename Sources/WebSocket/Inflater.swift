// Compressed payloads to messages (RFC 7692 §7.2.2), by zlib. Where the peer's messages stand alone
// one of these serves all connections of a worker; a peer that keeps its window needs one of its
// own, but what messages are inflated into they share. Stops at the limit: a bomb is never inflated
// past it. One thread.

import CZlib
import MizuBytes

/// Where messages are inflated: one for all inflaters of a thread, because a message is read before
/// the next one is. So a connection that idles holds its window and no message.
public final class InflateOutput {
    fileprivate var bytes = ByteBuffer(capacity: 1024)

    /// Memory that is kept from message to message, in bytes.
    private static let keptBytesMax = 64 * 1024

    public init() {}

    /// Memory that it holds, in bytes: below twice the largest message.
    public var capacityBytes: Int { bytes.capacity }

    fileprivate func begin() {
        bytes.removeAll()
        releaseLargeMemory()
    }

    fileprivate func releaseLargeMemory() {
        if bytes.capacity > Self.keptBytesMax { bytes = ByteBuffer(capacity: 1024) }
    }
}

public final class Inflater {
    private let stream: OpaquePointer
    private let output: InflateOutput
    /// Whether the stream holds nothing of an earlier message.
    private var isFresh = true
    /// Whether the last message had a last block (§7.2.3.4): it is right, but there are inflaters
    /// that do not go on behind one.
    private(set) var hadLastBlock = false

    public enum Inflated {
        /// The message; valid until an inflater with the same output is next used.
        case message(UnsafeRawBufferPointer)
        /// More than the limit; nothing beyond it was inflated.
        case tooBig
        /// No deflate data, or cut off.
        case invalid
    }

    /// - Parameters:
    ///   - windowBits: the largest window of those who compress, 8 to 15.
    ///   - output: of the thread; an own one costs as much memory as the largest message.
    /// - Returns: nil where zlib has no memory.
    public init?(
        windowBits: Int = DeflateParameters.windowBitsMax, output: InflateOutput = InflateOutput()
    ) {
        // zlib inflates every smaller window with a larger one; 8 means 9 to its raw mode.
        guard let stream = cz_inflate_open(-Int32(max(9, min(windowBits, 15)))) else {
            return nil
        }
        self.stream = stream
        self.output = output
    }

    deinit { cz_inflate_close(stream) }

    /// Bytes of memory that one takes once it has been used, about (zlib 1.2.13).
    public static func memoryBytes(windowBits: Int) -> Int { 7_200 + (1 << max(9, windowBits)) }

    /// Inflates the payload of one whole message. O(n) in what comes out.
    /// - Parameters:
    ///   - limit: bytes of the message at most.
    ///   - context: `.fresh` forgets what was inflated before.
    public func inflate(
        _ payload: UnsafeRawBufferPointer, limit: Int, context: DeflateParameters.Context
    ) -> Inflated {
        if context == .fresh, !isFresh, cz_inflate_reset(stream) != 0 { return .invalid }
        isFresh = false
        hadLastBlock = false
        output.begin()
        // Not even an empty block, but several clients mean the empty message by it (§7.2.3.6).
        guard payload.count > 0 else { return .message(output.bytes.readable) }
        switch feed(payload, limit) {
        case .failed(let outcome): return outcome
        // Nothing was taken off behind a last block; §7.2.3.4 adds the head of an empty one, but
        // not every client does.
        case .streamEnded: return .message(output.bytes.readable)
        case .taken: break
        }
        // What the sender has taken off (§7.2.1): the end of an empty stored block.
        let tail: [4 of UInt8] = [0, 0, 0xFF, 0xFF]
        switch withUnsafeBytes(of: tail, { feed($0, limit) }) {
        case .failed(let outcome): return outcome
        // That empty block may be a last one.
        case .streamEnded: break
        case .taken:
            // In the middle of a block the four bytes were eaten as a part of it.
            guard cz_inflate_is_between_blocks(stream) != 0 else { return .invalid }
        }
        return .message(output.bytes.readable)
    }

    /// One large message must not keep its memory for ever.
    public func releaseLargeMemory() { output.releaseLargeMemory() }

    private enum Feeding {
        case taken
        /// Taken, and its last byte was the last one of a last block.
        case streamEnded
        case failed(Inflated)
    }

    private func feed(_ input: UnsafeRawBufferPointer, _ limit: Int) -> Feeding {
        var taken = 0
        while true {
            // One byte more than the limit shows that there is more.
            let left = limit + 1 - output.bytes.count
            guard left > 0 else { return .failed(.tooBig) }
            output.bytes.reserve(min(left, max(256, min(4 * (input.count - taken), 1 << 20))))
            let room = output.bytes.writable
            let step = cz_inflate_step(
                stream, input.baseAddress?.assumingMemoryBound(to: UInt8.self).advanced(by: taken),
                input.count - taken, room.baseAddress?.assumingMemoryBound(to: UInt8.self),
                min(room.count, left))
            output.bytes.advance(written: step.produced)
            taken += step.consumed
            if output.bytes.count > limit { return .failed(.tooBig) }
            switch step.status {
            case 1:
                // A last block (§7.2.3.4): what follows goes on with the same window.
                hadLastBlock = true
                guard cz_inflate_go_on(stream) == 0 else { return .failed(.invalid) }
                if taken == input.count { return .streamEnded }
            case 0, -5:  // Z_OK, Z_BUF_ERROR: no progress is possible
                let isRoomLeft = step.produced < min(room.count, left)
                if taken == input.count, isRoomLeft { return .taken }
                guard step.consumed + step.produced > 0 else { return .failed(.invalid) }
            default: return .failed(.invalid)
            }
        }
    }
}
