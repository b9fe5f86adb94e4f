// Walking an object's members and an array's elements in place, without a dictionary or an array.
// Each step costs the length of what it steps over; nothing is allocated for it.

extension JSONValue {
    /// An object's members in the order of the text, doubled keys and all; none for other kinds.
    public var members: JSONMembers { JSONMembers(self) }

    /// An array's elements in order; none for other kinds.
    public var elements: JSONElements { JSONElements(self) }

    /// The first member of that name; nil if there is none or this is no object. O(n).
    public func member(_ name: StaticString) -> JSONValue? {
        firstMember(
            UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    }

    /// The first member of that name, compared byte for byte; nil if there is none. O(n).
    public func member(named name: ByteSlice) -> JSONValue? {
        name.withUnsafeBytes(firstMember)
    }

    private func firstMember(_ name: UnsafeRawBufferPointer) -> JSONValue? {
        guard kind == .object else { return nil }
        return bytes.withUnsafeBytes { raw in
            var cursor = JSONCursor(raw, at: 1)
            while let member = cursor.nextMember() {
                if has(member, name, in: raw) { return JSONValue(exactly: bytes[member.value]) }
            }
            return nil
        }
    }

    /// Collects the members of these names in one walk; others are ignored. O(n).
    /// - Returns: one entry for each name, in the order of `names`, nil where it is missing.
    /// - Throws: `.mismatch` if this is no object, `.duplicateKey` if one of `names` stands twice;
    ///   the offset is inside this value.
    public func members(named names: [StaticString]) throws(JSONError) -> [JSONValue?] {
        guard kind == .object else {
            throw JSONError(offset: 0, reason: .mismatch(path: "", expected: "an object"))
        }
        var found = [JSONValue?](unsafeUninitializedCapacity: names.count) { places, count in
            for index in names.indices { places.initializeElement(at: index, to: nil) }
            count = names.count
        }
        try bytes.withUnsafeBytes { (raw) throws(JSONError) in
            var cursor = JSONCursor(raw, at: 1)
            try collect(named: names, &cursor, in: raw, into: &found)
        }
        return found
    }

    /// Walks to the end of the object that the cursor is in, and collects its members.
    fileprivate func collect(
        named names: [StaticString], _ cursor: inout JSONCursor, in raw: UnsafeRawBufferPointer,
        into found: inout [JSONValue?]
    ) throws(JSONError) {
        while let member = cursor.nextMember() {
            // Slices are made for what was asked for only: most of the walk counts nothing.
            guard let index = self.index(of: member, in: names, raw) else { continue }
            guard found[index] == nil else {
                throw JSONError(
                    offset: member.key.lowerBound - 1, reason: .duplicateKey("\(names[index])"))
            }
            found[index] = JSONValue(exactly: bytes[member.value])
        }
    }

    /// Which of `names` is the key of `member`.
    private func index(
        of member: JSONCursor.Member, in names: [StaticString], _ raw: UnsafeRawBufferPointer
    ) -> Int? {
        for index in names.indices {
            let name = names[index]
            // Unescaping makes nothing longer.
            guard name.utf8CodeUnitCount <= member.key.count,
                member.form == .escaped || name.utf8CodeUnitCount == member.key.count
            else { continue }
            let wanted = UnsafeRawBufferPointer(
                start: name.utf8Start, count: name.utf8CodeUnitCount)
            if has(member, wanted, in: raw) { return index }
        }
        return nil
    }

    /// Whether the key of `member` is `name`, after unescaping.
    private func has(
        _ member: JSONCursor.Member, _ name: UnsafeRawBufferPointer,
        in raw: UnsafeRawBufferPointer
    ) -> Bool {
        guard member.form == .escaped else {
            return ASCII.equal(raw.part(member.key), name)
        }
        return JSONString(bytes[member.key], form: .escaped).equals(name)
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
        let found = bytes.withUnsafeBytes { raw in
            var cursor = JSONCursor(raw, at: start)
            return cursor.nextMember()
        }
        at = found?.value.upperBound ?? bytes.count
        return found.map {
            (JSONString(bytes[$0.key], form: $0.form), JSONValue(exactly: bytes[$0.value]))
        }
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
        let found = bytes.withUnsafeBytes { raw in
            var cursor = JSONCursor(raw, at: start)
            return cursor.nextElement()
        }
        at = found?.upperBound ?? bytes.count
        return found.map { JSONValue(exactly: bytes[$0]) }
    }
}

/// The objects of an array, each with its members of certain names, in one walk over the text.
public struct JSONObjects {
    private let array: JSONValue
    private let names: [StaticString]
    private var at: Int
    /// The members of the object that `next` returned last, in the order of the names; nil where
    /// one is missing.
    public private(set) var found: [JSONValue?]

    /// - Parameter array: a value of any kind; what is no array has no elements.
    public init(_ array: JSONValue, membersNamed names: [StaticString]) {
        self.array = array
        self.names = names
        at = array.kind == .array ? 1 : array.bytes.count
        found = Array(repeating: nil, count: names.count)
    }

    /// The next element, whose members are in `found` then; nil at the end.
    /// - Throws: `.mismatch` if it is no object, `.duplicateKey` if one of the names stands twice;
    ///   the offset is inside the array. Nothing follows then.
    public mutating func next() throws(JSONError) -> JSONValue? {
        for index in found.indices { found[index] = nil }
        let range = try array.bytes.withUnsafeBytes {
            (raw) throws(JSONError) -> Range<Int>? in
            var cursor = JSONCursor(raw, at: at)
            // If this throws, it is over.
            at = raw.count
            cursor.skipSeparators()
            guard let first = cursor.current, first != UInt8(ascii: "]") else { return nil }
            let start = cursor.at
            guard first == UInt8(ascii: "{") else {
                let reason = JSONError.Reason.mismatch(path: "", expected: "an object")
                throw JSONError(offset: start, reason: reason)
            }
            cursor.step()
            try array.collect(named: names, &cursor, in: raw, into: &found)
            // The closing brace.
            cursor.step()
            at = cursor.at
            return start..<at
        }
        return range.map { JSONValue(exactly: array.bytes[$0]) }
    }
}
