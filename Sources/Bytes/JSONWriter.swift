// Writes JSON text (RFC 8259) straight into a buffer: no tree, no String, commas put in by itself.
// The writer trusts its caller with the order of calls (a key before each member, each `begin` met
// by its `end`) and asserts it in debug; it trusts nobody's bytes: text is escaped, and ill-formed
// UTF-8 repaired.

/// How a string's characters are written.
public enum JSONEscaping: Sendable {
    /// What RFC 8259 §7 demands: quote, backslash and control characters.
    case standard
    /// Also `<`, `>`, `&`, U+2028 and U+2029, so that the text can stand inside an HTML `script`
    /// element: no `</script>` or `<!--` can arise.
    case html
}

/// Composes one JSON text. One owner, one thread.
///
/// ```swift
/// var json = JSONWriter()
/// json.beginObject()
/// json.key("id"); json.string(id)
/// json.key("changes"); json.beginArray(); json.raw(change.bytes); json.endArray()
/// json.endObject()
/// let body = json.finish()
/// ```
public struct JSONWriter: ~Copyable {
    private var buffer: ByteBuffer
    private let escaping: JSONEscaping
    /// Whether a value stands before the next one in the same container.
    private var needsComma = false
    private var depth = 0

    /// Starts with an empty buffer of `capacity` bytes, which grows.
    public init(capacity: Int = 256, escaping: JSONEscaping = .standard) {
        buffer = ByteBuffer(capacity: capacity)
        self.escaping = escaping
    }

    /// Bytes written so far.
    public var count: Int { buffer.count }

    /// Ends the text and hands it over without copying it.
    public consuming func finish() -> ByteSlice {
        assert(depth == 0, "JSONWriter finished inside a container")
        return buffer.finish()
    }

    public mutating func beginObject() { begin(UInt8(ascii: "{")) }
    public mutating func endObject() { end(UInt8(ascii: "}")) }
    public mutating func beginArray() { begin(UInt8(ascii: "[")) }
    public mutating func endArray() { end(UInt8(ascii: "]")) }

    /// The next member's name; its value must follow.
    public mutating func key(_ name: StaticString) {
        separate()
        buffer.appendJSON(
            string: UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount),
            escaping: escaping)
        endKey()
    }

    public mutating func key(_ name: String) {
        separate()
        buffer.appendJSON(string: name, escaping: escaping)
        endKey()
    }

    public mutating func key(_ name: ByteSlice) {
        separate()
        buffer.appendJSON(string: name, escaping: escaping)
        endKey()
    }

    public mutating func string(_ text: StaticString) {
        separate()
        buffer.appendJSON(
            string: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount),
            escaping: escaping)
        needsComma = true
    }

    public mutating func string(_ text: String) {
        separate()
        buffer.appendJSON(string: text, escaping: escaping)
        needsComma = true
    }

    /// A string from its UTF-8; ill-formed parts become U+FFFD.
    public mutating func string(_ utf8: ByteSlice) {
        separate()
        buffer.appendJSON(string: utf8, escaping: escaping)
        needsComma = true
    }

    public mutating func int(_ value: Int) {
        separate()
        buffer.append(decimal: value)
        needsComma = true
    }

    /// The shortest form that reads back as the same number; `null` if it is not finite.
    public mutating func double(_ value: Double) {
        separate()
        buffer.appendJSON(double: value)
        needsComma = true
    }

    public mutating func bool(_ value: Bool) {
        separate()
        buffer.append(value ? "true" : "false" as StaticString)
        needsComma = true
    }

    public mutating func null() {
        separate()
        buffer.append("null" as StaticString)
        needsComma = true
    }

    /// One value that is JSON text already, as it is: not checked, and not escaped for HTML.
    public mutating func raw(_ json: ByteSlice) {
        separate()
        buffer.append(json)
        needsComma = true
    }

    /// A value that was read, in the bytes it came in.
    public mutating func value(_ value: JSONValue) { raw(value.bytes) }

    private mutating func begin(_ bracket: UInt8) {
        separate()
        buffer.append(bracket)
        depth += 1
        needsComma = false
    }

    private mutating func end(_ bracket: UInt8) {
        assert(depth > 0, "JSONWriter ended a container that it did not begin")
        depth -= 1
        buffer.append(bracket)
        needsComma = true
    }

    @inline(__always)
    private mutating func separate() {
        if needsComma { buffer.append(UInt8(ascii: ",")) }
    }

    private mutating func endKey() {
        buffer.append(UInt8(ascii: ":"))
        needsComma = false
    }
}
