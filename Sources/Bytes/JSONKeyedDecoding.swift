// An object as a keyed decoding container. Its members are indexed once: in order for small
// objects, by a seeded hash table for large ones, so that no peer can make a look-up slow.

/// The members of one object, found by name.
struct JSONMemberIndex {
    private let object: ByteSlice
    private var members: [JSONCursor.Member] = []
    /// Positions in `members`; empty while these are few.
    private var table: [ByteSlice: Int] = [:]

    /// Up to this many members are compared one by one, which is quicker than hashing them.
    private static let searchedMax = 8

    /// - Throws: `.duplicateKey`; what a doubled key means is never guessed.
    init(_ decoder: JSONValueDecoder) throws(JSONError) {
        object = decoder.value.bytes
        guard decoder.value.kind == .object else { return }
        members.reserveCapacity(Self.searchedMax)
        try object.withUnsafeBytes { (raw) throws(JSONError) in
            var cursor = JSONCursor(raw, at: 1)
            while let member = cursor.nextMember() {
                try add(member, in: raw, decoder)
            }
        }
    }

    private mutating func add(
        _ member: JSONCursor.Member, in raw: UnsafeRawBufferPointer, _ decoder: JSONValueDecoder
    ) throws(JSONError) {
        if member.form == .escaped || !table.isEmpty || members.count >= Self.searchedMax {
            // A key with half a surrogate pair cannot be a `CodingKey`: unknown, so ignored.
            guard let name = name(of: member) else { return }
            guard position(of: name) == nil else { throw doubled(name, member, decoder) }
            members.append(member)
            if !table.isEmpty {
                table[name] = members.count - 1
            } else if members.count > Self.searchedMax {
                for (index, member) in members.enumerated() {
                    if let name = self.name(of: member) { table[name] = index }
                }
            }
            return
        }
        guard search(raw.part(member.key), in: raw) == nil else {
            throw doubled(object[member.key], member, decoder)
        }
        members.append(member)
    }

    private func doubled(
        _ name: ByteSlice, _ member: JSONCursor.Member, _ decoder: JSONValueDecoder
    ) -> JSONError {
        let path = JSONValueDecoder.text(of: decoder.codingPath)
        let text = path.isEmpty ? name.string : path + "." + name.string
        let offset = object.offset + member.key.lowerBound - 1 - decoder.start
        return JSONError(offset: offset, reason: .duplicateKey(text))
    }

    private func name(of member: JSONCursor.Member) -> ByteSlice? {
        JSONString(object[member.key], form: member.form).utf8
    }

    private func position(of name: ByteSlice) -> Int? {
        guard table.isEmpty else { return table[name] }
        return object.withUnsafeBytes { raw in
            name.withUnsafeBytes { search($0, in: raw) }
        }
    }

    /// Compares with one after the other.
    private func search(
        _ name: UnsafeRawBufferPointer, in raw: UnsafeRawBufferPointer
    ) -> Int? {
        for index in members.indices {
            let member = members[index]
            if member.form == .plain {
                if ASCII.equal(raw.part(member.key), name) { return index }
            } else if JSONString(object[member.key], form: .escaped).equals(name) {
                return index
            }
        }
        return nil
    }

    private func find(_ name: String) -> JSONCursor.Member? {
        var name = name
        let position =
            table.isEmpty
            ? name.withUTF8 { wanted in
                object.withUnsafeBytes { search(UnsafeRawBufferPointer(wanted), in: $0) }
            } : table[ByteSlice(name)]
        return position.map { members[$0] }
    }

    subscript(name: String) -> JSONValue? {
        find(name).map { JSONValue(exactly: object[$0.value]) }
    }

