// Encodes an `Encodable` value as JSON text, as Foundation's JSONEncoder would, without it.
// The same value gives the same bytes: members stand in the order in which the type encoded them,
// dictionaries with text keys in the byte order of their keys. (A `Set` keeps its own order, which
// is random: sort it before.) Most types are written at once (`JSONStreamEncoder`); for those that
// go back and forth between the containers that they opened a small tree is built first.

public enum JSONEncoding {
    /// The JSON text of `value`. O(n).
    /// - Throws: `JSONError` with the place for a number that is not finite; whatever the type's
    ///   own `encode(to:)` throws.
    public static func encode<T: Encodable>(
        _ value: T, escaping: JSONEscaping = .standard
    ) throws -> ByteSlice {
        var buffer = ByteBuffer(capacity: 256)
        try encode(value, into: &buffer, escaping: escaping)
        return buffer.finish()
    }

    /// Appends the JSON text of `value` to `buffer`; where it throws, `buffer` is unchanged.
    public static func encode<T: Encodable>(
        _ value: T, into buffer: inout ByteBuffer, escaping: JSONEscaping = .standard
    ) throws {
        if JSONStream.write(value, into: &buffer, escaping: escaping) { return }
        let root = JSONNode()
        try JSONNodeEncoder(node: root, codingPath: []).encode(value)
        root.write(into: &buffer, escaping: escaping)
    }
}

/// One value under construction. A class, because containers of the standard library's `Encoder`
/// are values that all write to the same place. Confined to one call of `encode`.
final class JSONNode {
    private(set) var content = Content.none
    private var sorting = Sorting.none

    enum Content {
        /// Nothing was encoded: written as null, or as what the container asked for is.
        case none
        case null
        case bool(Bool)
        case integer(Int)
        case unsigned(UInt64)
        case double(Double)
        /// A number of a type that is not listed here, in its own shortest form.
        case number(String)
        case string(String)
        case array([JSONNode])
        /// `positions` is empty while there are few members.
        case object(members: [(key: String, node: JSONNode)], positions: [String: Int])
    }

    /// Up to this many members are compared one by one, which is quicker than hashing them.
    private static let searchedMax = 8

    enum Sorting { case none, byKey }

    func set(_ content: Content) { self.content = content }

    func set<I: FixedWidthInteger>(integer value: I) {
        if let integer = Int(exactly: value) {
            content = .integer(integer)
        } else if let unsigned = UInt64(exactly: value) {
            content = .unsigned(unsigned)
        } else {
            content = .number(value.description)
        }
    }

    /// Members are written in the byte order of their keys.
    func sort(_ sorting: Sorting) { self.sorting = sorting }

    func becomeObject() {
        guard case .object = content else {
            content = .object(members: [], positions: [:])
            return
        }
    }

    func becomeArray() {
        guard case .array = content else {
            content = .array([])
            return
        }
    }

    /// Elements so far, 0 if this is no array.
    var elementCount: Int {
        guard case .array(let elements) = content else { return 0 }
        return elements.count
    }

    /// The node for the member `key`: a fresh one, or the one that it has already.
    func member(_ key: String) -> JSONNode {
        guard case .object(var members, var positions) = content else { return JSONNode() }
        let position =
            positions.isEmpty ? members.firstIndex { $0.key == key } : positions[key]
        if let position { return members[position].node }
        let node = JSONNode()
        // Taken out of `self` first, so that appending does not copy what was gathered.
        content = .none
        members.append((key, node))
        if !positions.isEmpty {
            positions[key] = members.count - 1
        } else if members.count > Self.searchedMax {
            for (index, member) in members.enumerated() { positions[member.key] = index }
        }
        content = .object(members: members, positions: positions)
        return node
    }

    /// A fresh node at the array's end.
    func element() -> JSONNode {
        guard case .array(var elements) = content else { return JSONNode() }
        let node = JSONNode()
        content = .none
        elements.append(node)
        content = .array(elements)
        return node
    }

    func write(into buffer: inout ByteBuffer, escaping: JSONEscaping) {
        switch content {
        case .none, .null: buffer.append("null" as StaticString)
        case .bool(let bool): buffer.append(bool ? "true" : "false" as StaticString)
        case .integer(let integer): buffer.append(decimal: integer)
        case .unsigned(let unsigned): buffer.append(unsigned.description)
        case .double(let double): buffer.appendJSON(double: double)
        case .number(let text): buffer.append(text)
        case .string(let text): buffer.appendJSON(string: text, escaping: escaping)
        case .array(let elements):
            buffer.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { buffer.append(UInt8(ascii: ",")) }
                element.write(into: &buffer, escaping: escaping)
            }
            buffer.append(UInt8(ascii: "]"))
        case .object(let members, _):
            buffer.append(UInt8(ascii: "{"))
            for (index, member) in sorted(members).enumerated() {
                if index > 0 { buffer.append(UInt8(ascii: ",")) }
                buffer.appendJSON(string: member.key, escaping: escaping)
                buffer.append(UInt8(ascii: ":"))
                member.node.write(into: &buffer, escaping: escaping)
            }
            buffer.append(UInt8(ascii: "}"))
        }
    }

    private func sorted(
        _ members: [(key: String, node: JSONNode)]
    ) -> [(key: String, node: JSONNode)] {
        guard sorting == .byKey else { return members }
        return members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    }
}
