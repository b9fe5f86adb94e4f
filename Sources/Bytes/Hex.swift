// Base 16 (RFC 4648 §8): written in small letters, read in either case.

public enum Hex {
    /// The value of one digit, 0 to 15; nil for another byte.
    @inlinable
    public static func value(of byte: UInt8) -> UInt8? {
        let digit = byte &- UInt8(ascii: "0")
        if digit < 10 { return digit }
        let letter = (byte | 0x20) &- UInt8(ascii: "a")
        return letter < 6 ? letter + 10 : nil
    }

    /// The digit for the low four bits of `value`, in small letters.
    @inlinable
    public static func digit(_ value: UInt8) -> UInt8 {
        let low = value & 0xF
        return low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "a") + low - 10
    }

    /// The same in capitals, as RFC 3986 §2.1 asks of who writes percent-escapes.
    @inlinable
    public static func capitalDigit(_ value: UInt8) -> UInt8 {
        let low = value & 0xF
        return low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "A") + low - 10
    }

    /// Two digits for each byte. O(n).
    public static func encode(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count * 2)
        for byte in bytes {
            text.append(digit(byte >> 4))
            text.append(digit(byte))
        }
        return text
    }

    public static func encode(_ bytes: [UInt8]) -> [UInt8] { bytes.withUnsafeBytes(encode) }

    /// Sixteen digits, the highest first.
    public static func encode(_ word: UInt64) -> [UInt8] {
        (0..<16).map { digit(UInt8(truncatingIfNeeded: word >> UInt64(60 - $0 * 4))) }
    }

    /// The bytes that `text` writes; nil for an odd count or a byte that is no digit. O(n).
    public static func decode(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
        guard text.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 2)
        for index in stride(from: 0, to: text.count, by: 2) {
            guard let high = value(of: text[index]), let low = value(of: text[index + 1]) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    public static func decode(_ text: [UInt8]) -> [UInt8]? { text.withUnsafeBytes(decode) }
}
