// A JSON value as bytes that somebody keeps alive while a page is rendered: what it is, what a
// section makes of it, and its members by one walk over its text. Allocates nothing.
// The text was checked when it was stored (`JSONValue`); any other gives wrong pages, but no trap.

import CScan
import MizuBytes

/// The text of one JSON value, without white space around it. Valid as long as its bytes.
struct JSONText: BitwiseCopyable {
    let start: UnsafePointer<UInt8>
    let count: Int

    init(_ start: UnsafePointer<UInt8>, _ count: Int) {
        (self.start, self.count) = (start, count)
    }

    init(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else {
            self.init(("" as StaticString).utf8Start, 0)
            return
        }
        self.init(base.assumingMemoryBound(to: UInt8.self), bytes.count)
    }

    /// - Parameter slice: must be kept by somebody for as long as this is used.
    @inline(__always)
    init(heldElsewhere slice: ByteSlice) {
        start = (slice.owner.base + slice.offset).assumingMemoryBound(to: UInt8.self)
        count = slice.count
    }

    var end: UnsafePointer<UInt8> { start + count }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

    enum Kind { case object, array, string, number, `true`, `false`, null }

    /// As `JSONValue.kind`.
    @inline(__always)
    var kind: Kind {
        guard count > 0 else { return .null }
        return switch start[0] {
        case UInt8(ascii: "{"): .object
        case UInt8(ascii: "["): .array
        case UInt8(ascii: "\""): count >= 2 ? .string : .null
        case UInt8(ascii: "t"): .true
        case UInt8(ascii: "f"): .false
        case UInt8(ascii: "n"): .null
        default: .number
        }
    }

    /// What stands between the quotes of a string.
    @inline(__always)
    var content: JSONText { JSONText(start + 1, count - 2) }

    /// As `ViewValue.isTruthy`.
    var isTruthy: Bool {
        switch kind {
        case .null, .false: false
        case .true, .object: true
        case .number: !ViewValue.isZero(bytes)
        case .array: hasElements
        case .string: count > 2 && content.isText
        }
    }

    /// Whether the content of a string has a UTF-8 form: half a surrogate pair has none.
    private var isText: Bool {
        guard bytes.contains(UInt8(ascii: "\\")) else { return true }
        return withText { _ in true } ?? false
    }

    /// Calls `body` with what the content of a string means; nil where it means nothing.
    func withText<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R? {
        // What an escape means is shorter than it; the 16 are what the copy may write behind.
        withUnsafeTemporaryAllocation(byteCount: count + 16, alignment: 16) { room in
            guard let target = room.baseAddress?.assumingMemoryBound(to: UInt8.self),
                let stop = cscan_put_json(target, start, end)
            else { return nil }
            return body(UnsafeRawBufferPointer(start: target, count: stop - target))
        }
    }

    // MARK: - Containers

    /// The elements of an array, read as they are asked for.
    struct Elements: BitwiseCopyable {
        fileprivate var at: UnsafePointer<UInt8>
        fileprivate let end: UnsafePointer<UInt8>

        mutating func next() -> JSONText? {
            var behind: UnsafePointer<UInt8>? = at
            guard let start = cscan_next_json_element(&behind, end), let behind else { return nil }
            at = behind
            return JSONText(start, behind - start)
        }
    }

    /// Of an array only.
    var elements: Elements {
        Elements(at: start + 1, end: end)
    }

    private var hasElements: Bool {
        var elements = elements
        return elements.next() != nil
    }

    /// Calls `body` with each member of an object, in the order of the text; with none for other
    /// kinds. Keys that have no UTF-8 form are passed over.
    @inline(__always)
    func forEachMember(_ body: (_ key: NameEnds, _ bytes: JSONText, _ value: JSONText) -> Void) {
        guard kind == .object else { return }
        var at: UnsafePointer<UInt8>? = start + 1
        var member = cscan_json_member()
        while cscan_next_json_member(start, &at, end, &member) {
            guard let key = member.key, let value = member.value else { return }
            let name = JSONText(key, member.key_count)
            let text = JSONText(value, member.value_count)
            if member.key_is_escaped {
                _ = name.withText { body(NameEnds($0), JSONText($0), text) }
            } else {
                body(NameEnds(key, member.key_count), name, text)
            }
        }
    }
}
