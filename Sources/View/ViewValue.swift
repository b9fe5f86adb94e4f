// What a template is rendered with: plain data, in the shape of JSON, or JSON's own text.
// Owns its bytes (or shares them), is immutable and may go to any thread.
// Knows nothing of templates; it computes nothing: what a page needs is prepared before.

import MizuBytes

/// The data of a page. Build it from literals, from `JSONValue`, or from any `Encodable`.
///
///     let data: ViewValue = ["title": "Todos", "todos": .rows(page.records)]
public enum ViewValue: Sendable {
    case null
    case bool(Bool)
    /// A whole number.
    case integer(Int)
    /// A number, as the decimal text that the page shows.
    case number(ByteSlice)
    /// A string. It is copied into the page as it is (escaped, where the tag says so).
    case string(String)
    /// A string, as UTF-8.
    case text(ByteSlice)
    case list([ViewValue])
    case object(ViewObject)
    /// One value as it stands in JSON text, such as a stored record: a template reads it in place,
    /// without a value of its own for each member. What it shows is what `ViewValue(_:)` of the
    /// same JSON shows.
    case json(JSONValue)
    /// A list whose elements are read from their JSON text, such as the records of a page:
    /// `"todos": .rows(page.records)`. A section shows each as it shows the elements of `list`.
    case rows([JSONValue])

    /// Whether a section shows its content: everything but `null`, `false`, zero, the empty
    /// string and the empty list (the spec's `!!data`). An object is true even when empty.
    public var isTruthy: Bool {
        switch self {
        case .null: false
        case .bool(let value): value
        case .integer(let value): value != 0
        case .number(let digits): digits.withUnsafeBytes { !ViewValue.isZero($0) }
        case .string(let text): !text.isEmpty
        case .text(let bytes): !bytes.isEmpty
        case .list(let elements): !elements.isEmpty
        case .object: true
        case .json(let value): value.bytes.withUnsafeBytes { JSONText($0).isTruthy }
        case .rows(let rows): !rows.isEmpty
        }
    }

    /// The member `key` of an object; `nil` when there is none or this is no object.
    public subscript(key: String) -> ViewValue? {
        switch self {
        case .object(let object): object.value(for: ViewKey(key))
        case .json(let value): ViewValue(value)[key]
        default: nil
        }
    }

    /// Whether all digits before an exponent are zero: `0`, `-0`, `0.00`, `0e9`.
    static func isZero(_ digits: UnsafeRawBufferPointer) -> Bool {
        for byte in digits {
            switch byte {
            case UInt8(ascii: "e"), UInt8(ascii: "E"): return true
            case UInt8(ascii: "0"), UInt8(ascii: "-"), UInt8(ascii: "."): continue
            default: return false
            }
        }
        return true
    }
}

extension ViewValue: Equatable {
    /// Whether a template shows both alike: strings by their bytes, numbers by their text, JSON by
    /// what `ViewValue(_:)` makes of it.
    public static func == (left: ViewValue, right: ViewValue) -> Bool {
        switch (left.plain, right.plain) {
        case (.null, .null): true
        case (.bool(let a), .bool(let b)): a == b
        case (.number(let a), .number(let b)), (.text(let a), .text(let b)): a == b
        case (.list(let a), .list(let b)): a == b
        case (.object(let a), .object(let b)): a == b
        default: false
        }
    }

    /// The same with one case for each kind of value.
    private var plain: ViewValue {
        switch self {
        case .integer(let value): .number(ByteSlice(String(value)))
        case .string(let text): .text(ByteSlice(text))
        case .json(let value): ViewValue(value)
        case .rows(let rows): .list(rows.map { ViewValue($0) })
        case .null, .bool, .number, .text, .list, .object: self
        }
    }
}

/// Members in the order in which they were given. A key given twice counts with its last value.
public struct ViewObject: Sendable, Equatable {
    private(set) var keys: [ViewKey]
    private(set) var values: [ViewValue]

    public init(_ members: [(key: ByteSlice, value: ViewValue)]) {
        keys = members.map { ViewKey($0.key) }
        values = members.map(\.value)
    }

    init(keys: [ViewKey], values: [ViewValue]) {
        (self.keys, self.values) = (keys, values)
    }

    public var count: Int { keys.count }

    /// A copy with `key` added, or its value replaced. O(members).
    public func setting(_ key: String, to value: ViewValue) -> ViewObject {
        let key = ViewKey(key)
        var copy = self
        while let index = copy.keys.lastIndex(of: key) {
            copy.keys.remove(at: index)
            copy.values.remove(at: index)
        }
        copy.keys.append(key)
        copy.values.append(value)
        return copy
    }

    /// The value of `key`. O(members).
    func value(for key: ViewKey) -> ViewValue? {
        keys.lastIndex(of: key).map { values[$0] }
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
        self = .object(
            ViewObject(keys: members.map { ViewKey($0.0) }, values: members.map { $0.1 }))
    }
}

extension ViewValue {
    /// A whole number.
    public init(_ value: some BinaryInteger) {
        self = Int(exactly: value).map { .integer($0) } ?? .number(ByteSlice(String(value)))
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
