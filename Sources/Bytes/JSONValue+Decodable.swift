// Decodes a JSON value into a `Decodable` type, as Foundation's JSONDecoder would, without it.
// Unknown keys are ignored; a doubled key is an error. Errors name the place: "title: expected a
// string". Costs an index of each object that is decoded; nothing else is built.

extension JSONValue {
    /// Decodes this value as a `T`.
    /// - Parameter depthMax: containers that may be nested here, counted before decoding, because
    ///   a recursive `T` decodes on the stack.
    /// - Throws: what did not fit and where; the offset is inside this value. Integers must be
    ///   written without fraction and exponent and fit their width, numbers must be finite.
    public func decode<T: Decodable>(
        _ type: T.Type = T.self, depthMax: Int = 64
    ) throws(JSONError) -> T {
        // Each container takes two bytes, so a short text needs no count.
        guard bytes.count / 2 <= depthMax || depth <= depthMax else {
            throw JSONError(offset: 0, reason: .tooDeep(max: depthMax))
        }
        let decoder = JSONValueDecoder(value: self, start: bytes.offset, codingPath: [])
        do {
            return try decoder.decode(type)
        } catch let error as JSONError {
            throw error
        } catch let error as DecodingError {
            // A type's own `init(from:)` speaks in these: an enum's unknown raw value, say.
            throw JSONError(offset: 0, reason: Self.reason(of: error))
        } catch {
            throw JSONError(offset: 0, reason: .refused(path: "", why: "\(error)"))
        }
    }

    private static func reason(of error: DecodingError) -> JSONError.Reason {
        switch error {
        case .typeMismatch(_, let context), .valueNotFound(_, let context),
            .keyNotFound(_, let context), .dataCorrupted(let context):
            .refused(
                path: JSONValueDecoder.text(of: context.codingPath), why: context.debugDescription)
        @unknown default:
            .refused(path: "", why: "\(error)")
        }
    }
}

/// One value, its place, and the standard library's `Decoder` face of it.
struct JSONValueDecoder: Decoder {
    let value: JSONValue
    /// Where the root begins in its owner, so that offsets count from the root.
    let start: Int
    let codingPath: [any CodingKey]
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        guard value.kind == .object else { throw mismatch("an object") }
        return KeyedDecodingContainer(try JSONKeyedDecoding<Key>(self))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        guard value.kind == .array else { throw mismatch("an array") }
        return JSONUnkeyedDecoding(self)
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer { self }

    /// The decoder for a value one step further in.
    func child(_ value: JSONValue, at key: any CodingKey) -> JSONValueDecoder {
        JSONValueDecoder(value: value, start: start, codingPath: codingPath + [key])
    }

    func mismatch(_ expected: String) -> JSONError {
        mismatch(expected, path: codingPath)
    }

    func mismatch(_ expected: String, path: [any CodingKey]) -> JSONError {
        let reason = JSONError.Reason.mismatch(path: Self.text(of: path), expected: expected)
        return JSONError(offset: value.bytes.offset - start, reason: reason)
    }

    /// A coding path for people: `todos[3].title`.
    static func text(of path: [any CodingKey]) -> String {
        var text = ""
        for key in path {
            if let index = key.intValue {
                text += "[\(index)]"
            } else {
                text += text.isEmpty ? key.stringValue : "." + key.stringValue
            }
        }
        return text
    }
}

extension JSONValueDecoder: SingleValueDecodingContainer {
    func decodeNil() -> Bool { value.isNull }

    func decode(_ type: Bool.Type) throws -> Bool {
        guard let bool = value.bool else { throw mismatch("true or false") }
        return bool
    }

    func decode(_ type: String.Type) throws -> String {
        guard let string = value.string else { throw mismatch("a string") }
        return string
    }

    func decode(_ type: Double.Type) throws -> Double {
        guard let double = value.double else { throw mismatch("a number") }
        return double
    }

    func decode(_ type: Float.Type) throws -> Float {
        let float = Float(try decode(Double.self))
        guard float.isFinite else { throw mismatch("a number within range") }
        return float
    }

    /// Stands for each integer type that the protocol lists.
    func decode<I: FixedWidthInteger & Decodable>(_ type: I.Type) throws -> I {
        guard value.kind == .number else { throw mismatch("a whole number") }
        // Digits, a minus and nothing else: `FixedWidthInteger.init?(_:)` refuses fractions,
        // exponents and what does not fit; a plus sign cannot be in a checked number.
        guard let result = I(value.bytes.string) else {
            throw mismatch("a whole number from \(I.min) to \(I.max)")
        }
        return result
    }

    func decode<T: Decodable>(_ type: T.Type) throws -> T { try T(from: self) }
}
