// The door to the JSON reader (RFC 8259): bytes go in, one checked value comes out.
// Strict: UTF-8 only, no byte order mark, nothing before or behind the value but white space.
// Builds no tree and copies nothing; what comes out refers to the bytes that went in. Any thread.

/// The JSON reader's entry and its options.
public enum JSON {
    /// What becomes of an escaped surrogate (`\uD800`…`\uDFFF`) without its other half, which has
    /// no UTF-8 form.
    public enum Surrogates: Sendable {
        /// The text is refused with `.loneSurrogate`.
        case refuse
        /// The text is taken; `string` and `utf8` of such a string are nil. For an envelope in
        /// which each part is judged by itself later, with `JSONValue.check`.
        case allow
    }

    /// Checks that `bytes` is exactly one JSON text and returns its value, in place. O(n), one
    /// pass, no recursion.
    /// - Parameters:
    ///   - bytes: the whole text; the result keeps its owner alive.
    ///   - depthMax: containers that may be open at once; any number is safe, `.max` is no limit.
    ///   - surrogates: whether half a surrogate pair is an error.
    /// - Throws: the first error, with its offset in `bytes`.
    public static func parse(
        _ bytes: ByteSlice, depthMax: Int = 64, surrogates: Surrogates = .refuse
    ) throws(JSONError) -> JSONValue {
        let range = try bytes.withUnsafeBytes { (raw) throws(JSONError) -> Range<Int> in
            var scanner = JSONScanner(raw, surrogates: surrogates)
            return try scanner.document(depthMax: depthMax)
        }
        return JSONValue(exactly: bytes[range])
    }

    /// The same for an array, which is copied once. O(n).
    public static func parse(
        _ bytes: [UInt8], depthMax: Int = 64, surrogates: Surrogates = .refuse
    ) throws(JSONError) -> JSONValue {
        try parse(ByteSlice(bytes), depthMax: depthMax, surrogates: surrogates)
    }
}
