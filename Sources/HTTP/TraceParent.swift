// `traceparent` (W3C Trace Context, level 1, §3.2): which trace a request belongs to, as a caller
// says. What is malformed counts as not said (§3.2.2), and so do two of them. Anybody may send it:
// it names things in logs and decides nothing. A value; any thread.

import MizuBytes

/// A caller's trace, as it is passed on.
public struct TraceParent: Sendable, Equatable {
    /// 32 lower-case hexadecimal digits, not all 0.
    public let traceID: String
    /// The caller's span: 16 lower-case hexadecimal digits, not all 0.
    public let parentID: String
    /// Whether the caller may have recorded the trace.
    public let isSampled: Bool

    /// Nil for what is not a `traceparent` of version 00, or of a later one that begins likewise.
    public init?(_ field: UnsafeRawBufferPointer) {
        guard field.count >= Self.byteCount,
            let version = Self.digits(field, 0..<2), version != "ff",
            field[2] == Self.dash, let trace = Self.digits(field, 3..<35),
            field[35] == Self.dash, let parent = Self.digits(field, 36..<52),
            field[52] == Self.dash, let flags = Self.digits(field, 53..<55),
            trace.contains(where: { $0 != "0" }), parent.contains(where: { $0 != "0" })
        else { return nil }
        // Version 00 ends here; what a later one adds stands behind another dash.
        guard field.count == Self.byteCount || (version != "00" && field[55] == Self.dash) else {
            return nil
        }
        traceID = trace
        parentID = parent
        isSampled = UInt8(flags, radix: 16).map { $0 & 1 == 1 } ?? false
    }

    /// The only one of a head; nil where there is none that counts.
    public init?(_ head: RequestHead, in bytes: UnsafeRawBufferPointer) {
        var found: UnsafeRawBufferPointer?
        for field in head.fields where field.name.count == 11 {
            guard field.name.bytes(in: bytes).equalsIgnoringCase("traceparent") else { continue }
            guard found == nil else { return nil }
            found = field.value.bytes(in: bytes)
        }
        guard let found else { return nil }
        self.init(found)
    }

    private static let byteCount = 55
    private static let dash = UInt8(ascii: "-")

    private static func digits(_ field: UnsafeRawBufferPointer, _ range: Range<Int>) -> String? {
        for byte in field[range] {
            guard (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte) else { return nil }
        }
        return String(decoding: field[range], as: UTF8.self)
    }
}

extension Request {
    /// The trace that the caller says this request belongs to; nil where it says none, or not in
    /// the form of W3C Trace Context. O(fields).
    public var traceparent: TraceParent? { TraceParent(head, in: bytesOfHead) }
}
