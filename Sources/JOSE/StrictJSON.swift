// JSON as tokens and keys need it: an object whose every object has each member once. RFC 7515 §4
// and RFC 7519 §4 let a reader take the last of two equal names; then two readers may see two
// tokens in one, so such a text is refused here, however deep the doubled name stands.

import MizuBytes

enum StrictJSON {
    /// The object that `text` is.
    /// - Parameters:
    ///   - text: the whole text.
    ///   - depthMax: containers that may be open at once; also the depth of the walk here.
    /// - Returns: nil for everything else: what is no JSON, no object, nested deeper, or has a name
    ///   twice in one object. O(n).
    static func object(_ text: ByteSlice, depthMax: Int) -> JSONValue? {
        guard let value = try? JSON.parse(text, depthMax: depthMax), value.kind == .object,
            hasEachMemberOnce(value)
        else { return nil }
        return value
    }

    private static func hasEachMemberOnce(_ value: JSONValue) -> Bool {
        switch value.kind {
        case .object:
            var names: Set<ByteSlice> = []
            for (key, member) in value.members {
                guard let name = key.utf8, names.insert(name).inserted, hasEachMemberOnce(member)
                else { return false }
            }
            return true
        case .array:
            return value.elements.allSatisfy(hasEachMemberOnce)
        case .string, .number, .true, .false, .null:
            return true
        }
    }
}

extension JSONValue {
    /// The bytes that a member writes in base64url (RFC 7515 §2); nil where it is no string of it.
    func base64URL(limit: Int) -> [UInt8]? {
        guard let text = utf8, text.count <= limit else { return nil }
        return text.withUnsafeBytes { Base64.decode($0, alphabet: .url) }
    }

    /// Whether it is the string `text`, byte for byte: names that tokens carry are compared without
    /// any normalisation (RFC 7515 §5.3).
    func isString(_ text: String) -> Bool {
        guard let content = utf8 else { return false }
        return content == ByteSlice(text)
    }
}
