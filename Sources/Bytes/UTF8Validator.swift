// Checks UTF-8 as it arrives (RFC 3629 §4; Unicode, table 3-7), cut anywhere: for WebSocket, whose
// text must fail at its first bad byte, and for JSON strings. Keeps three bytes of state, copies
// nothing, repairs nothing.

/// A resumable UTF-8 check. One owner; a value of three bytes.
///
/// ```
///   complete ──lead byte──► inside(1…3 bytes to come) ──last continuation──► complete
///   either   ──wrong byte──► failed, for good
/// ```
public struct UTF8Validator: Sendable {
    /// Continuation bytes still to come; `failed` after a wrong byte.
    private var pending: UInt8 = 0
    /// What the next continuation byte may be. Narrower than 80…BF only behind E0, ED, F0 and F4,
    /// which shuts out overlong forms, surrogates and what lies beyond U+10FFFF.
    private var lower: UInt8 = 0x80
    private var upper: UInt8 = 0xBF

    private static let failed: UInt8 = 0xFF

    public init() {}

    /// Whether all that was fed is whole characters, so that the text may end here.
    public var isComplete: Bool { pending == 0 }

    /// Takes the next bytes of the text. O(n), eight bytes a step while they are ASCII.
    /// - Returns: false at the first byte that no continuation could repair, and ever after.
    public mutating func feed(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard pending != Self.failed else { return false }
        var index = 0
        while index < bytes.count {
            if pending == 0 {
                index = Self.skipASCII(bytes, from: index)
                guard index < bytes.count else { return true }
            }
            guard take(bytes[index]) else {
                pending = Self.failed
                return false
            }
            index += 1
        }
        return true
    }

    /// Forgets what was fed: for the next message.
    public mutating func reset() { self = UTF8Validator() }

    /// Whether `bytes` as a whole is well-formed. O(n).
    public static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var validator = UTF8Validator()
        return validator.feed(bytes) && validator.isComplete
    }

    /// Bytes of the character that `bytes` begins with, 1 to 4; 0 if it is ill-formed, cut off,
    /// or `bytes` is empty.
    static func sequenceLength(in bytes: UnsafeRawBufferPointer) -> Int {
        var validator = UTF8Validator()
        for index in 0..<min(4, bytes.count) {
            guard validator.take(bytes[index]) else { return 0 }
            if validator.isComplete { return index + 1 }
        }
        return 0
    }

    @inline(__always)
    private mutating func take(_ byte: UInt8) -> Bool {
        if pending > 0 {
            guard byte >= lower && byte <= upper else { return false }
            (lower, upper) = (0x80, 0xBF)
            pending -= 1
            return true
        }
        switch byte {
        case 0x00...0x7F: return true
        case 0xC2...0xDF: pending = 1
        case 0xE0: (pending, lower) = (2, 0xA0)
        case 0xED: (pending, upper) = (2, 0x9F)
        case 0xE1...0xEF: pending = 2
        case 0xF0: (pending, lower) = (3, 0x90)
        case 0xF4: (pending, upper) = (3, 0x8F)
        case 0xF1...0xF3: pending = 3
        default: return false
        }
        return true
    }

    /// The first index at or behind `start` whose byte is above 0x7F, or the end.
    @inline(__always)
    private static func skipASCII(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var index = start
        while bytes.count - index >= 8 {
            let word = UInt64(
                littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            let tops = word & 0x8080_8080_8080_8080
            guard tops == 0 else { return index + tops.trailingZeroBitCount >> 3 }
            index += 8
        }
        while index < bytes.count, bytes[index] < 0x80 { index += 1 }
        return index
    }
}
