// Data for a page from JSON (records as the store keeps them) and from Swift types. Strings of JSON
// without escapes are not copied: they share its bytes, and keep them alive as long as the data.

import MizuBytes

extension ViewValue {
    /// Containers deeper than this become `null`; JSON read with the reader's own limit is never
    /// that deep, and no text may make this recursion use up the stack.
    private static let depthMax = 128

    /// The data of `json`. Numbers keep their text. A string with half a surrogate pair,
    /// which has no UTF-8 form, becomes `null`. O(bytes × depth).
    public init(_ json: JSONValue) { self.init(json, depth: 0) }

    /// The data that `value` encodes itself to: a structure's fields become members.
    /// - Throws: `JSONError` for a number that is not finite or more than 128 levels of containers;
    ///   whatever `encode(to:)` of the type throws. O(n).
    public init(encoding value: some Encodable) throws {
        let text = try JSONEncoding.encode(value)
        self.init(try JSON.parse(text, depthMax: ViewValue.depthMax))
    }

    private init(_ json: JSONValue, depth: Int) {
        switch json.kind {
        case .null: self = .null
        case .true: self = .bool(true)
        case .false: self = .bool(false)
        case .number: self = .number(json.bytes)
        case .string: self = json.utf8.map { .text($0) } ?? .null
        case .array:
            guard depth < ViewValue.depthMax else {
                self = .null
                return
            }
            self = .list(json.elements.map { ViewValue($0, depth: depth + 1) })
        case .object:
            guard depth < ViewValue.depthMax else {
                self = .null
                return
            }
            var members: [(key: ByteSlice, value: ViewValue)] = []
            for (key, value) in json.members {
                guard let key = key.utf8 else { continue }
                members.append((key: key, value: ViewValue(value, depth: depth + 1)))
            }
            self = .object(ViewObject(members))
        }
    }
}
