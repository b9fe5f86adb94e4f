// One JSON value where it stands in its text: a slice and what can be asked of it.
// Holds no tree and no dictionary: a question reads the bytes. Costs are those of reading, so
// ask an object once with `members(named:)` rather than often with `member(_:)`. Any thread.

/// A checked JSON value in place; keeps the document's bytes alive.
public struct JSONValue: Sendable {
    /// Exactly this value's text, without white space around it.
    public let bytes: ByteSlice

    public enum Kind: Sendable { case object, array, string, number, `true`, `false`, null }

    init(exactly bytes: ByteSlice) { self.bytes = bytes }

    /// Takes text that has passed `JSON.parse` before, such as what a store kept, without
    /// checking it again. Text that did not pass gives wrong answers, but no trap.
    public init(validated text: ByteSlice) {
        bytes = text.withUnsafeBytes { raw in
            var (start, stop) = (0, raw.count)
            while start < stop, JSONCursor.isSpace(raw[start]) { start += 1 }
            while start < stop, JSONCursor.isSpace(raw[stop - 1]) { stop -= 1 }
            return text[start..<stop]
        }
    }

    public var kind: Kind {
        guard bytes.count > 0 else { return .null }
        return switch bytes[0] {
        case UInt8(ascii: "{"): .object
        case UInt8(ascii: "["): .array
        case UInt8(ascii: "\""): .string
        case UInt8(ascii: "t"): .true
        case UInt8(ascii: "f"): .false
        case UInt8(ascii: "n"): .null
        default: .number
        }
    }

    public var isNull: Bool { kind == .null }

    public var bool: Bool? {
        switch kind {
        case .true: true
        case .false: false
        default: nil
        }
    }

    /// The string in place, nil for other kinds.
    public var jsonString: JSONString? {
        guard kind == .string, bytes.count >= 2 else { return nil }
        let content = bytes[1..<bytes.count - 1]
        let isEscaped = content.withUnsafeBytes { $0.contains(UInt8(ascii: "\\")) }
        return JSONString(content, form: isEscaped ? .escaped : .plain)
    }

    /// Where in `bytes` a string's content stands as it is meant; nil for other kinds and where
    /// there are escapes. O(n).
    public var plainContent: Range<Int>? {
        guard kind == .string, bytes.count >= 2 else { return nil }
        let content = 1..<bytes.count - 1
        let end = bytes.withUnsafeBytes { raw in
            var cursor = JSONCursor(raw)
            return cursor.skipString() == .plain ? cursor.at : 0
        }
        return end == bytes.count ? content : nil
    }

    /// A string's content in UTF-8; the document's own bytes if nothing is escaped. Nil for other
    /// kinds and for half a surrogate pair.
    public var utf8: ByteSlice? { jsonString?.utf8 }

    /// A string's content; nil for other kinds and for half a surrogate pair. O(n).
    public var string: String? { jsonString?.string }

    /// A number of the protocol: 0 to 2^53 − 1, written without sign, fraction or exponent.
    public var int: Int? {
        guard kind == .number, let value = bytes.withUnsafeBytes(ASCII.decimal),
            value <= 0x1F_FFFF_FFFF_FFFF
        else { return nil }
        return value
    }

    /// A number of any form, the nearest `Double`; nil beyond its range and for other kinds.
    public var double: Double? {
        guard kind == .number, let value = Double(bytes.string), value.isFinite else { return nil }
        return value
    }

    /// How many containers are nested here: 0 for a scalar, 1 for `{}` or `[1]`. O(n).
    public var depth: Int {
        bytes.withUnsafeBytes { raw in
            var cursor = JSONCursor(raw)
            return cursor.skipValue()
        }
    }

    /// Checks this one value again, by stricter rules than its document was read with. O(n).
    /// - Throws: `.tooDeep` or `.loneSurrogate`, with the offset inside this value.
    public func check(
        depthMax: Int = 64, surrogates: JSON.Surrogates = .refuse
    ) throws(JSONError) {
        _ = try JSON.parse(bytes, depthMax: depthMax, surrogates: surrogates)
    }
}
