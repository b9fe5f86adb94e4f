// Inflating once more (RFC 1951), plain and slow and without zlib, so that zlib is not tested against
// itself: what a `Deflater` writes is read here bit by bit, and no match may reach back further than
// the window that was agreed on. And the other way: blocks by hand that no `Deflater` would write.

/// Why data is not deflate data.
enum PlainInflateError: Error, Equatable {
    case endsEarly, badBlock, badCode, tooFarBack
}

/// One direction of a connection: the window lives as long as it.
struct PlainInflater {
    let windowBytes: Int
    private var window: [UInt8] = []

    init(windowBits: Int) { windowBytes = 1 << windowBits }

    /// The message of a compressed payload (RFC 7692 §7.2.2).
    mutating func message(_ payload: [UInt8]) throws(PlainInflateError) -> [UInt8] {
        var bits = BitReader(bytes: payload + [0, 0, 0xFF, 0xFF])
        var output = window
        let start = output.count
        while bits.hasMore {
            let isLast = try bits.take(1) == 1
            switch try bits.take(2) {
            case 0: try stored(&bits, &output)
            case 1: try coded(&bits, &output, .fixedLiterals, .fixedDistances)
            case 2:
                let (literals, distances) = try Self.tables(&bits)
                try coded(&bits, &output, literals, distances)
            default: throw .badBlock
            }
            if isLast { bits.align() }
        }
        window = Array(output.suffix(windowBytes))
        return Array(output[start...])
    }

    private func stored(
        _ bits: inout BitReader, _ output: inout [UInt8]
    ) throws(PlainInflateError) {
        bits.align()
        let count = try bits.take(16)
        guard try bits.take(16) == count ^ 0xFFFF else { throw .badBlock }
        for _ in 0..<count { output.append(UInt8(try bits.take(8))) }
    }

    private static let lengthBases = [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115,
        131, 163, 195, 227, 258,
    ]
    private static let distanceBases = [
        1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537,
        2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577,
    ]

    private func coded(
        _ bits: inout BitReader, _ output: inout [UInt8], _ literals: Codes, _ distances: Codes
    ) throws(PlainInflateError) {
        while true {
            let symbol = try literals.next(&bits)
            if symbol < 256 {
                output.append(UInt8(symbol))
                continue
            }
            if symbol == 256 { return }
            let place = symbol - 257
            guard place < 29 else { throw .badCode }
            let lengthBits = place < 8 || place == 28 ? 0 : (place - 4) / 4
            let length = Self.lengthBases[place] + (try bits.take(lengthBits))
            let far = try distances.next(&bits)
            guard far < 30 else { throw .badCode }
            let distance =
                Self.distanceBases[far] + (try bits.take(far < 4 ? 0 : (far - 2) / 2))
            guard distance <= min(output.count, windowBytes) else { throw .tooFarBack }
            for _ in 0..<length { output.append(output[output.count - distance]) }
        }
    }

    private static func tables(
        _ bits: inout BitReader
    ) throws(PlainInflateError) -> (Codes, Codes) {
        let literalCount = try bits.take(5) + 257
        let distanceCount = try bits.take(5) + 1
        let codeCount = try bits.take(4) + 4
        let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
        var codeLengths = [Int](repeating: 0, count: 19)
        for index in 0..<codeCount { codeLengths[order[index]] = try bits.take(3) }
        let codes = Codes(lengths: codeLengths)
        var lengths: [Int] = []
        while lengths.count < literalCount + distanceCount {
            switch try codes.next(&bits) {
            case let length where length < 16: lengths.append(length)
            case 16:
                guard let last = lengths.last else { throw .badCode }
                lengths += [Int](repeating: last, count: 3 + (try bits.take(2)))
            case 17: lengths += [Int](repeating: 0, count: 3 + (try bits.take(3)))
            default: lengths += [Int](repeating: 0, count: 11 + (try bits.take(7)))
            }
        }
        guard lengths.count == literalCount + distanceCount else { throw .badCode }
        return (
            Codes(lengths: Array(lengths[..<literalCount])),
            Codes(lengths: Array(lengths[literalCount...]))
        )
    }
}

/// A canonical Huffman code (RFC 1951 §3.2.2), read a bit at a time.
private struct Codes {
    private var counts = [Int](repeating: 0, count: 16)
    private var symbols: [Int] = []

    static let fixedLiterals = Codes(
        lengths: [Int](repeating: 8, count: 144) + [Int](repeating: 9, count: 112)
            + [Int](repeating: 7, count: 24) + [Int](repeating: 8, count: 8))
    static let fixedDistances = Codes(lengths: [Int](repeating: 5, count: 30))

    init(lengths: [Int]) {
        for length in 1..<16 {
            for (symbol, its) in lengths.enumerated() where its == length {
                counts[length] += 1
                symbols.append(symbol)
            }
        }
    }

    func next(_ bits: inout BitReader) throws(PlainInflateError) -> Int {
        var (code, first, index) = (0, 0, 0)
        for length in 1..<16 {
            code |= try bits.take(1)
            if code - first < counts[length] { return symbols[index + code - first] }
            index += counts[length]
            first = (first + counts[length]) << 1
            code <<= 1
        }
        throw .badCode
    }
}

private struct BitReader {
    let bytes: [UInt8]
    private var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    var hasMore: Bool { position < bytes.count * 8 }

    mutating func take(_ count: Int) throws(PlainInflateError) -> Int {
        guard position + count <= bytes.count * 8 else { throw .endsEarly }
        var value = 0
        for index in 0..<count {
            value |= Int(bytes[position >> 3] >> UInt8(position & 7) & 1) << index
            position += 1
        }
        return value
    }

    mutating func align() { position = (position + 7) & ~7 }
}

/// Compressed payloads by hand.
enum HandDeflate {
    /// Stored blocks of `blockBytes` at most; the last one with BFINAL where `isLast`.
    static func stored(
        _ message: [UInt8], blockBytes: Int = 0xFFFF, isLast: Bool = false
    ) -> [UInt8] {
        var payload: [UInt8] = []
        var start = 0
        repeat {
            let end = min(start + blockBytes, message.count)
            let count = UInt16(end - start)
            payload.append(isLast && end == message.count ? 1 : 0)
            for part in [count, ~count] { payload += [UInt8(part & 0xFF), UInt8(part >> 8)] }
            payload += message[start..<end]
            start = end
        } while start < message.count
        // The head of the empty block whose rest is not sent.
        return payload + [0]
    }

    /// One block of the fixed code, without a match.
    static func fixed(_ message: [UInt8], isLast: Bool = false) -> [UInt8] {
        var bits = BitWriter()
        bits.put(isLast ? 1 : 0, 1)
        bits.put(1, 2)
        for byte in message {
            byte < 144
                ? bits.putCode(0x30 + Int(byte), 8) : bits.putCode(0x190 + Int(byte) - 144, 9)
        }
        bits.putCode(0, 7)
        if isLast { bits.align() }
        bits.put(0, 3)
        bits.align()
        return bits.bytes
    }
}

private struct BitWriter {
    private(set) var bytes: [UInt8] = []
    private var used = 8

    mutating func put(_ value: Int, _ count: Int) {
        for index in 0..<count {
            if used == 8 {
                bytes.append(0)
                used = 0
            }
            bytes[bytes.count - 1] |= UInt8(value >> index & 1) << UInt8(used)
            used += 1
        }
    }

    /// A Huffman code comes with its first bit first.
    mutating func putCode(_ code: Int, _ count: Int) {
        for index in stride(from: count - 1, through: 0, by: -1) { put(code >> index & 1, 1) }
    }

    mutating func align() { used = 8 }
}
