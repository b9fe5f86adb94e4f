// Parses one HTTP/1.1 request head (RFC 9112 §2 to §7.1, §9.3) from bytes already in memory.
// Owns four bytes for each connection and allocates nothing: a head is ranges into the caller's
// buffer. Refuses whatever another parser on the way could read differently.
// Does not read bodies, decode percent-escapes, or know what a socket is.

/// What the bytes so far amount to. A pure function of the bytes, however they arrived.
public enum HeadOutcome: Sendable, Equatable {
    /// The head is not complete; come back with the same bytes and more behind them.
    case needMore
    /// The head is complete; the body begins `consumed` bytes into the input.
    case head(consumed: Int)
    /// Answer `reject.status`, then close: no border of a message is known any more.
    case reject(HTTPReject)
}

/// The place in an unfinished head; nothing but the count of bytes already looked at.
public struct RequestParser: Sendable {
    /// Bytes before this offset end no line that an earlier call has not seen.
    private var scanned: UInt32 = 0

    public init() {}

    /// No head has begun: the next call starts at a message border.
    @inline(__always)
    var isFresh: Bool { scanned == 0 }

    /// Finds the request head at the start of `input` (RFC 9112 §3).
    ///
    /// A slow sender costs little: bytes without a new line feed are looked at once, and the head
    /// is parsed from its start only when a line has ended, so at most `fieldsMax` + 2 times.
    /// - Parameters:
    ///   - input: unread bytes, starting at a message border; after `.needMore` the same again,
    ///     with more behind. At most `limits.headBytesMax` are examined.
    ///   - head: overwritten; its ranges count from `input`'s first byte. Meaningful only after
    ///     `.head`.
    public mutating func parse(
        _ input: UnsafeRawBufferPointer, into head: inout RequestHead, limits: HTTPLimits
    ) -> HeadOutcome {
        guard let scanner = HeadScanner(input, limits: limits, firstLine: .targetTooLong) else {
            return .needMore
        }
        if scanned > 0, scanner.endsNoLine(from: Int(scanned)) {
            if let reject = scanner.refusalOfFirstBytes { return finish(.reject(reject)) }
            scanned = UInt32(clamping: input.count)
            return .needMore
        }
        let outcome: HeadOutcome
        do throws(HeadStop) {
            outcome = .head(consumed: try RequestParser.parseHead(scanner, &head, limits))
        } catch {
            switch error {
            case .needMore:
                scanned = UInt32(clamping: input.count)
                return .needMore
            case .reject(let reject): outcome = .reject(reject)
            }
        }
        return finish(outcome)
    }

    /// The next call starts a new message.
    private mutating func finish(_ outcome: HeadOutcome) -> HeadOutcome {
        scanned = 0
        return outcome
    }

    /// Parses a whole head. Returns where the body begins.
    @inline(__always)
    private static func parseHead(
        _ input: HeadScanner, _ head: inout RequestHead, _ limits: HTTPLimits
    ) throws(HeadStop) -> Int {
        var scanner = input
        head.reset()
        try scanner.skipLeadingLine()
        try scanner.readRequestLine(into: &head, limits: limits)
        var framing = FramingFields()
        try scanner.readPlainFields(into: &head, &framing, limits: limits)
        while let field = try scanner.nextField() {
            if head.fieldCount == limits.fieldsMax { throw .reject(.tooManyFields) }
            head.append(field)
            try framing.note(field, in: scanner)
        }
        try framing.settle(&head, in: scanner)
        return scanner.position
    }
}
