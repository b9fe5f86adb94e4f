// A string as it stands in JSON text, between its quotes, unescaped only when asked.
// Comparison is byte for byte after unescaping, without normalisation: "é" in one piece and in
// two are different names (protocol.md, "Conventions").

/// A JSON string or an object's key, in place.
public struct JSONString: Sendable {
    /// The text between the quotes, escapes and all; shares the document's bytes.
    public let bytes: ByteSlice
    let form: Form

    enum Form: Sendable { case plain, escaped }

    init(_ bytes: ByteSlice, form: Form) {
        self.bytes = bytes
        self.form = form
    }

    /// The content in UTF-8. Without escapes it is `bytes` itself, else a new slice, O(n).
    /// Nil if it holds half a surrogate pair, which has no UTF-8 form.
    public var utf8: ByteSlice? {
        form == .plain ? bytes : bytes.withUnsafeBytes(Self.unescape)
    }

    /// The content as a `String`; nil if it holds half a surrogate pair. O(n).
    public var string: String? { utf8?.string }

    /// Whether the content is `name`, byte for byte. Copies nothing unless there are escapes.
    public func equals(_ name: StaticString) -> Bool {
        let wanted = UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        return equals(wanted)
    }

    func equals(_ wanted: UnsafeRawBufferPointer) -> Bool {
        if form == .plain { return bytes.withUnsafeBytes { ASCII.equal($0, wanted) } }
        // Unescaping makes nothing longer, so a name longer than the text cannot be meant.
        guard bytes.count >= wanted.count, let content = utf8 else { return false }
        return content.withUnsafeBytes { ASCII.equal($0, wanted) }
    }

    /// Nil at half a surrogate pair.
    static func unescape(_ source: UnsafeRawBufferPointer) -> ByteSlice? {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(1, source.count), alignment: 8)
        let target = UnsafeMutableRawBufferPointer(start: memory, count: source.count)
        guard let count = unescape(source, into: target) else {
            memory.deallocate()
            return nil
        }
        return ByteSlice(SharedBytes(adopting: memory, count: count))
    }

    /// Writes what `source` means to `target`, which is as long; nil at half a surrogate pair.
    private static func unescape(
        _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
    ) -> Int? {
        var (at, written) = (0, 0)
        while at < source.count {
            let byte = source[at]
            guard byte == UInt8(ascii: "\\"), at + 1 < source.count else {
                target[written] = byte
                (at, written) = (at + 1, written + 1)
                continue
            }
            guard source[at + 1] == UInt8(ascii: "u") else {
                target[written] = meaning(of: source[at + 1])
                (at, written) = (at + 2, written + 1)
                continue
            }
            guard let (scalar, length) = scalar(of: source, at: at) else { return nil }
            // Six bytes of escape become at most three, twelve become four: it always fits.
            for unit in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter {
                target[written] = unit
                written += 1
            }
            at += length
        }
        return written
    }

    private static func meaning(of letter: UInt8) -> UInt8 {
        switch letter {
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "t"): 0x09
        default: letter
        }
    }

    /// The scalar of the `\u` escape, or of the pair of them, that begins at `at`.
    private static func scalar(
        of source: UnsafeRawBufferPointer, at: Int
    ) -> (Unicode.Scalar, length: Int)? {
        guard let unit = unit(of: source, at: at) else { return nil }
        guard unit & 0xFC00 == 0xD800 else { return Unicode.Scalar(unit).map { ($0, 6) } }
        guard let low = self.unit(of: source, at: at + 6), low & 0xFC00 == 0xDC00 else {
            return nil
        }
        let code = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)
        return Unicode.Scalar(code).map { ($0, 12) }
    }

    private static func unit(of source: UnsafeRawBufferPointer, at: Int) -> UInt32? {
        guard at + 6 <= source.count, source[at] == UInt8(ascii: "\\"),
            source[at + 1] == UInt8(ascii: "u")
        else { return nil }
        var unit: UInt32 = 0
        for index in at + 2..<at + 6 {
            guard let digit = Hex.value(of: source[index]) else { return nil }
            unit = unit << 4 | UInt32(digit)
        }
        return unit
    }
}