    /// The member's content if it is a string.
    func string(_ name: String) -> String? {
        guard let member = find(name), member.value.count >= 2 else { return nil }
        let isEscaped: Bool? = object.withUnsafeBytes { raw in
            guard raw[member.value.lowerBound] == UInt8(ascii: "\"") else { return nil }
            return raw.part(member.value).contains(UInt8(ascii: "\\"))
        }
        guard let isEscaped else { return nil }
        let content = member.value.lowerBound + 1..<member.value.upperBound - 1
        guard !isEscaped else { return JSONString(object[content], form: .escaped).string }
        return object.withUnsafeBytes { raw in
            String(decoding: raw.part(content), as: UTF8.self)
        }
    }

    /// The names that are names of anything.
    var names: [String] { members.compactMap { name(of: $0)?.string } }
}

/// An object's members beside its decoder, behind one reference: the standard library copies a
/// container several times before it asks it anything.
private final class JSONIndexedObject {
    let decoder: JSONValueDecoder
    let members: JSONMemberIndex

    /// - Throws: `.duplicateKey`.
    init(_ decoder: JSONValueDecoder) throws(JSONError) {
        members = try JSONMemberIndex(decoder)
        self.decoder = decoder
    }
}

struct JSONKeyedDecoding<Key: CodingKey>: KeyedDecodingContainerProtocol {
    private let object: JSONIndexedObject

    var codingPath: [any CodingKey] { object.decoder.codingPath }
    var allKeys: [Key] { object.members.names.compactMap { Key(stringValue: $0) } }

    /// - Throws: `.duplicateKey`.
    init(_ decoder: JSONValueDecoder) throws(JSONError) {
        object = try JSONIndexedObject(decoder)
    }

    private func find(_ key: Key) -> JSONValue? { object.members[key.stringValue] }

    /// The decoder of the value at `key`; a missing member is told as `expected`.
    private func child(_ key: Key, expected: String = "a value") throws -> JSONValueDecoder {
        guard let value = find(key) else {
            throw object.decoder.mismatch(expected, path: codingPath + [key])
        }
        return object.decoder.child(value, at: key)
    }

    func contains(_ key: Key) -> Bool { find(key) != nil }

    func decodeNil(forKey key: Key) throws -> Bool {
        if let value = find(key) { return value.isNull }
        return try child(key).decodeNil()
    }

    // Scalars are taken at once where they are what they should be: only a refusal needs the path
    // that a child decoder carries.

    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool {
        if let bool = find(key)?.bool { return bool }
        return try child(key, expected: "true or false").decode(type)
    }

    func decode(_ type: String.Type, forKey key: Key) throws -> String {
        if let string = object.members.string(key.stringValue) { return string }
        return try child(key, expected: "a string").decode(type)
    }

    func decode(_ type: Double.Type, forKey key: Key) throws -> Double {
        if let double = find(key)?.double { return double }
        return try child(key, expected: "a number").decode(type)
    }

    func decode(_ type: Float.Type, forKey key: Key) throws -> Float {
        try child(key, expected: "a number").decode(type)
    }

    /// Stands for each integer type that the protocol lists.
    func decode<I: FixedWidthInteger & Decodable>(_ type: I.Type, forKey key: Key) throws -> I {
        if let int = find(key)?.int, let result = I(exactly: int) { return result }
        return try child(key, expected: "a whole number").decode(type)
    }

    func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T {
        try child(key).decode(type)
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> {
        try child(key, expected: "an object").container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try child(key, expected: "an array").unkeyedContainer()
    }

    func superDecoder() throws -> any Decoder {
        let key = JSONCodingKey(stringValue: "super")
        guard let value = object.decoder.value.member("super") else {
            throw object.decoder.mismatch("a value", path: codingPath + [key])
        }
        return object.decoder.child(value, at: key)
    }

    func superDecoder(forKey key: Key) throws -> any Decoder { try child(key) }
}

/// A key that is no property: an array's index, or "super".
struct JSONCodingKey: CodingKey {
    let stringValue: String
    let intValue: Int?

    init(stringValue: String) {
        self.stringValue = stringValue
        intValue = nil
    }

    init(intValue: Int) {
        stringValue = "\(intValue)"
        self.intValue = intValue
    }
}
