// What a client compares to know that it has all of a scope (protocol.md, "The checksum"): one
// number over which records there are and which change wrote each of them last. It is a sum, so
// that a change costs the same however many records there are. It does not look at the data: a
// record's version names its data, and both come in one message.
// Tells an accident, not a forgery: whoever chooses ids can make two states with one sum.

import MizuBytes

/// The sum over a scope's records. An empty scope has zero.
public struct ScopeChecksum: Hashable, Sendable {
    /// High word: the sum, modulo 2^32, of the records' hashes with seed 0; low word: with seed 1.
    public private(set) var bits: UInt64

    public static let empty = ScopeChecksum(bits: 0)

    public init(bits: UInt64) { self.bits = bits }

    /// Takes in a record that was written by the change at cursor `version`; 0 where it was
    /// written before versions were kept.
    public mutating func add(_ key: RecordKey, version: Int) {
        let (high, low) = Self.hashes(of: key, version: version)
        bits = Self.joined(
            UInt32(truncatingIfNeeded: bits >> 32) &+ high,
            UInt32(truncatingIfNeeded: bits) &+ low)
    }

    /// Takes a record out that was added with the same version.
    public mutating func remove(_ key: RecordKey, version: Int) {
        let (high, low) = Self.hashes(of: key, version: version)
        bits = Self.joined(
            UInt32(truncatingIfNeeded: bits >> 32) &- high,
            UInt32(truncatingIfNeeded: bits) &- low)
    }

    private static func joined(_ high: UInt32, _ low: UInt32) -> UInt64 {
        UInt64(high) << 32 | UInt64(low)
    }

    /// Over entity, zero, id, zero, version in decimal digits. No name holds a zero byte.
    private static func hashes(of key: RecordKey, version: Int) -> (high: UInt32, low: UInt32) {
        let size = key.entity.bytes.count + key.id.bytes.count + 22
        return withUnsafeTemporaryAllocation(byteCount: size, alignment: 4) { buffer in
            var count = 0
            for name in [key.entity, key.id] {
                name.withUnsafeBytes { bytes in
                    for byte in bytes {
                        buffer[count] = byte
                        count += 1
                    }
                }
                buffer[count] = 0
                count += 1
            }
            count += write(UInt64(clamping: version), to: buffer, at: count)
            let text = buffer.part(..<count)
            return (MurmurHash3.hash(text, seed: 0), MurmurHash3.hash(text, seed: 1))
        }
    }

    /// Writes at most 20 digits.
    private static func write(
        _ number: UInt64, to buffer: UnsafeMutableRawBufferPointer, at start: Int
    ) -> Int {
        var count = 1
        var rest = number
        while rest >= 10 {
            rest /= 10
            count += 1
        }
        rest = number
        for index in stride(from: start + count - 1, through: start, by: -1) {
            buffer[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        return count
    }
}

/// Where a scope's log ends, and what the records there come to.
public struct ScopeHead: Hashable, Sendable {
    public let position: Position
    /// Of the records at exactly this position; nil where it is not known.
    public let checksum: ScopeChecksum?

    public var cursor: Int { position.cursor }
    public var epoch: Name { position.epoch }

    public init(_ position: Position, checksum: ScopeChecksum?) {
        self.position = position
        self.checksum = checksum
    }
}

extension ByteBuffer {
    /// Appends the member `"checksum"` behind others; nothing where it is not known.
    mutating func append(checksum: ScopeChecksum?) {
        guard let bits = checksum?.bits else { return }
        append(",\"checksum\":\"" as StaticString)
        append(hexadecimal: bits, digitsMin: 16)
        append(UInt8(ascii: "\""))
    }
}
