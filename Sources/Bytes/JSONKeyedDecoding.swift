// An object as a keyed decoding container. Its members are indexed once: in order for small
// objects, by a seeded hash table for large ones, so that no peer can make a look-up slow.

struct JSONKeyedDecoding<Key: CodingKey>: KeyedDecodingContainerProtocol {
    private let decoder: JSONValueDecoder
    private var members: [(name: ByteSlice, value: JSONValue)] = []
    /// Positions in `members`; empty while these are few.
    private var table: [ByteSlice: Int] = [:]

    /// Up to this many members are compared one by one, which is quicker than hashing them.
    private static var searchedMax: Int { 8 }

    var codingPath: [any CodingKey] { decoder.codingPath }
    var allKeys: [Key] { members.compactMap { Key(stringValue: $0.name.string) } }

    /// - Throws: `.duplicateKey`; what a doubled key means is never guessed.
    init(_ decoder: JSONValueDecoder) throws(JSONError) {
        self.decoder = decoder
        for (key, value) in decoder.value.members {
            // A key with half a surrogate pair cannot be a `CodingKey`: unknown, so ignored.
            guard let name = key.utf8 else { continue }
            guard position(of: name) == nil else {
                let path = JSONValueDecoder.text(of: decoder.codingPath)
                let text = path.isEmpty ? name.string : path + "." + name.string
                let offset = key.bytes.offset - 1 - decoder.start
                throw JSONError(offset: offset, reason: .duplicateKey(text))
            }
            members.append((name, value))
            if !table.isEmpty {
                table[name] = members.count - 1
            } else if members.count > Self.searchedMax {
                for (index, member) in members.enumerated() { table[member.name] = index }
            }
        }
    }

    private func position(of name: ByteSlice) -> Int? {
        guard table.isEmpty else { return table[name] }
        return members.firstIndex { $0.name == name }
    }

    private func find(_ key: Key) -> JSONValue? {
        var text = key.stringValue
        let position =
            table.isEmpty
            ? text.withUTF8 { wanted in
                members.firstIndex { member in
                    member.name.withUnsafeBytes {
                        ASCII.equal($0, UnsafeRawBufferPointer(wanted))
                    }
                }
            } : table[ByteSlice(text)]
        return position.map { members[$0].value }
    }

    /// The decoder of the value at `key`; a missing member is told as `expected`.
    private func child(_ key: Key, expected: String = "a value") throws -> JSONValueDecoder {
        guard let value = find(key) else {
            throw decoder.mismatch(expected, path: codingPath + [key])
        }
        return decoder.child(value, at: key)
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
        if let string = find(key)?.string { return string }
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
        guard let value = decoder.value.member("super") else {
            throw decoder.mismatch("a value", path: codingPath + [key])
        }
        return decoder.child(value, at: key)
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
