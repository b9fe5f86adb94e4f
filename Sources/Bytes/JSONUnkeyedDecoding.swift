// An array as an unkeyed decoding container: one walk over its elements, in order.

struct JSONUnkeyedDecoding: UnkeyedDecodingContainer {
    private let decoder: JSONValueDecoder
    private let elements: [JSONValue]
    private(set) var currentIndex = 0

    init(_ decoder: JSONValueDecoder) {
        self.decoder = decoder
        elements = Array(decoder.value.elements)
    }

    var codingPath: [any CodingKey] { decoder.codingPath }
    var count: Int? { elements.count }
    var isAtEnd: Bool { currentIndex >= elements.count }

    private func current() throws -> JSONValueDecoder {
        let key = JSONCodingKey(intValue: currentIndex)
        guard currentIndex < elements.count else {
            throw decoder.mismatch("one more element", path: codingPath + [key])
        }
        return decoder.child(elements[currentIndex], at: key)
    }

    /// Decodes the element here and moves on; stays if that fails.
    private mutating func take<T>(_ decode: (JSONValueDecoder) throws -> T) throws -> T {
        let result = try decode(current())
        currentIndex += 1
        return result
    }

    /// Moves on only over a null, as the protocol asks.
    mutating func decodeNil() throws -> Bool {
        guard try current().value.isNull else { return false }
        currentIndex += 1
        return true
    }

    mutating func decode<T: Decodable>(_ type: T.Type) throws -> T {
        try take { try $0.decode(type) }
    }

    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type
    ) throws -> KeyedDecodingContainer<Nested> {
        try take { try $0.container(keyedBy: type) }
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        try take { try $0.unkeyedContainer() }
    }

    mutating func superDecoder() throws -> any Decoder { try take { $0 } }
}
