// Finds values inside JSON text that has passed `JSONScanner`, without checking the grammar again.
// Never leaves its bytes, whatever they hold: each step is bounded by `end`, so that text which
// did not pass gives wrong values but no trap.

struct JSONCursor {
    // Its loads are checked in debug; in release the comparisons with `end` are the whole proof.
    private let bytes: UnsafeRawBufferPointer
    let end: Int
    private(set) var at: Int

    init(_ bytes: UnsafeRawBufferPointer, at: Int = 0) {
        self.bytes = bytes
        end = bytes.count
        self.at = min(max(at, 0), bytes.count)
    }

    /// The byte here, nil at the end.
    var current: UInt8? { at < end ? bytes[at] : nil }

    /// Moves over one byte.
    mutating func step() { at = min(at + 1, end) }

    /// Moves to the next thing in a container: over white space, commas and colons.
    mutating func skipSeparators() {
        while at < end {
            let byte = bytes[at]
            guard byte == UInt8(ascii: ",") || byte == UInt8(ascii: ":") || Self.isSpace(byte)
            else { return }
            at += 1
        }
    }

    /// A member's place: the key between its quotes, and the value.
    struct Member {
        let key: Range<Int>
        let form: JSONString.Form
        let value: Range<Int>
    }

    /// Moves over the next member of the object that the cursor is in; nil at its end.
    mutating func nextMember() -> Member? {
        skipSeparators()
        guard current == UInt8(ascii: "\"") else { return nil }
        let keyStart = at
        let form = skipString()
        let keyStop = at
        skipSeparators()
        let valueStart = at
        skipValue()
        // Only text that was never checked can end before a closing quote or a value.
        guard keyStop - keyStart >= 2, at > valueStart else { return nil }
        return Member(key: keyStart + 1..<keyStop - 1, form: form, value: valueStart..<at)
    }

    /// Moves over the next element of the array that the cursor is in; nil at its end.
    mutating func nextElement() -> Range<Int>? {
        skipSeparators()
        guard let first = current, first != UInt8(ascii: "]") else { return nil }
        let start = at
        skipValue()
        return start..<at
    }

    /// Moves over the string that begins here; says whether it has escapes.
    @inline(__always)
    mutating func skipString() -> JSONString.Form {
        var form = JSONString.Form.plain
        at = min(at + 1, end)
        while at < end {
            if end - at >= 8 {
                let word = UInt64(
                    littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
                let marks = Self.stringMarks(in: word)
                if marks == 0 {
                    at += 8
                    continue
                }
                at += marks.trailingZeroBitCount >> 3
            }
            switch bytes[at] {
            case UInt8(ascii: "\""):
                at += 1
                return form
            case UInt8(ascii: "\\"):
                form = .escaped
                at = min(at + 2, end)
            default:
                at += 1
            }
        }
        return form
    }

    /// Moves over the value that begins here and returns how deep it nests: 0 for a scalar.
    @discardableResult
    mutating func skipValue() -> Int {
        var (depth, deepest) = (0, 0)
        while at < end {
            switch bytes[at] {
            case UInt8(ascii: "\""):
                _ = skipString()
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                deepest = max(deepest, depth)
                at += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                at += 1
            default:
                at += 1
                if depth == 0 { skipScalar() }
            }
            if depth <= 0 { break }
        }
        return deepest
    }

    private mutating func skipScalar() {
        while at < end, !Self.endsScalar(bytes[at]) { at += 1 }
    }

    @inline(__always)
    private static func endsScalar(_ byte: UInt8) -> Bool {
        isSpace(byte) || byte == UInt8(ascii: ",") || byte == UInt8(ascii: ":")
            || byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]")
    }

    @inline(__always)
    static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    }

    /// The top bit of each byte of `word` that is a quote, a backslash, below 0x20 or above 0x7F.
    /// Exact up to and including the lowest mark.
    @inline(__always)
    static func stringMarks(in word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops: UInt64 = 0x8080_8080_8080_8080
        let quote = word ^ (ones &* 0x22)
        let backslash = word ^ (ones &* 0x5C)
        return
            (((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash)
            | ((word &- (ones &* 0x20)) & ~word) | word) & tops
    }

    /// Where, from `start` on, the next byte may stand that a string must escape (RFC 8259 §7):
    /// there or less than eight bytes later, or at the end. Looks at eight bytes at a time.
    @inline(__always)
    static func plainEnd(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var index = start
        while bytes.count - index >= 8 {
            let word = UInt64(
                littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            let marks = escapeMarks(in: word)
            guard marks == 0 else { return index + (marks.trailingZeroBitCount >> 3) }
            index += 8
        }
        guard index < bytes.count, bytes.count >= 8 else { return index }
        // What is left, with bytes before it that need no escape, or were written with one: then it
        // is looked at one by one.
        let word = bytes.loadUnaligned(fromByteOffset: bytes.count - 8, as: UInt64.self)
        return escapeMarks(in: word) == 0 ? bytes.count : index
    }

    /// As `stringMarks`, without bytes above 0x7F.
    @inline(__always)
    private static func escapeMarks(in word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops: UInt64 = 0x8080_8080_8080_8080
        let quote = word ^ (ones &* 0x22)
        let backslash = word ^ (ones &* 0x5C)
        return
            (((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash)
            | ((word &- (ones &* 0x20)) & ~word)) & tops
    }
}
