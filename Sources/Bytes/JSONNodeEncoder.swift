// The standard library's `Encoder` and its containers over `JSONNode`.

/// A dictionary whose keys become member names: its own order is random, so it is sorted.
private protocol TextKeyedDictionary {}
extension Dictionary: TextKeyedDictionary where Key == String {}

/// A dictionary with numbers as names, likewise.
private protocol NumberKeyedDictionary {}
extension Dictionary: NumberKeyedDictionary where Key == Int {}

struct JSONNodeEncoder: Encoder {
    let node: JSONNode
    let codingPath: [any CodingKey]
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        node.becomeObject()
        return KeyedEncodingContainer(JSONKeyedEncoding<Key>(encoder: self))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        node.becomeArray()
        return JSONUnkeyedEncoding(encoder: self)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { self }
}

extension JSONNodeEncoder: SingleValueEncodingContainer {
    func encodeNil() { node.set(.null) }
    func encode(_ value: Bool) { node.set(.bool(value)) }
    func encode(_ value: String) { node.set(.string(value)) }

    func encode(_ value: Double) throws {
        guard value.isFinite else { throw notFinite("\(value)") }
        node.set(.double(value))
    }

    func encode(_ value: Float) throws {
        guard value.isFinite else { throw notFinite("\(value)") }
        // Its own shortest form: widened to Double first, 0.1 would get seventeen digits.
        let text = value.description
        node.set(.number(text.hasSuffix(".0") ? String(text.dropLast(2)) : text))
    }

    /// Stands for each integer type that the protocol lists.
    func encode<I: FixedWidthInteger & Encodable>(_ value: I) { node.set(integer: value) }

    func encode<T: Encodable>(_ value: T) throws {
        if T.self is any TextKeyedDictionary.Type || T.self is any NumberKeyedDictionary.Type {
            node.sort(.byKey)
        }
        try value.encode(to: self)
    }

    private func notFinite(_ text: String) -> JSONError {
        let path = JSONValueDecoder.text(of: codingPath)
        return JSONError(
            offset: 0, reason: .refused(path: path, why: "\(text) has no form in JSON"))
    }
}

struct JSONKeyedEncoding<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let encoder: JSONNodeEncoder

    var codingPath: [any CodingKey] { encoder.codingPath }

    private func child(_ key: any CodingKey) -> JSONNodeEncoder {
        JSONNodeEncoder(
            node: encoder.node.member(key.stringValue), codingPath: encoder.codingPath + [key])
    }

    // What cannot be refused needs no path, so no child.

    func encodeNil(forKey key: Key) { encoder.node.member(key.stringValue).set(.null) }

    func encode(_ value: Bool, forKey key: Key) {
        encoder.node.member(key.stringValue).set(.bool(value))
    }

    func encode(_ value: String, forKey key: Key) {
        encoder.node.member(key.stringValue).set(.string(value))
    }

    func encode(_ value: Double, forKey key: Key) throws { try child(key).encode(value) }
    func encode(_ value: Float, forKey key: Key) throws { try child(key).encode(value) }

    func encode<I: FixedWidthInteger & Encodable>(_ value: I, forKey key: Key) {
        encoder.node.member(key.stringValue).set(integer: value)
    }

    func encode<T: Encodable>(_ value: T, forKey key: Key) throws {
        try child(key).encode(value)
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) -> KeyedEncodingContainer<Nested> {
        child(key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        child(key).unkeyedContainer()
    }

    func superEncoder() -> any Encoder { child(JSONCodingKey(stringValue: "super")) }
    func superEncoder(forKey key: Key) -> any Encoder { child(key) }
}

struct JSONUnkeyedEncoding: UnkeyedEncodingContainer {
    let encoder: JSONNodeEncoder

    var codingPath: [any CodingKey] { encoder.codingPath }
    var count: Int { encoder.node.elementCount }

    private func child() -> JSONNodeEncoder {
        let key = JSONCodingKey(intValue: count)
        return JSONNodeEncoder(
            node: encoder.node.element(), codingPath: encoder.codingPath + [key])
    }

    func encodeNil() { child().encodeNil() }

    func encode<T: Encodable>(_ value: T) throws { try child().encode(value) }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type
    ) -> KeyedEncodingContainer<Nested> {
        child().container(keyedBy: type)
    }

    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { child().unkeyedContainer() }

    func superEncoder() -> any Encoder { child() }
}
