// The standard library's `Encoder` as a pen: it writes each member as it is encoded, and builds
// nothing. That is enough for a type that encodes its members one after the other and each once, as
// the compiler writes it. Whatever else a type does (go back to a container behind which another
// was begun, name a member twice, be a dictionary, whose order is random) ends the writing with
// `NotInOrder`, and the value is encoded again by `JSONNodeEncoder`, which builds a tree.
//
//   due ──write a scalar──► not due          due: a value must come here: the root's, a member's
//    └───open a container─► not due ──key──► due        or an element's
//
// Confined to one call of `JSONEncoding.encode`.

/// Says that a value cannot be written in one go.
private struct NotInOrder: Error {}

/// The text so far, and which containers are open in it.
final class JSONStream {
    // Unchecked, because a check costs as much as what is done here: one thread encodes, and no
    // method calls a type's own code while it changes one of these.

    /// Nil when it was handed back.
    @exclusivity(unchecked) private var text: ByteBuffer?
    private let escaping: JSONEscaping
    @exclusivity(unchecked) private var open: [Container] = []
    /// Keys of all open objects, so that a member that comes again is seen.
    @exclusivity(unchecked) private var keys: [String] = []
    @exclusivity(unchecked) private var isDue = true
    @exclusivity(unchecked) private var isInOrder = true
    @exclusivity(unchecked) private var containerCount = 0

    private struct Container {
        let number: Int
        let isObject: Bool
        let firstKey: Int
        var count = 0
    }

    /// More members than this are looked up in the tree.
    private static let membersMax = 24

    /// The type by which dictionaries name their members, which is the standard library's own.
    private static let dictionaryKey: ObjectIdentifier? = {
        let stream = JSONStream(ByteBuffer(capacity: 1), escaping: .standard)
        stream.firstKey = .asked
        try? [String: Int]().encode(to: JSONStreamEncoder(stream: stream, depth: 0))
        guard case .known(let type) = stream.firstKey else { return nil }
        return type
    }()

    /// The type of the first object's keys, for `dictionaryKey`.
    private enum FirstKey { case ignored, asked, known(ObjectIdentifier) }
    @exclusivity(unchecked) private var firstKey = FirstKey.ignored

    private init(_ text: consuming ByteBuffer, escaping: JSONEscaping) {
        self.text = consume text
        self.escaping = escaping
    }

    /// Appends the JSON text of `value` to `buffer`, or nothing where it cannot be written in one
    /// go or cannot be encoded.
    /// - Returns: whether it was written.
    static func write<T: Encodable>(
        _ value: T, into buffer: inout ByteBuffer, escaping: JSONEscaping
    ) -> Bool {
        let start = buffer.count
        let stream = JSONStream(consume buffer, escaping: escaping)
        var isWritten = true
        do {
            try stream.encode(value)
        } catch {
            // What is wrong is told by the second try, with its place.
            isWritten = false
        }
        isWritten = isWritten && stream.isInOrder
        // Nobody else takes it: a type that has kept an encoder writes to nothing.
        buffer = stream.text.take() ?? ByteBuffer(capacity: 1)
        if !isWritten { buffer.truncate(to: start) }
        return isWritten
    }

    // MARK: Values

    func giveUp() { isInOrder = false }

    func encode<T: Encodable>(_ value: T) throws {
        let depth = open.count
        try value.encode(to: JSONStreamEncoder(stream: self, depth: depth))
        guard isInOrder, open.count >= depth else { throw NotInOrder() }
        close(to: depth)
        if isDue { try scalar("null", at: depth) }
    }

    private func begin(at depth: Int) throws {
        guard isInOrder, isDue, open.count == depth else {
            giveUp()
            throw NotInOrder()
        }
        isDue = false
    }

    func scalar(_ literal: StaticString, at depth: Int) throws {
        try begin(at: depth)
        text?.append(literal)
    }

    func string(_ value: String, at depth: Int) throws {
        try begin(at: depth)
        text?.appendJSON(string: value, escaping: escaping)
    }

    func integer<I: FixedWidthInteger>(_ value: I, at depth: Int) throws {
        try begin(at: depth)
        if let integer = Int(exactly: value) {
            text?.append(decimal: integer)
        } else {
            text?.append(value.description)
        }
    }

    /// - Parameter description: the number's own shortest form.
    func number(_ description: String, isFinite: Bool, at depth: Int) throws {
        guard isFinite else {
            giveUp()
            throw NotInOrder()
        }
        try begin(at: depth)
        text?.append(
            description.hasSuffix(".0") ? String(description.dropLast(2)) : description)
    }

    // MARK: Containers

    enum Kind { case object, array }

    /// Opens a container where a value is due.
    /// - Returns: its number.
    func open(_ kind: Kind, at depth: Int) -> Int {
        guard (try? begin(at: depth)) != nil else { return 0 }
        containerCount += 1
        open.append(
            Container(number: containerCount, isObject: kind == .object, firstKey: keys.count))
        text?.append(kind == .object ? UInt8(ascii: "{") : UInt8(ascii: "["))
        return containerCount
    }

    /// Looks at the keys of the object that is opened next. A dictionary's order is random.
    func note(keys type: Any.Type) {
        let type = ObjectIdentifier(type)
        if case .asked = firstKey {
            firstKey = .known(type)
        } else if type == Self.dictionaryKey {
            giveUp()
        }
    }

