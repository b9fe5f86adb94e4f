// The names of protocol.md: scope, entity, record id, client, mutation, mutation name, user, epoch.
// A `Name` owns its bytes (a name must not keep the request alive that brought it) and is compared
// byte for byte: a Swift `String` would call two different spellings of "é" the same record.

import MizuBytes

/// A valid name: 1 to 128 bytes of UTF-8, nothing below 0x20, no 0x7F.
public struct Name: Hashable, Sendable {
    /// The name's UTF-8.
    public let bytes: [UInt8]

    /// Bytes of the longest name.
    public static let bytesMax = 128

    /// The name with these bytes, or nil where they are no name. O(n).
    public init?(_ bytes: UnsafeRawBufferPointer) {
        guard Name.isName(bytes) else { return nil }
        self.bytes = [UInt8](bytes)
    }

    /// The name with these bytes, or nil where they are no name. O(n).
    public init?(_ slice: ByteSlice) {
        guard let name = slice.withUnsafeBytes({ Name($0) }) else { return nil }
        self = name
    }

    /// The name that a JSON string says, or nil where it says none. O(n).
    init?(_ json: JSONValue) {
        guard let content = json.plainContent.map({ json.bytes[$0] }) ?? json.utf8,
            let name = Name(content)
        else { return nil }
        self = name
    }

    /// The name with the text's UTF-8, or nil where it is no name. O(n).
    public init?(_ text: String) {
        var text = text
        guard let name = text.withUTF8({ Name(UnsafeRawBufferPointer($0)) }) else { return nil }
        self = name
    }

    /// For bytes that were a `Name` before they were stored.
    init(unchecked bytes: [UInt8]) { self.bytes = bytes }

    /// The name as text. Do not compare texts: compare names.
    public var string: String { String(decoding: bytes, as: UTF8.self) }

    /// Calls `body` with the bytes; the pointer must not outlive the call.
    public func withUnsafeBytes<R, E: Error>(
        _ body: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        try bytes.withUnsafeBufferPointer { (elements) throws(E) -> R in
            try body(UnsafeRawBufferPointer(elements))
        }
    }

    /// Whether a JSON string without escapes says this name. O(n).
    func isPlain(in json: JSONValue) -> Bool {
        guard json.bytes.count == bytes.count + 2, let content = json.plainContent else {
            return false
        }
        return json.bytes[content].withUnsafeBytes { content in
            withUnsafeBytes { ASCII.equal($0, content) }
        }
    }

    /// Whether each byte is 0x20 to 0x7E. A borrow between bytes only begins at one that is not, so
    /// the question whether there is one is answered exactly (Anderson, "Bit Twiddling Hacks").
    private static func isPlain(_ word: UInt64) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs = ones &* 0x80
        let isBelow = (word &- ones &* 0x20) & ~word
        let delete = word ^ (ones &* 0x7F)
        let isDelete = (delete &- ones) & ~delete
        return (word | isBelow | isDelete) & highs == 0
    }

    private static func isName(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count >= 1, bytes.count <= bytesMax else { return false }
        var isASCII = true
        var index = 0
        while index < bytes.count {
            // Nearly always: eight bytes of which none is to be looked at by itself.
            if bytes.count - index >= 8,
                isPlain(bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            {
                index += 8
                continue
            }
            let byte = bytes[index]
            guard byte >= 0x20, byte != 0x7F else { return false }
            if byte >= 0x80 { isASCII = false }
            index += 1
        }
        return isASCII || String(validating: bytes, as: UTF8.self) != nil
    }
}

extension Name {
    public static func == (left: Name, right: Name) -> Bool {
        left.withUnsafeBytes { left in right.withUnsafeBytes { ASCII.equal(left, $0) } }
    }

    public func hash(into hasher: inout Hasher) {
        // All at once: an array would be hashed byte by byte.
        withUnsafeBytes { hasher.combine(bytes: $0) }
        // No UTF-8 holds this byte, so two names in a row are never hashed like two others.
        hasher.combine(0xFF as UInt8)
    }
}

extension Name: ExpressibleByStringLiteral {
    /// A name written in the program; `Name("…")` with a literal means this too. Traps where the
    /// literal is no name: that is our own bug.
    public init(stringLiteral text: StaticString) {
        let source = UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        guard let name = Name(source) else { preconditionFailure("not a name: \"\(text)\"") }
        self = name
    }

    /// Lets a mutator `switch` over `mutation.name` without making a `Name` for each case.
    public static func ~= (literal: StaticString, name: Name) -> Bool {
        name.withUnsafeBytes { ASCII.equal($0, literal) }
    }
}

extension Name: Comparable {
    /// Byte order, the order of records in a snapshot; the same as SQLite's for BLOBs.
    public static func < (left: Name, right: Name) -> Bool {
        left.withUnsafeBytes { left in right.withUnsafeBytes { left.precedes($0) } }
    }
}

extension Name: CustomStringConvertible {
    public var description: String { string }
}

extension Name: Codable {
    /// Reads a JSON string; anything that is no name is a `DecodingError`.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let name = Name(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a name")
        }
        self = name
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(string)
    }
}

extension Name {
    /// The scope of a request that names none.
    public static let defaultScope: Name = "_default"

    /// A fresh random name of 128 bits (26 characters of base 32): an epoch, a client, a mutation.
    public static func random(using generator: inout some RandomNumberGenerator) -> Name {
        let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)
        let bytes = (0..<26).map { _ in alphabet[Int(generator.next(upperBound: UInt32(32)))] }
        return Name(unchecked: bytes)
    }
}
