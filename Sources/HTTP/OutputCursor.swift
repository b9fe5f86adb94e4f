// Writes an answer's head into room that was made for all of it at once: each piece is then a copy
// and an addition. `ByteBuffer.append` asks for room with every piece.

import MizuBytes

/// A place in reserved memory that moves as bytes are written.
///
/// Why no store is checked: `ResponseWriter` reserves at least as much as it writes, the sum of
/// what its lines take at most; `assert` says so in debug builds and under the fuzzers.
struct OutputCursor {
    private let room: UnsafeMutableRawBufferPointer
    private(set) var written = 0

    init(_ room: UnsafeMutableRawBufferPointer) { self.room = room }

    @inline(__always)
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, let base = room.baseAddress else { return }
        assert(written + bytes.count <= room.count, "more is written than was reserved")
        (base + written).copyMemory(from: source, byteCount: bytes.count)
        written &+= bytes.count
    }

    @inline(__always)
    mutating func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends `value`, which is not negative, in decimal digits.
    @inline(__always)
    mutating func append(decimal value: Int) {
        var count = 1
        var bound = 10
        while value >= bound, count < 19 {
            count += 1
            bound = count < 19 ? bound &* 10 : bound
        }
        guard let base = room.baseAddress else { return }
        assert(value >= 0 && written + count <= room.count, "more is written than was reserved")
        var rest = value
        var at = written + count
        repeat {
            at &-= 1
            base.storeBytes(
                of: UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10), toByteOffset: at,
                as: UInt8.self)
            rest /= 10
        } while rest > 0
        written &+= count
    }
}
