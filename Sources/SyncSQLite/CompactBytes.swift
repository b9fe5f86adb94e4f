// Numbers and byte strings in a BLOB: 7 bits a byte, the lowest first, as in LEB128 (DWARF 5,
// section 7.6); signed ones folded (0, -1, 1, -2, …); strings with their length before them. A
// reader checks each one and says nil where the bytes are no such thing: a damaged file must not
// stop the process.

import MizuBytes

/// Reads what `ByteBuffer`'s extension below has written. Must not outlive the bytes.
struct CompactReader {
    private let bytes: UnsafeRawBufferPointer
    private(set) var offset = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var isAtEnd: Bool { offset == bytes.count }

    mutating func unsigned() -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while offset < bytes.count {
            let byte = bytes[offset]
            offset += 1
            // The tenth byte has the last bit of 64.
            guard shift < 63 || byte <= 1 else { return nil }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
            guard shift <= 63 else { return nil }
        }
        return nil
    }

    /// 0 to `Int.max`.
    mutating func count() -> Int? { unsigned().flatMap { Int(exactly: $0) } }

    mutating func signed() -> Int64? {
        guard let folded = unsigned() else { return nil }
        return Int64(bitPattern: folded >> 1) ^ -Int64(bitPattern: folded & 1)
    }

    /// 8 bytes, little-endian.
    mutating func word() -> UInt64? {
        guard bytes.count - offset >= 8 else { return nil }
        defer { offset += 8 }
        return UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// The place of the next `count` bytes.
    mutating func range(_ count: Int) -> Range<Int>? {
        guard count >= 0, count <= bytes.count - offset else { return nil }
        defer { offset += count }
        return offset..<offset + count
    }

    /// A string behind its length.
    mutating func string() -> UnsafeRawBufferPointer? {
        guard let count = count(), let range = range(count) else { return nil }
        return UnsafeRawBufferPointer(rebasing: bytes[range])
    }
}

extension ByteBuffer {
    mutating func append(unsigned value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }

    /// - Parameter value: not negative.
    mutating func append(count value: Int) {
        assert(value >= 0, "a negative count")
        append(unsigned: UInt64(truncatingIfNeeded: value))
    }

    mutating func append(signed value: Int64) {
        append(unsigned: UInt64(bitPattern: value << 1 ^ value >> 63))
    }

    mutating func append(word value: UInt64) {
        withUnsafeBytes(of: value.littleEndian) { append($0) }
    }

    mutating func append(string bytes: [UInt8]) {
        append(count: bytes.count)
        append(bytes)
    }
}

/// Numbers of 8 bytes each, little-endian.
enum Words {
    static func write(_ words: [UInt64]) -> ByteSlice {
        var buffer = ByteBuffer(capacity: words.count * 8)
        for word in words { buffer.append(word: word) }
        return buffer.finish()
    }

    /// Bytes behind the last whole number are left out.
    static func read(_ bytes: ByteSlice) -> [UInt64] {
        bytes.withUnsafeBytes { bytes in
            (0..<bytes.count / 8).map {
                UInt64(
                    littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self))
            }
        }
    }
}
