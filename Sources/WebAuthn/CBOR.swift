// Reads the part of CBOR (RFC 8949) in which authenticators write: CTAP2's canonical form. Whole
// numbers, byte and text strings, arrays, maps, false, true and null, each in its shortest form and
// with its length in front. Refuses everything else: tags, floats, streams, doubled keys, and what
// is nested or counted beyond the limits. No bytes can trap it, and none can make it allocate more
// than they are worth.

import MizuBytes

/// One item.
indirect enum CBOR: Equatable, Sendable {
    case unsigned(UInt64)
    /// −1 − n.
    case negative(UInt64)
    case bytes(ByteSlice)
    case text(ByteSlice)
    case array([CBOR])
    case map([Pair])
    case bool(Bool)
    case null

    struct Pair: Equatable, Sendable {
        let key: CBOR
        let value: CBOR
    }

    /// Containers that may be open at once.
    static let depthMax = 6
    /// Items in all; an attestation has some twenty.
    static let itemsMax = 256

    /// The item that begins at the start of `bytes`, and how many bytes it takes.
    static func first(in bytes: ByteSlice) -> (item: CBOR, byteCount: Int)? {
        var reader = Reader(bytes: bytes)
        return reader.item(depth: 0).map { ($0, reader.at) }
    }

    /// The item that `bytes` are; nil if anything follows it.
    init?(_ bytes: ByteSlice) {
        guard let (item, byteCount) = CBOR.first(in: bytes), byteCount == bytes.count else {
            return nil
        }
        self = item
    }

    /// The value of a whole number; nil for what is none or does not fit.
    var int: Int? {
        switch self {
        case .unsigned(let value): Int(exactly: value)
        case .negative(let value): Int(exactly: value).map { -1 - $0 }
        default: nil
        }
    }

    var byteString: ByteSlice? { if case .bytes(let bytes) = self { bytes } else { nil } }

    /// The value of a map under a text; nil where there is none.
    subscript(text: String) -> CBOR? { value(of: .text(ByteSlice(text))) }

    /// The value of a map under a whole number; nil where there is none.
    subscript(number: Int) -> CBOR? {
        value(of: number < 0 ? .negative(UInt64(-1 - number)) : .unsigned(UInt64(number)))
    }

    private func value(of key: CBOR) -> CBOR? {
        guard case .map(let pairs) = self else { return nil }
        return pairs.first { $0.key == key }?.value
    }

    private struct Reader {
        let bytes: ByteSlice
        var at = 0
        var itemCount = 0

        private var left: Int { bytes.count - at }

        mutating func item(depth: Int) -> CBOR? {
            guard left > 0, itemCount < CBOR.itemsMax else { return nil }
            itemCount += 1
            let initial = bytes[at]
            at += 1
            let major = initial >> 5
            // False, true and null; other simple values and floats are not taken.
            if major == 7 {
                return switch initial & 0x1F {
                case 20: .bool(false)
                case 21: .bool(true)
                case 22: .null
                default: nil
                }
            }
            guard let argument = argument(initial & 0x1F) else { return nil }
            switch major {
            case 0: return .unsigned(argument)
            case 1: return .negative(argument)
            case 2: return run(of: argument).map { .bytes($0) }
            case 3:
                guard let text = run(of: argument),
                    text.withUnsafeBytes({ String(validating: $0, as: UTF8.self) }) != nil
                else { return nil }
                return .text(text)
            case 4: return array(of: argument, depth: depth)
            case 5: return map(of: argument, depth: depth)
            default: return nil  // tags
            }
        }

        /// The number behind an initial byte, in its shortest form.
        private mutating func argument(_ additional: UInt8) -> UInt64? {
            guard additional >= 24 else { return UInt64(additional) }
            guard additional <= 27 else { return nil }
            let count = 1 << Int(additional - 24)
            guard left >= count else { return nil }
            var value: UInt64 = 0
            for _ in 0..<count {
                value = value << 8 | UInt64(bytes[at])
                at += 1
            }
            let least: UInt64 = count == 1 ? 24 : 1 << UInt64(count * 4)
            return value >= least ? value : nil
        }

        private mutating func run(of count: UInt64) -> ByteSlice? {
            guard count <= UInt64(left) else { return nil }
            let start = at
            at += Int(count)
            return bytes[start..<at]
        }

        private mutating func array(of count: UInt64, depth: Int) -> CBOR? {
            // Each item takes a byte: no larger count can be honest.
            guard depth < CBOR.depthMax, count <= UInt64(left) else { return nil }
            var items: [CBOR] = []
            for _ in 0..<Int(count) {
                guard let item = item(depth: depth + 1) else { return nil }
                items.append(item)
            }
            return .array(items)
        }

        private mutating func map(of count: UInt64, depth: Int) -> CBOR? {
            guard depth < CBOR.depthMax, count <= UInt64(left / 2) else { return nil }
            var pairs: [Pair] = []
            for _ in 0..<Int(count) {
                guard let key = item(depth: depth + 1), CBOR.isKey(key),
                    !pairs.contains(where: { $0.key == key }), let value = item(depth: depth + 1)
                else { return nil }
                pairs.append(Pair(key: key, value: value))
            }
            return .map(pairs)
        }
    }

    private static func isKey(_ item: CBOR) -> Bool {
        switch item {
        case .unsigned, .negative, .text: true
        case .bytes, .array, .map, .bool, .null: false
        }
    }
}
