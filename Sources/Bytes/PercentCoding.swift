// Percent-encoding (RFC 3986 §2.1) and its form variant, where a plus sign is a space
// (application/x-www-form-urlencoded). Bytes in, bytes out: what is decoded may hold any byte, a
// zero or ill-formed UTF-8 among them, and who uses it as a name or a path judges that.

public enum PercentCoding {
    public enum Plus: Sendable {
        /// A plus sign is itself: paths.
        case literal
        /// A plus sign is a space: queries of forms, and their bodies.
        case space
    }

    // Unreserved bytes (RFC 3986 §2.3), one bit each.
    private static let unreservedLow: UInt64 = 0x03FF_6000_0000_0000
    private static let unreservedHigh: UInt64 = 0x47FF_FFFE_87FF_FFFE

    /// `text` as one segment of a path, or one name or value of a query. O(n).
    public static func encode(_ text: String) -> String {
        String(decoding: encode(Array(text.utf8)), as: UTF8.self)
    }

    /// What `text` stands for; nil if a percent sign is not followed by two hex digits. O(n).
    public static func decode(
        _ text: UnsafeRawBufferPointer, plus: Plus = .literal
    ) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var index = 0
        while index < text.count {
            switch text[index] {
            case UInt8(ascii: "%"):
                guard text.count - index >= 3, let high = Hex.value(of: text[index + 1]),
                    let low = Hex.value(of: text[index + 2])
                else { return nil }
                bytes.append(high << 4 | low)
                index += 3
            case UInt8(ascii: "+") where plus == .space:
                bytes.append(0x20)
                index += 1
            case let byte:
                bytes.append(byte)
                index += 1
            }
        }
        return bytes
    }

    /// The same for a slice; without an escape it is `text` itself, uncopied.
    public static func decode(_ text: ByteSlice, plus: Plus = .literal) -> ByteSlice? {
        text.withUnsafeBytes { raw in
            let isPlain = !raw.contains {
                $0 == UInt8(ascii: "%") || ($0 == UInt8(ascii: "+") && plus == .space)
            }
            return isPlain ? text : decode(raw, plus: plus).map { ByteSlice($0) }
        }
    }

    public static func decode(_ text: [UInt8], plus: Plus = .literal) -> [UInt8]? {
        text.withUnsafeBytes { decode($0, plus: plus) }
    }

    /// `bytes` with all but unreserved characters escaped, so that it can stand as one segment of
    /// a path or one name or value of a query. A space becomes `%20` or, for forms, `+`. O(n).
    public static func encode(
        _ bytes: UnsafeRawBufferPointer, plus: Plus = .literal
    ) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count)
        for byte in bytes {
            if isUnreserved(byte) {
                text.append(byte)
            } else if byte == 0x20 && plus == .space {
                text.append(UInt8(ascii: "+"))
            } else {
                text.append(UInt8(ascii: "%"))
                text.append(Hex.capitalDigit(byte >> 4))
                text.append(Hex.capitalDigit(byte))
            }
        }
        return text
    }

    public static func encode(_ bytes: [UInt8], plus: Plus = .literal) -> [UInt8] {
        bytes.withUnsafeBytes { encode($0, plus: plus) }
    }

    /// Letters, digits, `-`, `.`, `_` and `~` (RFC 3986 §2.3).
    public static func isUnreserved(_ byte: UInt8) -> Bool {
        let word = byte < 64 ? unreservedLow : unreservedHigh
        return byte < 128 && (word >> UInt64(byte & 63)) & 1 == 1
    }
}
