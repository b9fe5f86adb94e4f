// Messages to compressed payloads (RFC 7692 §7.2.1), by zlib. One state serves messages that stand
// alone; one that keeps its window belongs to a connection, or to a group that is told the same
// (`CompressorTable`). Decides nothing. One thread.

import CZlib
import MizuBytes

public final class Deflater {
    private let stream: OpaquePointer
    private var isFresh = true

    /// Bits of the window that it uses. A peer that takes a larger one reads it all the same, and
    /// 2 KB are enough for JSON: 15 bits gain a tenth and take twelve times the memory.
    public static let windowBits = 11
    private static let memoryLevel: Int32 = 4
    private static let level: Int32 = 6
    /// Bytes of memory of one (measured with zlib 1.2.13): 2^(w+2) + 2^(m+9) + 5.9 K.
    public static let memoryBytes = 22_300

    /// - Returns: nil where zlib has no memory.
    public init?() {
        guard
            let stream = cz_deflate_open(
                Self.level, -Int32(Self.windowBits), Self.memoryLevel)
        else { return nil }
        self.stream = stream
    }

    deinit { cz_deflate_close(stream) }

    /// Appends the payload of one compressed message. O(n).
    /// - Parameter context: `.fresh` forgets the messages before.
    /// - Returns: whether zlib did it; if not, what was appended means nothing, and the next
    ///   message must be `.fresh`.
    public func deflate(
        _ message: UnsafeRawBufferPointer, context: DeflateParameters.Context,
        into buffer: inout ByteBuffer
    ) -> Bool {
        if context == .fresh, !isFresh, cz_deflate_reset(stream) != 0 { return false }
        isFresh = false
        // zlib says nothing at all to an empty flush behind a flush (§7.2.3.6 says this).
        guard message.count > 0 else {
            buffer.append(0 as UInt8)
            return true
        }
        let start = buffer.count
        buffer.reserve(message.count / 2 + 64)
        var taken = 0
        while true {
            buffer.reserve(64)
            let room = buffer.writable
            let step = cz_deflate_step(
                stream,
                message.baseAddress?.assumingMemoryBound(to: UInt8.self).advanced(by: taken),
                message.count - taken, room.baseAddress?.assumingMemoryBound(to: UInt8.self),
                room.count, cz_flush_sync)
            buffer.advance(written: step.produced)
            taken += step.consumed
            guard step.status == 0 || step.status == -5 else { return false }
            // A flush is whole once it leaves room.
            if taken == message.count, step.produced < room.count { break }
            guard step.consumed + step.produced > 0 else { return false }
        }
        // The flush ends with an empty stored block, whose last four bytes are not sent (§7.2.1).
        guard buffer.count - start > 4 else { return false }
        buffer.truncate(to: buffer.count - 4)
        return true
    }
}
