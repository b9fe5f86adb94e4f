// Writes text so that HTML shows it instead of obeying it: in element content and in quoted
// attribute values. It does not make text safe inside <script>, <style>, an unquoted attribute
// or a javascript: URL; no escaping can. The loops are in CScanText.h.

import CScan
import MizuBytes

extension ByteBuffer {
    /// Appends `text` with `& < > " '` written as character references.
    /// Runs without any of them are copied whole. O(bytes).
    public mutating func append(escapingHTML text: UnsafeRawBufferPointer) {
        guard let start = text.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
        let target = roomForText(start, text.count)
        let end = cscan_put_html(target, start, start + text.count)
        advance(written: end.map { $0 - target } ?? 0)
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

    /// Appends what the content of a JSON string means.
    /// - Parameter content: what stands between its quotes, checked before.
    /// - Returns: whether it means anything: half a surrogate pair has no UTF-8 form. If not,
    ///   nothing is appended.
    @discardableResult
    mutating func append(jsonString content: JSONText, escapingHTML isEscaped: Bool) -> Bool {
        let target = roomForText(content.start, content.count)
        let end =
            isEscaped
            ? cscan_put_json_html(target, content.start, content.end)
            : cscan_put_json(target, content.start, content.end)
        guard let end else { return false }
        advance(written: end - target)
        return true
    }

    /// Makes the room that `cscan_put_text` asks for: six times the text and 16 where that is there
    /// already, else just what this text may need.
    @inline(__always)
    private mutating func roomForText(
        _ start: UnsafePointer<UInt8>, _ count: Int
    ) -> UnsafeMutablePointer<UInt8> {
        // Eight times is as good a bound as six, and costs no division.
        if writable.count >> 3 < count + 2 {
            reserve(count + 5 * cscan_count_specials(start, start + count) + 16)
        }
        return end
    }

    /// Where the next byte goes.
    @inline(__always)
    var end: UnsafeMutablePointer<UInt8> {
        // There is memory behind every buffer, so there is an address.
        (writable.baseAddress ?? mutableReadable.baseAddress.unsafelyUnwrapped)
            .assumingMemoryBound(to: UInt8.self)
    }
}
