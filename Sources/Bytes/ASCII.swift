// What protocols ask of ASCII bytes: classes, case, trimming, decimal numbers. Works on bytes in
// place, allocates nothing, knows no locale. Bytes above 0x7F belong to no class and have no case.
// The classes that a message's grammar names (token, path, value …) are CScan's.

/// Questions about ASCII bytes and runs of them.
public enum ASCII {
    @inlinable
    public static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    @inlinable
    public static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- UInt8(ascii: "a") < 26 }

    /// `byte`, a small letter if it is a capital.
    @inlinable
    public static func lowercased(_ byte: UInt8) -> UInt8 {
        byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
    }

    /// Whether both hold the same bytes. O(n).
    public static func equal(
        _ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer
    ) -> Bool {
        let count = left.count
        guard count == right.count else { return false }
        var index = 0
        while count - index >= 8 {
            let a = left.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            let b = right.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            guard a == b else { return false }
            index += 8
        }
        if count >= 8 {
            // What is left, with bytes before it that were seen to be the same.
            let a = left.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
            return a == right.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
        }
        while index < count {
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
        let count = left.count
        guard count == right.count else { return false }
        var index = 0
        while index < count {
            let end = min(index + 8, count)
            // Often both have the same case, too.
            if end - index == 8,
                left.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                    == right.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            {
                index = end
                continue
            }
            while index < end {
                guard lowercased(left[index]) == lowercased(right[index]) else { return false }
                index += 1
            }
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

}

// MARK: Decimal numbers

extension ASCII {
    /// What a run of bytes says as a decimal number.
    public enum Decimal: Equatable, Sendable {
        case number(Int)
        /// Digits alone, of a number that does not fit an `Int`.
        case tooLarge
        /// No digits, or something else among them.
        case malformed
    }

    /// Reads one or more digits and nothing else. Leading zeros are taken. O(n).
    public static func readDecimal(_ bytes: UnsafeRawBufferPointer) -> Decimal {
        guard bytes.count > 0 else { return .malformed }
        var (value, isTooLarge) = (0, false)
        for byte in bytes {
            guard isDigit(byte) else { return .malformed }
            let (scaled, isHigh) = value.multipliedReportingOverflow(by: 10)
            let (sum, isOver) = scaled.addingReportingOverflow(Int(byte &- UInt8(ascii: "0")))
            if isHigh || isOver { isTooLarge = true }
            value = sum
        }
        return isTooLarge ? .tooLarge : .number(value)
    }

    /// The number that `bytes` write: one or more digits and nothing else. Nil for anything
    /// else and for numbers that do not fit. Leading zeros are taken. O(n).
    public static func decimal(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard case .number(let number) = readDecimal(bytes) else { return nil }
        return number
    }

    /// The same for a slice.
    public static func decimal(_ bytes: ByteSlice) -> Int? {
        bytes.withUnsafeBytes { decimal($0) }
    }

    /// The same for text: unlike `Int(text)` it takes no sign.
    public static func decimal(_ text: some StringProtocol) -> Int? {
        text.utf8.withContiguousStorageIfAvailable { decimal(UnsafeRawBufferPointer($0)) }
            ?? Array(text.utf8).withUnsafeBytes { decimal($0) }
    }
}
