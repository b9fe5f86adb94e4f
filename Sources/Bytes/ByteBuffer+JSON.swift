// JSON's scalars as bytes behind a buffer (RFC 8259 §6, §7): the escaping that `JSONWriter` and
// the encoder share.

extension ByteBuffer {
    /// Appends `text` as a JSON string, in quotes. O(n).
    public mutating func appendJSON(string text: String, escaping: JSONEscaping = .standard) {
        var text = text
        text.withUTF8 { appendJSON(string: UnsafeRawBufferPointer($0), escaping: escaping) }
    }

    /// Appends the UTF-8 of `slice` as a JSON string; ill-formed parts become U+FFFD. O(n).
    public mutating func appendJSON(string slice: ByteSlice, escaping: JSONEscaping = .standard) {
        if slice.withUnsafeBytes(UTF8Validator.isValid) {
            slice.withUnsafeBytes { appendJSON(string: $0, escaping: escaping) }
        } else {
            appendJSON(string: slice.string, escaping: escaping)
        }
    }

    /// Appends well-formed UTF-8 as a JSON string: runs that need no escape are copied whole.
    package mutating func appendJSON(
        string utf8: UnsafeRawBufferPointer, escaping: JSONEscaping = .standard
    ) {
        reserve(utf8.count + 2)
        append(UInt8(ascii: "\""))
        var (runStart, index) = (0, 0)
        while index < utf8.count {
            if escaping == .standard {
                index = JSONCursor.plainEnd(in: utf8, from: index)
                guard index < utf8.count else { break }
            }
            let length = Self.escapedLength(in: utf8, at: index, escaping: escaping)
            guard length > 0 else {
                index += 1
                continue
            }
            append(utf8.part(runStart..<index))
            // U+2028 and U+2029 end in A8 and A9; they are the only ones longer than a byte.
            appendEscape(of: length == 1 ? UInt16(utf8[index]) : 0x1F80 + UInt16(utf8[index + 2]))
            index += length
            runStart = index
        }
        append(utf8.part(runStart..<utf8.count))
        append(UInt8(ascii: "\""))
    }

    /// Appends the shortest form that reads back as `value`, whole numbers without ".0"; `null`
    /// if it is not finite, because JSON has no such number.
    public mutating func appendJSON(double value: Double) {
        guard value.isFinite else {
            append("null" as StaticString)
            return
        }
        let text = value.description
        append(text.hasSuffix(".0") ? String(text.dropLast(2)) : text)
    }

    /// Bytes of the character at `index` if it must be escaped, else 0.
    @inline(__always)
    private static func escapedLength(
        in utf8: UnsafeRawBufferPointer, at index: Int, escaping: JSONEscaping
    ) -> Int {
        let byte = utf8[index]
        if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return 1 }
        guard escaping == .html else { return 0 }
        switch byte {
        case UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "&"):
            return 1
        case 0xE2:
            guard utf8.count - index >= 3, utf8[index + 1] == 0x80 else { return 0 }
            return utf8[index + 2] | 1 == 0xA9 ? 3 : 0
        default:
            return 0
        }
    }

    private mutating func appendEscape(of unit: UInt16) {
        append(UInt8(ascii: "\\"))
        switch unit {
        case 0x08: append(UInt8(ascii: "b"))
        case 0x09: append(UInt8(ascii: "t"))
        case 0x0A: append(UInt8(ascii: "n"))
        case 0x0C: append(UInt8(ascii: "f"))
        case 0x0D: append(UInt8(ascii: "r"))
        case 0x22, 0x5C: append(UInt8(truncatingIfNeeded: unit))
        default:
            append(UInt8(ascii: "u"))
            for shift in [12, 8, 4, 0] as [UInt16] {
                append(Hex.digit(UInt8(truncatingIfNeeded: unit >> shift)))
            }
        }
    }
}
