// Walking an object's members and an array's elements in place, without a dictionary or an array.
// Each step costs the length of what it steps over; nothing is allocated.

extension JSONValue {
    /// An object's members in the order of the text, doubled keys and all; none for other kinds.
    public var members: JSONMembers { JSONMembers(self) }

    /// An array's elements in order; none for other kinds.
    public var elements: JSONElements { JSONElements(self) }

    /// The first member of that name; nil if there is none or this is no object. O(n).
    public func member(_ name: StaticString) -> JSONValue? {
        for (key, value) in members where key.equals(name) { return value }
        return nil
    }

    /// The first member of that name, compared byte for byte; nil if there is none. O(n).
    public func member(named name: ByteSlice) -> JSONValue? {
        for (key, value) in members where name.withUnsafeBytes({ key.equals($0) }) { return value }
        return nil
    }

    /// Collects the members of these names in one walk; others are ignored. O(n).
    /// - Returns: one entry for each name, in the order of `names`, nil where it is missing.
    /// - Throws: `.mismatch` if this is no object, `.duplicateKey` if one of `names` stands twice;
    ///   the offset is inside this value.
    public func members(named names: [StaticString]) throws(JSONError) -> [JSONValue?] {
        guard kind == .object else {
            throw JSONError(offset: 0, reason: .mismatch(path: "", expected: "an object"))
        }
        var found = [JSONValue?](repeating: nil, count: names.count)
        for (key, value) in members {
            guard let index = names.firstIndex(where: { key.equals($0) }) else { continue }
            guard found[index] == nil else {
                let offset = key.bytes.offset - 1 - bytes.offset
                throw JSONError(offset: offset, reason: .duplicateKey("\(names[index])"))
            }
            found[index] = value
        }
        return found
    }
}

/// The members of an object, read as they are asked for.
public struct JSONMembers: Sequence, IteratorProtocol, Sendable {
    private let bytes: ByteSlice
    private var at: Int

    init(_ value: JSONValue) {
        bytes = value.bytes
        at = value.kind == .object ? 1 : value.bytes.count
    }

    public mutating func next() -> (key: JSONString, value: JSONValue)? {
        let start = at
        let found = bytes.withUnsafeBytes { raw -> (Range<Int>, JSONString.Form, Range<Int>)? in
            var cursor = JSONCursor(raw, at: start)
            cursor.skipSeparators()
            guard cursor.current == UInt8(ascii: "\"") else { return nil }
            let keyStart = cursor.at
            let form = cursor.skipString()
            let keyStop = cursor.at
            cursor.skipSeparators()
            let valueStart = cursor.at
            cursor.skipValue()
            guard keyStop - keyStart >= 2, cursor.at > valueStart else { return nil }
            return (keyStart + 1..<keyStop - 1, form, valueStart..<cursor.at)
        }
        guard let (key, form, value) = found else {
            at = bytes.count
            return nil
        }
        at = value.upperBound
        return (JSONString(bytes[key], form: form), JSONValue(exactly: bytes[value]))
    }
}

/// The elements of an array, read as they are asked for.
public struct JSONElements: Sequence, IteratorProtocol, Sendable {
    private let bytes: ByteSlice
    private var at: Int

    init(_ value: JSONValue) {
        bytes = value.bytes
        at = value.kind == .array ? 1 : value.bytes.count
    }

    public mutating func next() -> JSONValue? {
        let start = at
        let found = bytes.withUnsafeBytes { raw -> Range<Int>? in
            var cursor = JSONCursor(raw, at: start)
            cursor.skipSeparators()
            guard let first = cursor.current, first != UInt8(ascii: "]") else { return nil }
            let valueStart = cursor.at
            cursor.skipValue()
            return valueStart..<cursor.at
        }
        guard let value = found else {
            at = bytes.count
            return nil
        }
        at = value.upperBound
        return JSONValue(exactly: bytes[value])
    }
}
