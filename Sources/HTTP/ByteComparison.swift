// Comparing bytes in place with names that the source code knows.

import MizuBytes

extension UnsafeRawBufferPointer {
    /// Byte for byte.
    func equals(_ text: StaticString) -> Bool { ASCII.equal(self, text) }

    /// ASCII letters compare without case.
    func equalsIgnoringCase(_ text: StaticString) -> Bool { ASCII.equalIgnoringCase(self, text) }

    /// ASCII letters compare without case.
    func equalsIgnoringCase(_ other: UnsafeRawBufferPointer) -> Bool {
        ASCII.equalIgnoringCase(self, other)
    }

    func startsIgnoringCase(_ text: StaticString) -> Bool {
        guard count >= text.utf8CodeUnitCount else { return false }
        return part(0..<text.utf8CodeUnitCount).equalsIgnoringCase(text)
    }

    /// Without spaces and tabs at both ends.
    var trimmed: UnsafeRawBufferPointer { part(ASCII.trimmingOWS(self)) }

    /// Calls `body` with each part between `separator`s, trimmed, empty ones left out, until it
    /// returns false (RFC 9110 §5.6.1). Quoted strings are not looked into.
    func forEachPart(_ separator: UInt8, _ body: (UnsafeRawBufferPointer) -> Bool) {
        var start = 0
        for index in 0...count where index == count || self[index] == separator {
            let part = part(start..<index).trimmed
            start = index + 1
            if !part.isEmpty, !body(part) { return }
        }
    }

    /// The bytes as text, ill-formed UTF-8 repaired.
    var text: String { String(decoding: self, as: UTF8.self) }
}

extension UInt8 {
    /// ASCII upper-case letters become lower-case.
    @inline(__always)
    var lowered: UInt8 { ASCII.lowercased(self) }
}

extension ByteBuffer {
    /// Appends a literal as the static bytes that it is: without a label it would be a String.
    @inline(__always)
    mutating func append(literal text: StaticString) { append(text) }
}