    private func close(to depth: Int) {
        while open.count > depth, let last = open.popLast() {
            keys.removeLast(keys.count - last.firstKey)
            text?.append(last.isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"))
        }
    }

    /// Goes to the next place in container `number`, whose inner containers are over.
    private func next(in number: Int) throws {
        if let last = open.last, last.number != number,
            let index = open.firstIndex(where: { $0.number == number }), !isDue
        {
            close(to: index + 1)
        }
        guard isInOrder, !isDue, let last = open.last, last.number == number else {
            giveUp()
            throw NotInOrder()
        }
        if last.count > 0 { text?.append(UInt8(ascii: ",")) }
        open[open.count - 1].count += 1
        isDue = true
    }

    /// Begins a member of object `number`: a value is due then.
    func key(_ key: String, in number: Int) throws {
        try next(in: number)
        let first = open[open.count - 1].firstKey
        let isNew = !keys[first...].contains { $0.utf8.count == key.utf8.count && $0 == key }
        guard isNew, keys.count - first < Self.membersMax else {
            giveUp()
            throw NotInOrder()
        }
        keys.append(key)
        text?.appendJSON(string: key, escaping: escaping)
        text?.append(UInt8(ascii: ":"))
    }

    /// Begins an element of array `number`.
    func element(in number: Int) throws { try next(in: number) }

    /// Elements of array `number` so far.
    func count(of number: Int) -> Int { open.last { $0.number == number }?.count ?? 0 }

    var depth: Int { open.count }
}

struct JSONStreamEncoder: Encoder {
    let stream: JSONStream
    /// Containers that are open around the value.
    let depth: Int

    var codingPath: [any CodingKey] { stream.codingPath(at: depth) }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        stream.note(keys: type)
        return KeyedEncodingContainer(
            JSONStreamObject<Key>(stream: stream, number: stream.open(.object, at: depth)))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        JSONStreamArray(stream: stream, number: stream.open(.array, at: depth))
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { self }
}

extension JSONStream {
    /// Only the tree keeps it.
    func codingPath(at depth: Int) -> [any CodingKey] {
        if depth > 0 { giveUp() }
        return []
    }
}

extension JSONStreamEncoder: SingleValueEncodingContainer {
    func encodeNil() throws { try stream.scalar("null", at: depth) }
    func encode(_ value: Bool) throws {
        try stream.scalar(value ? "true" : "false", at: depth)
    }
    func encode(_ value: String) throws { try stream.string(value, at: depth) }
    func encode(_ value: Double) throws {
        try stream.number(value.description, isFinite: value.isFinite, at: depth)
    }
    func encode(_ value: Float) throws {
        try stream.number(value.description, isFinite: value.isFinite, at: depth)
    }

    /// Stands for each integer type that the protocol lists.
    func encode<I: FixedWidthInteger & Encodable>(_ value: I) throws {
        try stream.integer(value, at: depth)
    }

    func encode<T: Encodable>(_ value: T) throws {
        guard stream.depth == depth else { return stream.giveUp() }
        try stream.encode(value)
    }
}

struct JSONStreamObject<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let stream: JSONStream
    let number: Int

    var codingPath: [any CodingKey] { stream.codingPath(at: 1) }

    private func begin(_ key: Key) throws -> Int {
        try stream.key(key.stringValue, in: number)
        return stream.depth
    }

    func encodeNil(forKey key: Key) throws { try stream.scalar("null", at: begin(key)) }
    func encode(_ value: Bool, forKey key: Key) throws {
        try stream.scalar(value ? "true" : "false", at: begin(key))
    }
    func encode(_ value: String, forKey key: Key) throws {
        try stream.string(value, at: begin(key))
    }
    func encode(_ value: Double, forKey key: Key) throws {
        try stream.number(value.description, isFinite: value.isFinite, at: begin(key))
    }
    func encode(_ value: Float, forKey key: Key) throws {
        try stream.number(value.description, isFinite: value.isFinite, at: begin(key))
    }

    func encode<I: FixedWidthInteger & Encodable>(_ value: I, forKey key: Key) throws {
        try stream.integer(value, at: begin(key))
    }

    func encode<T: Encodable>(_ value: T, forKey key: Key) throws {
        _ = try begin(key)
        try stream.encode(value)
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) -> KeyedEncodingContainer<Nested> {
        encoder(key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        encoder(key).unkeyedContainer()
    }

    /// For the value of `key`. Where none may come now, it writes nothing.
    private func encoder(_ key: Key) -> JSONStreamEncoder {
        JSONStreamEncoder(stream: stream, depth: (try? begin(key)) ?? -1)
    }

    func superEncoder() -> any Encoder {
        stream.giveUp()
        return JSONStreamEncoder(stream: stream, depth: -1)
    }
    func superEncoder(forKey key: Key) -> any Encoder { superEncoder() }
}

struct JSONStreamArray: UnkeyedEncodingContainer {
    let stream: JSONStream
    let number: Int

    var codingPath: [any CodingKey] { stream.codingPath(at: 1) }
    var count: Int { stream.count(of: number) }

    func encodeNil() throws {
        try stream.element(in: number)
        try stream.scalar("null", at: stream.depth)
    }

    func encode<T: Encodable>(_ value: T) throws {
        try stream.element(in: number)
        try stream.encode(value)
    }

    private func encoder() -> JSONStreamEncoder {
        guard (try? stream.element(in: number)) != nil else {
            return JSONStreamEncoder(stream: stream, depth: -1)
        }
        return JSONStreamEncoder(stream: stream, depth: stream.depth)
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type
    ) -> KeyedEncodingContainer<Nested> {
        encoder().container(keyedBy: type)
    }

    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { encoder().unkeyedContainer() }

    func superEncoder() -> any Encoder {
        stream.giveUp()
        return JSONStreamEncoder(stream: stream, depth: -1)
    }
}
