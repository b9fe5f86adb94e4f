// A set of keys (RFC 7517 §5), as an issuer publishes it. A key that cannot be used is left out
// and named, as the RFC asks (§5); a set in which nothing is left, or which is no set, is refused.
// Knows no file and fetches nothing.

import MizuBytes

/// The keys that tokens may be signed with. Any thread.
public struct JWKS: Sendable {
    public let keys: [JWK]
    /// One line for each key that is not used, for the log.
    public let ignored: [String]

    /// Longer texts are refused before they are read.
    public static let bytesMax = 1 << 18
    /// Keys beyond it are not used.
    static let countMax = 100
    private static let depthMax = 8

    /// Why a text is no set of keys.
    public struct Problem: Error, Equatable, Sendable, CustomStringConvertible {
        public let description: String

        init(_ description: String) { self.description = description }
    }

    public init(_ keys: [JWK]) {
        self.keys = keys
        ignored = []
    }

    /// Reads `{"keys":[…]}`.
    /// - Throws: `Problem`, in one line: it is too long, no JSON of this form, or has no key that
    ///   may be used.
    public init(parsing text: ByteSlice) throws(Problem) {
        guard text.count <= Self.bytesMax else {
            throw Problem("it has more than \(Self.bytesMax) bytes")
        }
        guard let object = StrictJSON.object(text, depthMax: Self.depthMax) else {
            throw Problem("it is no JSON object, or a name stands twice in one of its objects")
        }
        guard let list = object.member("keys"), list.kind == .array else {
            throw Problem("it has no array \"keys\" (RFC 7517 §5)")
        }
        var (keys, ignored): ([JWK], [String]) = ([], [])
        for (index, element) in list.elements.enumerated() {
            guard index < Self.countMax else {
                ignored.append("keys from \(index) on: \(Self.countMax) are the most")
                break
            }
            do throws(JWKProblem) {
                let key = try JWK(element)
                if keys.contains(where: { $0.id == key.id && $0.algorithm == key.algorithm }) {
                    throw JWKProblem("a key before it has the same \"kid\" and algorithm")
                }
                keys.append(key)
            } catch {
                ignored.append("key \(index): \(error)")
            }
        }
        guard !keys.isEmpty else {
            throw Problem(
                "no key in it may be used" + (ignored.first.map { " (\($0))" } ?? ""))
        }
        self.keys = keys
        self.ignored = ignored
    }

    /// The key that a token means.
    /// - Parameters:
    ///   - id: the token's `kid`. With one, only keys of that name are meant; without one, all.
    ///   - algorithm: the token's `alg`. It finds a key among several and is compared with the
    ///     key's own; it chooses nothing that a key does not say.
    func key(named id: String?, _ algorithm: JWSAlgorithm) throws(JWTRefusal) -> JWK {
        var named = keys
        if let id {
            named = keys.filter { $0.id.map { $0.utf8.elementsEqual(id.utf8) } ?? false }
            guard !named.isEmpty else { throw .unknownKey }
        }
        let fitting = named.filter { $0.algorithm == algorithm }
        guard let key = fitting.first else { throw .wrongAlgorithm }
        guard fitting.count == 1 else { throw .unnamedKey }
        return key
    }
}
