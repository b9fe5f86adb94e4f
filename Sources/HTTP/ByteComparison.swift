// Comparing bytes in place with names that the source code knows.

extension UnsafeRawBufferPointer {
    /// Byte for byte.
    func equals(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        for index in 0..<count where self[index] != text.utf8Start[index] { return false }
        return true
    }

    /// ASCII letters compare without case; `text` is given in lower case.
    func equalsIgnoringCase(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        for index in 0..<count where self[index].lowered != text.utf8Start[index] { return false }
        return true
    }

    /// ASCII letters compare without case.
    func equalsIgnoringCase(_ other: UnsafeRawBufferPointer) -> Bool {
        guard count == other.count else { return false }
        for index in 0..<count where self[index].lowered != other[index].lowered { return false }
        return true
    }

    func startsIgnoringCase(_ text: StaticString) -> Bool {
        guard count >= text.utf8CodeUnitCount else { return false }
        return part(0..<text.utf8CodeUnitCount).equalsIgnoringCase(text)
    }

    /// The bytes `range`, counted from this buffer's own start. Traps outside.
    func part(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[range])
    }

    /// Without spaces and tabs at both ends.
    var trimmed: UnsafeRawBufferPointer {
        var (from, to) = (0, count)
        while from < to, self[from].isBlank { from += 1 }
        while to > from, self[to - 1].isBlank { to -= 1 }
        return part(from..<to)
    }

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
    var lowered: UInt8 { self &- 0x41 < 26 ? self | 0x20 : self }
}
