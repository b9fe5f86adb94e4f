// Reads the fields of a message from another node (NewsCoding), each checked against what is there.
// After the first field that is not as it should be it gives nil, and its owner gives up. A value;
// copies no bytes.

import MizuBytes
import MizuSync

struct NewsReader {
    private let bytes: ByteSlice
    private var index = 0

    init(_ bytes: ByteSlice) { self.bytes = bytes }

    private var left: Int { bytes.count - index }

    mutating func byte() -> UInt8? {
        guard left > 0 else { return nil }
        defer { index += 1 }
        return bytes[index]
    }

    /// A number of at most 63 bits.
    mutating func number() -> Int? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), through: 56, by: 7) {
            guard let byte = byte() else { return nil }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return Int(value) }
        }
        return nil
    }

    mutating func bits() -> UInt64? {
        guard left >= 8 else { return nil }
        var value: UInt64 = 0
        for _ in 0..<8 { value = value << 8 | UInt64(byte() ?? 0) }
        return value
    }

    mutating func text() -> ByteSlice? {
        guard let count = number(), count <= left else { return nil }
        defer { index += count }
        return bytes[index..<index + count]
    }

    /// A text for people, or a name of the program's.
    mutating func string(bytesMax: Int) -> String? {
        guard let text = text(), text.count <= bytesMax else { return nil }
        return String(validating: text.array, as: UTF8.self)
    }

    mutating func json() -> JSONValue? {
        guard let text = text() else { return nil }
        return try? JSON.parse(text, depthMax: .max, surrogates: .allow)
    }

    mutating func name() -> Name? { text().flatMap { Name($0) } }

    /// An epoch and a cursor.
    mutating func position() -> Position? {
        guard let epoch = name(), let cursor = number(), cursor <= Position.cursorMax
        else { return nil }
        return Position(cursor: cursor, epoch: epoch)
    }

    /// A checksum that may be unknown.
    /// - Returns: nil where it is malformed.
    mutating func checksum() -> KnownChecksum? {
        switch number() {
        case 0: return KnownChecksum(value: nil)
        case 1: return bits().map { KnownChecksum(value: ScopeChecksum(bits: $0)) }
        default: return nil
        }
    }

    struct KnownChecksum {
        let value: ScopeChecksum?
    }

    /// How many of something follow, of which each takes that many bytes or more.
    mutating func count(eachAtLeast bytes: Int) -> Int? {
        guard let count = number(), count <= left / bytes else { return nil }
        return count
    }

    /// Numbers that ascend from `base`, exclusive.
    mutating func steps(_ count: Int, after base: Int) -> [Int]? {
        guard count <= left else { return nil }
        var values: [Int] = []
        values.reserveCapacity(count)
        var last = base
        for _ in 0..<count {
            guard let step = number(), step > 0, step <= Position.cursorMax - last
            else { return nil }
            last += step
            values.append(last)
        }
        return values
    }
}
