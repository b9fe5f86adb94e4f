// Writes text so that HTML shows it instead of obeying it: in element content and in quoted
// attribute values. It does not make text safe inside <script>, <style>, an unquoted attribute
// or a javascript: URL; no escaping can.

import MizuBytes

extension ByteBuffer {
    /// Appends `text` with `& < > " '` written as character references.
    /// Runs without any of them are copied whole. O(bytes).
    public mutating func append(escapingHTML text: UnsafeRawBufferPointer) {
        var runStart = 0
        var index = 0
        let count = text.count
        while index < count {
            let byte = text[index]
            // All five lie at or below ">", most letters above: one comparison for those.
            guard byte <= UInt8(ascii: ">"), let reference = htmlReference(of: byte) else {
                index += 1
                continue
            }
            append(text.part(runStart..<index))
            append(reference)
            index += 1
            runStart = index
        }
        append(text.part(runStart..<count))
    }

    /// Appends `text` with `& < > " '` written as character references.
    public mutating func append(escapingHTML text: ByteSlice) {
        text.withUnsafeBytes { append(escapingHTML: $0) }
    }

    /// Appends `text` with `& < > " '` written as character references.
    public mutating func append(escapingHTML text: String) {
        var text = text
        text.withUTF8 { append(escapingHTML: UnsafeRawBufferPointer($0)) }
    }
}

/// The reference that stands for `byte`; `nil` where the byte may stand for itself.
/// `&#39;` rather than `&apos;`, which HTML 4 did not know.
@inline(__always)
private func htmlReference(of byte: UInt8) -> StaticString? {
    switch byte {
    case UInt8(ascii: "&"): "&amp;"
    case UInt8(ascii: "<"): "&lt;"
    case UInt8(ascii: ">"): "&gt;"
    case UInt8(ascii: "\""): "&quot;"
    case UInt8(ascii: "'"): "&#39;"
    default: nil
    }
}
