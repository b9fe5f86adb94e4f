// All limits of the HTTP room in one value, each with what happens there.
// Defaults are what a public port can live with; configuration may change them at start.

/// How much of a message is read before it is refused.
public struct HTTPLimits: Sendable {
    /// Bytes of a request head, leading CRLF included; beyond it 431 (501 inside the method, 414
    /// inside the rest of the first line).
    public var headBytesMax: Int
    /// Field lines of a head; beyond it 431.
    public var fieldsMax: Int
    /// Bytes of a method; beyond it 501 (RFC 9112 §3). Registered ones have at most 17.
    public var methodBytesMax: Int
    /// Bytes of a request target; beyond it 414.
    public var targetBytesMax: Int
    /// Bytes of a decoded body; beyond it 413.
    public var bodyBytesMax: Int
    /// Bytes of one chunk-size line, extensions and CRLF included; beyond it 400.
    public var chunkLineBytesMax: Int
    /// Bytes of a trailer section, which is read and dropped; beyond it 431.
    public var trailerBytesMax: Int

    /// Traps where a limit is not positive or a head would not fit 16-bit ranges: our own bug.
    public init(
        headBytesMax: Int = 16_384, fieldsMax: Int = 100, methodBytesMax: Int = 64,
        targetBytesMax: Int = 8_192, bodyBytesMax: Int = 1_048_576,
        chunkLineBytesMax: Int = 256, trailerBytesMax: Int = 4_096
    ) {
        precondition((1...65_535).contains(headBytesMax), "headBytesMax must be 1 to 65535")
        precondition(
            fieldsMax > 0 && methodBytesMax > 0 && targetBytesMax > 0,
            "a head needs a method, a target and fields")
        precondition(bodyBytesMax >= 0, "bodyBytesMax must not be negative")
        precondition((20...65_535).contains(chunkLineBytesMax), "chunkLineBytesMax: 20 to 65535")
        precondition((2...65_535).contains(trailerBytesMax), "trailerBytesMax: 2 to 65535")
        self.headBytesMax = headBytesMax
        self.fieldsMax = fieldsMax
        self.methodBytesMax = methodBytesMax
        self.targetBytesMax = targetBytesMax
        self.bodyBytesMax = bodyBytesMax
        self.chunkLineBytesMax = chunkLineBytesMax
        self.trailerBytesMax = trailerBytesMax
    }

    public static let `default` = HTTPLimits()
}
