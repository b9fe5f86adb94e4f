// What a template is rendered with: plain data, in the shape of JSON, whose strings are bytes.
// Owns its bytes (or shares them), is immutable and may go to any thread.
// Knows nothing of templates; it computes nothing: what a page needs is prepared before.

import MizuBytes

/// The data of a page. Build it from literals, from `JSONValue`, or from any `Encodable`.
///
///     let data: ViewValue = ["title": "Todos", "todos": [["id": 1, "done": false]]]
public enum ViewValue: Sendable, Equatable {
    case null
    case bool(Bool)
    /// A string, as UTF-8. It is copied into the page as it is (escaped, where the tag says so).
    case text(ByteSlice)
    /// A number, as the decimal text that the page shows.
    case number(ByteSlice)
    case list([ViewValue])
    case object(ViewObject)

    /// One value as it stands in JSON text, such as a stored record: a template reads it in place.
    public static func json(_ value: JSONValue) -> ViewValue { ViewValue(value) }

    /// A list whose elements are read from their JSON text, such as the records of a page:
    /// `"todos": .rows(page.records)`. A section shows each as it shows the elements of `list`.
    public static func rows(_ rows: [JSONValue]) -> ViewValue { .list(rows.map(ViewValue.init)) }

    /// A string.
    public static func string(_ text: String) -> ViewValue { .text(ByteSlice(text)) }

    /// Whether a section shows its content: everything but `null`, `false`, zero, the empty
    /// string and the empty list (the spec's `!!data`). An object is true even when empty.
    public var isTruthy: Bool {
        switch self {
        case .null: false
        case .bool(let value): value
        case .text(let bytes): !bytes.isEmpty
        case .number(let digits): !ViewValue.isZero(digits)
        case .list(let elements): !elements.isEmpty
        case .object: true
        }
    }

    /// The member `key` of an object; `nil` when there is none or this is no object.
    public subscript(key: String) -> ViewValue? {
        guard case .object(let object) = self else { return nil }
        return object.value(for: ViewKey(ByteSlice(key)))
    }

    /// Whether all digits before an exponent are zero: `0`, `-0`, `0.00`, `0e9`.
    private static func isZero(_ digits: ByteSlice) -> Bool {
        digits.withUnsafeBytes { bytes in
            for byte in bytes {
                switch byte {
                case UInt8(ascii: "e"), UInt8(ascii: "E"): return true
                case UInt8(ascii: "0"), UInt8(ascii: "-"), UInt8(ascii: "."): continue
                default: return false
                }
            }
            return true
        }
    }
}

/// Members in the order in which they were given. A key given twice counts with its last value.
public struct ViewObject: Sendable, Equatable {
    let keys: [ViewKey]
    let values: [ViewValue]

    public init(_ members: [(key: ByteSlice, value: ViewValue)]) {
        keys = members.map { ViewKey($0.key) }
        values = members.map(\.value)
    }

    public var count: Int { keys.count }

    /// A copy with `key` added, or its value replaced. O(members).
    public func setting(_ key: String, to value: ViewValue) -> ViewObject {
        let name = ByteSlice(key)
        var members = zip(keys, values).filter { $0.0.bytes != name }
            .map { (key: $0.0.bytes, value: $0.1) }
        members.append((key: name, value: value))
        return ViewObject(members)
    }

    /// The value of `key`. O(members), but a member costs one comparison of numbers: objects of
    /// pages have a handful of members, and a dictionary for each would cost more than it saves.
    func value(for key: ViewKey) -> ViewValue? {
        var index = keys.count
        while index > 0 {
            index -= 1
            if keys[index] == key { return values[index] }
        }
        return nil
    }
}

/// A key with the hash of its bytes (FNV-1a, 64 bits), so that a look-up rarely reads bytes.
/// The hash only sorts out; equal bytes decide. Chosen collisions cost a comparison each.
struct ViewKey: Sendable, Equatable {
    let bytes: ByteSlice
    let hash: UInt64

    init(_ bytes: ByteSlice) {
        self.bytes = bytes
        hash = bytes.withUnsafeBytes { raw in
            var hash: UInt64 = 0xcbf2_9ce4_8422_2325
            for byte in raw { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
            return hash
        }
    }

    static func == (left: ViewKey, right: ViewKey) -> Bool {
        guard left.hash == right.hash else { return false }
        return left.bytes.withUnsafeBytes { a in
            right.bytes.withUnsafeBytes { b in ASCII.equal(a, b) }
        }
    }
}

extension ViewValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByStringInterpolation,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(nilLiteral: ()) { self = .null }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(integerLiteral value: Int) { self.init(value) }
    public init(floatLiteral value: Double) { self.init(value) }
    public init(stringLiteral value: String) { self = .string(value) }
    public init(arrayLiteral elements: ViewValue...) { self = .list(elements) }
    public init(dictionaryLiteral members: (String, ViewValue)...) {
        self = .object(ViewObject(members.map { (key: ByteSlice($0.0), value: $0.1) }))
    }
}

extension ViewValue {
    /// A whole number.
    public init(_ value: some BinaryInteger) {
        self = .number(ByteSlice(String(value)))
    }

    /// A number in its shortest decimal form, `1` for 1.0. What is no number becomes `null`.
    public init(_ value: Double) {
        guard value.isFinite else {
            self = .null
            return
        }
        let text = String(value)
        self = .number(ByteSlice(text.hasSuffix(".0") ? String(text.dropLast(2)) : text))
    }
}
