// Compresses one body that is sent as it is made (RFC 1952), part by part, so that a large one
// holds nobody up: each part is a slice of work. Owns a deflate state of about 270 KB for as long
// as the body takes, so its owner must bound how many there are; `GzipEncoder`
// has one for all small ones.

import CZlib
import MizuBytes

public final class GzipStream {
    private let stream: OpaquePointer
    /// Bytes were taken that no flush has brought out yet.
    public private(set) var holdsBack = false

    /// What one of these costs: 32 KiB window twice over, hash chains and the pending buffer.
    public static let memoryBytes = 270 * 1024

    /// Nil where zlib has no memory.
    public init?() {
        guard let stream = cz_deflate_open(5, 15 + 16, 8) else { return nil }
        self.stream = stream
    }

    deinit { cz_deflate_close(stream) }

    public enum Flush { case none, sync, finish }

    /// Compresses `input` to the end of `output`.
    /// - Parameter flush: `.sync` brings out all that was taken, at a few bytes' price; `.finish`
    ///   ends the member, and nothing may follow.
    /// - Returns: false where zlib refuses; the body cannot go on then.
    public func append(
        _ input: UnsafeRawBufferPointer, _ flush: Flush, to output: inout ByteBuffer
    ) -> Bool {
        let wish =
            switch flush {
            case .none: cz_flush_none
            case .sync: cz_flush_sync
            case .finish: cz_flush_finish
            }
        if input.count > 0 { holdsBack = true }
        if flush != .none { holdsBack = false }
        var at = 0
        while true {
            output.reserve(1024)
            let room = output.writable
            let rest = input.part(at...)
            let step = cz_deflate_step(
                stream, rest.baseAddress?.assumingMemoryBound(to: UInt8.self), rest.count,
                room.baseAddress?.assumingMemoryBound(to: UInt8.self), room.count, wish)
            output.advance(written: step.produced)
            at += step.consumed
            if step.status == 1 { return flush == .finish }
            // Z_BUF_ERROR: all is out.
            if step.status == -5 { return at == input.count && flush != .finish }
            guard step.status == 0 else { return false }
            // Room left over means that zlib has nothing more to say.
            if at == input.count, step.produced < room.count, flush != .finish { return true }
        }
    }
}
