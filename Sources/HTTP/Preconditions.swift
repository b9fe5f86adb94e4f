// Entity tags and conditional requests (RFC 9110 §8.8.3, §13): whether a client's copy is still
// good, and whether the state that it wants to change is the one that it saw.

import MizuBytes

/// The name of one state of a representation (RFC 9110 §8.8.3).
public struct EntityTag: Sendable, Equatable {
    /// With its quotes.
    public let opaque: String
    public let strength: Strength

    public enum Strength: Sendable {
        case strong, weak
    }

    /// A strong tag of a checksum of `bytes`: enough to tell versions of our own files apart.
    public init(of bytes: ByteSlice) {
        let hash = Hex.encode(XXHash64.hash(bytes))
        self.init(name: String(decoding: hash, as: UTF8.self), strength: .strong)
    }

    /// Traps on a character that may not stand in a tag: names come from us.
    public init(name: String, strength: Strength) {
        precondition(
            name.utf8.allSatisfy { $0 == 0x21 || ($0 >= 0x23 && $0 < 0x7F) },
            "an entity tag holds visible characters other than quotes: \(name)")
        opaque = "\"" + name + "\""
        self.strength = strength
    }

    /// As it stands in a field.
    public var text: String { strength == .weak ? "W/" + opaque : opaque }

    /// The tag of the same content in another coding: other bytes, so another tag (§8.8.3.3).
    public func coded(as coding: ContentCoding) -> EntityTag {
        EntityTag(name: "\(opaque.dropFirst().dropLast())-\(coding.name)", strength: strength)
    }

    /// The same, packed by gzip.
    public var packed: EntityTag { coded(as: .gzip) }

    enum Comparison {
        case strong, weak
    }

    /// Whether a list in a field (`If-Match`, `If-None-Match`) has this tag.
    func isListed(in list: UnsafeRawBufferPointer, by comparison: Comparison) -> Bool {
        var (at, opaque) = (0, opaque)
        return opaque.withUTF8 { opaque in
            // Tags may hold commas, so the list is walked quote by quote.
            while at < list.count {
                if list[at].isBlank || list[at] == UInt8(ascii: ",") {
                    at += 1
                    continue
                }
                var isWeak = false
                if list.count - at >= 2, list[at] == UInt8(ascii: "W"),
                    list[at + 1] == UInt8(ascii: "/")
                {
                    isWeak = true
                    at += 2
                }
                guard at < list.count, list[at] == UInt8(ascii: "\"") else { return false }
                var end = at + 1
                while end < list.count, list[end] != UInt8(ascii: "\"") { end += 1 }
                guard end < list.count else { return false }
                if list[at...end].elementsEqual(opaque),
                    comparison == .weak || (!isWeak && strength == .strong)
                {
                    return true
                }
                at = end + 1
            }
            return false
        }
    }
}

/// What a request's conditions say about a representation.
public enum Preconditions: Sendable, Equatable {
    case proceed
    /// 304 for GET and HEAD.
    case notModified
    /// 412.
    case failed

    /// Evaluates `If-Match`, `If-Unmodified-Since`, `If-None-Match`, `If-Modified-Since` in the
    /// order of RFC 9110 §13.2.2.
    /// - Parameters:
    ///   - tag: of the representation that would be sent.
    ///   - lastModified: seconds since 1970, if known.
    public static func evaluate(
        _ request: borrowing Request, tag: EntityTag, lastModified: Int?
    ) -> Preconditions {
        let isRead = request.method == .get || request.method == .head
        if let matches = isTagListed(request, "if-match", tag, by: .strong) {
            guard matches else { return .failed }
        } else if let lastModified, let date = date(request, "if-unmodified-since") {
            guard lastModified <= date else { return .failed }
        }
        if let matches = isTagListed(request, "if-none-match", tag, by: .weak) {
            guard matches else { return .proceed }
            return isRead ? .notModified : .failed
        }
        if isRead, let lastModified, let date = date(request, "if-modified-since") {
            return lastModified <= date ? .notModified : .proceed
        }
        return .proceed
    }

    /// Nil where the field is missing; `*` matches whatever is there.
    private static func isTagListed(
        _ request: borrowing Request, _ name: String, _ tag: EntityTag,
        by comparison: EntityTag.Comparison
    ) -> Bool? {
        var answer: Bool?
        request.forEachValue(of: name) { value in
            let matches = value.equals("*") || tag.isListed(in: value, by: comparison)
            answer = (answer ?? false) || matches
        }
        return answer
    }

    /// Nil where the field is missing or is not a date: then it is ignored (§13.1.3, §13.1.4).
    private static func date(_ request: borrowing Request, _ name: StaticString) -> Int? {
        // The century of a two-digit year is told by a fixed year: such dates are long obsolete.
        request.withHeader(name) { $0.flatMap { HTTPDate.parse($0, now: 1_767_225_600) } }
    }
}
