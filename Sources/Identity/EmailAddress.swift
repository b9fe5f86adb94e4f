// The address by which somebody signs in. It is checked as loosely as a mail server would take it
// (one @ with something on both sides, no white space): whether mail arrives there is found out by
// sending some. Upper and lower case are the same person. A value; any thread.

import MizuBytes

public struct EmailAddress: Hashable, Sendable {
    /// As it was written, without white space around it.
    public let text: String
    /// For comparison: ASCII letters in lower case.
    public let key: String

    /// RFC 5321 §4.5.3.1.3, less the brackets.
    public static let bytesMax = 254

    /// Reads what a person has typed; nil if it is no address.
    public init?(_ typed: String) {
        var scalars = Substring(typed)
        while let first = scalars.first, first.isWhitespace { scalars.removeFirst() }
        while let last = scalars.last, last.isWhitespace { scalars.removeLast() }
        let bytes = Array(scalars.utf8)
        let ats = bytes.indices.filter { bytes[$0] == UInt8(ascii: "@") }
        guard bytes.count <= Self.bytesMax, ats.count == 1, let at = ats.first, at > 0,
            at < bytes.count - 1,
            bytes.allSatisfy({ $0 > 0x20 && $0 != 0x7F }),
            !bytes.contains(where: { "\"<>(),;:\\".utf8.contains($0) })
        else { return nil }
        text = String(scalars)
        key = String(decoding: bytes.map { ASCII.lowercased($0) }, as: UTF8.self)
    }

    /// The part before the @.
    public var localPart: String { String(key.prefix { $0 != "@" }) }

    /// The id of the address's record: a hash, because an address may be longer than an id.
    public var hash: String { SHA256.digest(key).hex }
}
