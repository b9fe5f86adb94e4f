// What a name means at one place of a page: a value of the data, or JSON text. Plain pointers, so
// that a look-up counts no references.
//
// Proof that they are valid: the renderer borrows the root of the data from its caller, which keeps
// it, and by it every array, object and text below, unchanged until the page is rendered. The
// elements of an array stand in one piece of memory at one address while the array is not changed:
// arrays on Linux have no other form. Nothing here outlives the render.

import CScan
import MizuBytes

enum PageValue: BitwiseCopyable {
    /// Never one of the cases `json`.
    case value(UnsafePointer<ViewValue>)
    case json(JSONText)

    /// - Parameter value: an element of data that lives as long as this is used.
    @inline(__always)
    init(_ value: UnsafePointer<ViewValue>) {
        if case .json(let json) = value.pointee {
            self = .json(JSONText(heldElsewhere: json.bytes))
        } else {
            self = .value(value)
        }
    }

    /// As `ViewValue.isTruthy`.
    var isTruthy: Bool {
        switch self {
        case .value(let value): value.pointee.isTruthy
        case .json(let text): text.isTruthy
        }
    }

    /// The member of that name; nil where there is none or this is no object.
    func member(_ name: ViewKey) -> PageValue? {
        switch self {
        case .value(let value):
            guard case .object(let object) = value.pointee,
                let index = object.keys.lastIndex(of: name),
                let values = object.values.start
            else { return nil }
            return PageValue(values + index)
        case .json(let text):
            var found: JSONText?
            text.forEachMember { ends, key, value in
                guard ends == name.ends else { return }
                let isEqual =
                    ends.isWhole || name.withUnsafeBytes { ASCII.equal($0, key.bytes) }
                if isEqual { found = value }
            }
            return found.map { .json($0) }
        }
    }

    /// The name of a template: a string or a number.
    var templateName: String? {
        switch self {
        case .value(let value):
            switch value.pointee {
            case .text(let bytes), .number(let bytes): return bytes.string
            case .string(let text): return text
            case .integer(let number): return String(number)
            case .null, .bool, .list, .object, .json, .rows: return nil
            }
        case .json(let text):
            switch text.kind {
            case .string: return text.content.withText { String(decoding: $0, as: UTF8.self) }
            case .number: return String(decoding: text.bytes, as: UTF8.self)
            case .object, .array, .true, .false, .null: return nil
            }
        }
    }
}

extension Array {
    /// The first element, valid as long as the array is kept and not changed; see the proof above.
    var start: UnsafePointer<Element>? {
        @inline(__always) get { withUnsafeBufferPointer { $0.baseAddress } }
    }
}

extension ByteBuffer {
    /// Appends a value as HTML shows it. `null`, lists and objects show nothing.
    mutating func append(escaping value: PageValue) {
        switch value {
        case .value(let value):
            switch value.pointee {
            case .string(let text): append(escapingHTML: text)
            case .text(let bytes): append(escapingHTML: bytes)
            case .number(let digits): append(escapingHTML: digits)
            case .integer(let number): append(decimal: number)
            case .bool(let isTrue): append(isTrue ? "true" : "false" as StaticString)
            case .null, .list, .object, .json, .rows: break
            }
        case .json(let text):
            switch text.kind {
            case .string: append(jsonString: text.content, escapingHTML: true)
            case .number, .true, .false: append(escapingHTML: text.bytes)
            case .null, .array, .object: break
            }
        }
    }

    /// Appends a value as it is. `null`, lists and objects show nothing.
    mutating func append(raw value: PageValue) {
        switch value {
        case .value(let value):
            switch value.pointee {
            case .string(let text): append(text)
            case .text(let bytes), .number(let bytes): append(bytes)
            case .integer(let number): append(decimal: number)
            case .bool(let isTrue): append(isTrue ? "true" : "false" as StaticString)
            case .null, .list, .object, .json, .rows: break
            }
        case .json(let text):
            switch text.kind {
            case .string: append(jsonString: text.content, escapingHTML: false)
            case .number, .true, .false: append(text.bytes)
            case .null, .array, .object: break
            }
        }
    }
}
