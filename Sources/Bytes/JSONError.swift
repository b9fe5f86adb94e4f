// Why bytes were not taken as JSON (RFC 8259), or a JSON value not as what was asked of it.
// Carries the place, so that a refusal can say where; carries none of the peer's bytes.

/// A refusal by the JSON scanner, by `members(named:)` or by `decode`.
public struct JSONError: Error, Equatable, CustomStringConvertible {
    /// Bytes from the start of what was parsed to where the error shows; `0...count`.
    public let offset: Int
    public let reason: Reason

    public init(offset: Int, reason: Reason) {
        self.offset = offset
        self.reason = reason
    }

    public enum Reason: Equatable, Sendable {
        /// The text begins with U+FEFF; a sender must not add it (RFC 8259 §8.1).
        case byteOrderMark
        /// The text ends inside a value.
        case unexpectedEnd
        /// A byte that cannot stand at this place.
        case unexpectedByte(UInt8)
        /// Something other than white space follows the one value.
        case trailingBytes
        /// More containers are open than the caller allows.
        case tooDeep(max: Int)
        case illFormedUTF8
        /// A byte below 0x20 inside a string, unescaped.
        case controlCharacter
        case badEscape
        /// `\uD800`…`\uDFFF` without its other half.
        case loneSurrogate
        case badNumber
        /// A name that must not be doubled stands twice in one object.
        case duplicateKey(String)
        /// The value is there but is something else; `path` is empty at the root.
        case mismatch(path: String, expected: String)
        /// Well-formed, but the type being decoded refused it; `why` is that type's own wording.
        case refused(path: String, why: String)
    }

    public var description: String { "\(reason) at byte \(offset)" }
}

extension JSONError.Reason: CustomStringConvertible {
    /// The reason in words, for people: "title: expected a string".
    public var description: String {
        switch self {
        case .byteOrderMark: "a byte order mark is not allowed"
        case .unexpectedEnd: "the text ends too early"
        case .unexpectedByte(let byte): "unexpected \(Self.name(of: byte))"
        case .trailingBytes: "bytes follow the value"
        case .tooDeep(let max): "nested deeper than \(max)"
        case .illFormedUTF8: "not UTF-8"
        case .controlCharacter: "a control character in a string must be escaped"
        case .badEscape: "bad escape in a string"
        case .loneSurrogate: "half a surrogate pair in a string"
        case .badNumber: "bad number"
        case .duplicateKey(let key): "\(key) is given twice"
        case .mismatch(let path, let expected):
            path.isEmpty ? "expected \(expected)" : "\(path): expected \(expected)"
        case .refused(let path, let why):
            path.isEmpty ? why : "\(path): \(why)"
        }
    }

    private static func name(of byte: UInt8) -> String {
        byte > 0x20 && byte < 0x7F
            ? "\"\(Character(Unicode.Scalar(byte)))\""
            : "byte \(byte)"
    }
}
