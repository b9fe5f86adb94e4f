// What protocols ask of ASCII bytes: classes, case, trimming, decimal numbers. Works on bytes in
// place, allocates nothing, knows no locale. Bytes above 0x7F belong to no class and have no case.

/// Questions about ASCII bytes and runs of them.
public enum ASCII {
    // A set of ASCII bytes is two words with one bit per byte: constants in the instruction
    // stream, so no table has to be reached or set up. Tests hold them to the RFC's own lists.
    @usableFromInline static let tokenLow: UInt64 = 0x03FF_6CFA_0000_0000
    @usableFromInline static let tokenHigh: UInt64 = 0x57FF_FFFF_C7FF_FFFE

    @inlinable
    public static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    @inlinable
    public static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- UInt8(ascii: "a") < 26 }

    /// A byte of a token: `tchar` of RFC 9110 §5.6.2.
    @inlinable
    public static func isTokenByte(_ byte: UInt8) -> Bool {
        let word = byte < 64 ? tokenLow : tokenHigh
        return byte < 128 && (word >> UInt64(byte & 63)) & 1 == 1
    }

    /// Whether `bytes` is a token: at least one byte, each a `tchar` (RFC 9110 §5.6.2). O(n).
    @inlinable
    public static func isToken(_ bytes: UnsafeRawBufferPointer) -> Bool {
        for byte in bytes where !isTokenByte(byte) { return false }
        return bytes.count > 0
    }

    /// `byte`, a small letter if it is a capital.
    @inlinable
    public static func lowercased(_ byte: UInt8) -> UInt8 {
        byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
    }

    /// Turns the capitals of `bytes` into small letters, in place. O(n).
    public static func lowercase(_ bytes: UnsafeMutableRawBufferPointer) {
        for index in bytes.indices { bytes[index] = lowercased(bytes[index]) }
    }

    /// Whether both hold the same bytes. O(n).
    public static func equal(
        _ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer
    ) -> Bool {
        guard left.count == right.count else { return false }
        var index = 0
        while left.count - index >= 8 {
            let a = left.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            let b = right.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            guard a == b else { return false }
            index += 8
        }
        while index < left.count {
            guard left[index] == right[index] else { return false }
            index += 1
        }
        return true
    }

    /// Whether `bytes` is `text`, byte for byte. O(n).
    public static func equal(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        equal(bytes, UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Whether both hold the same bytes but for the case of ASCII letters. O(n).
    @inlinable
    public static func equalIgnoringCase(
        _ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer
    ) -> Bool {
        guard left.count == right.count else { return false }
        for index in 0..<left.count where lowercased(left[index]) != lowercased(right[index]) {
            return false
        }
        return true
    }

    /// Whether `bytes` is `text` but for the case of ASCII letters. O(n).
    @inlinable
    public static func equalIgnoringCase(
        _ bytes: UnsafeRawBufferPointer, _ text: StaticString
    ) -> Bool {
        equalIgnoringCase(
            bytes, UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// The part of `bytes` without spaces and tabs at either end (OWS, RFC 9110 §5.6.3), as a
    /// range of indices into `bytes`; empty if there is nothing else.
    public static func trimmingOWS(_ bytes: UnsafeRawBufferPointer) -> Range<Int> {
        var (start, stop) = (0, bytes.count)
        while start < stop, isOWS(bytes[start]) { start += 1 }
        while start < stop, isOWS(bytes[stop - 1]) { stop -= 1 }
        return start..<stop
    }

    /// A space or a tab.
    @inlinable
    public static func isOWS(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    /// The number that `bytes` write: one or more digits and nothing else. Nil for anything
    /// else and for numbers that do not fit. Leading zeros are taken. O(n).
    public static func decimal(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard bytes.count > 0 else { return nil }
        var value = 0
        for byte in bytes {
            guard isDigit(byte) else { return nil }
            let (scaled, isHigh) = value.multipliedReportingOverflow(by: 10)
            let (sum, isOver) = scaled.addingReportingOverflow(Int(byte &- UInt8(ascii: "0")))
            guard !isHigh, !isOver else { return nil }
            value = sum
        }
        return value
    }

    /// The same for a slice.
    public static func decimal(_ bytes: ByteSlice) -> Int? {
        bytes.withUnsafeBytes { decimal($0) }
    }
}
