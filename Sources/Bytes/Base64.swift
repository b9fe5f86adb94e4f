// Base 64 (RFC 4648): the standard alphabet with padding (§4) and the one for URLs and file names,
// without padding (§5). Decoding is strict: no white space, no wrong padding, and no bits set that
// would be thrown away, so that each run of bytes has exactly one text (§3.5).

public enum Base64 {
    public enum Alphabet: Sendable {
        /// `+` and `/`, padded with `=` to a multiple of four (§4).
        case standard
        /// `-` and `_`, without padding (§5).
        case url
    }

    /// The text for `bytes`. O(n).
    public static func encode(
        _ bytes: UnsafeRawBufferPointer, alphabet: Alphabet = .standard
    ) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        var index = 0
        while index < bytes.count {
            let taken = min(3, bytes.count - index)
            var group: UInt32 = 0
            for offset in 0..<3 {
                group = group << 8 | (offset < taken ? UInt32(bytes[index + offset]) : 0)
            }
            for digit in 0...taken {
                let value = UInt8(truncatingIfNeeded: group >> UInt32(18 - 6 * digit)) & 0x3F
                text.append(Self.digit(value, alphabet))
            }
            if alphabet == .standard {
                for _ in taken..<3 { text.append(UInt8(ascii: "=")) }
            }
            index += taken
        }
        return text
    }

    public static func encode(_ bytes: [UInt8], alphabet: Alphabet = .standard) -> [UInt8] {
        bytes.withUnsafeBytes { encode($0, alphabet: alphabet) }
    }

    /// The bytes that `text` writes; nil if it is not exactly what `encode` would write. O(n).
    public static func decode(
        _ text: UnsafeRawBufferPointer, alphabet: Alphabet = .standard
    ) -> [UInt8]? {
        var count = text.count
        if alphabet == .standard {
            guard count % 4 == 0 else { return nil }
            for _ in 0..<2 where count > 0 && text[count - 1] == UInt8(ascii: "=") { count -= 1 }
        }
        guard count % 4 != 1 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count / 4 * 3 + 2)
        var (bits, bitCount): (UInt32, UInt32) = (0, 0)
        for index in 0..<count {
            guard let value = value(text[index], alphabet) else { return nil }
            bits = bits << 6 | UInt32(value)
            bitCount += 6
            if bitCount >= 8 {
                bitCount -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> bitCount))
                bits &= (1 << bitCount) - 1
            }
        }
        return bits == 0 ? bytes : nil
    }

    public static func decode(_ text: [UInt8], alphabet: Alphabet = .standard) -> [UInt8]? {
        text.withUnsafeBytes { decode($0, alphabet: alphabet) }
    }

    private static func digit(_ value: UInt8, _ alphabet: Alphabet) -> UInt8 {
        switch value {
        case 0..<26: UInt8(ascii: "A") + value
        case 26..<52: UInt8(ascii: "a") + value - 26
        case 52..<62: UInt8(ascii: "0") + value - 52
        case 62: alphabet == .standard ? UInt8(ascii: "+") : UInt8(ascii: "-")
        default: alphabet == .standard ? UInt8(ascii: "/") : UInt8(ascii: "_")
        }
    }

    private static func value(_ digit: UInt8, _ alphabet: Alphabet) -> UInt8? {
        switch digit {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): digit - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): digit - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+") where alphabet == .standard: 62
        case UInt8(ascii: "/") where alphabet == .standard: 63
        case UInt8(ascii: "-") where alphabet == .url: 62
        case UInt8(ascii: "_") where alphabet == .url: 63
        default: nil
        }
    }
}
