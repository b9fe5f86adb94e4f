// Reads a message body behind its head: a fixed length, chunks (RFC 9112 §7.1), or all there is
// until the connection closes. Takes whatever has arrived, appends what it decodes to the caller's
// buffer, and says how much it took; a few bytes of state, no memory of its own.
// Chunk extensions and trailers are checked, limited and dropped.
//
//   size ─► (extension) ─► sizeEnd ─► data ─► dataEnd ─► size …
//                            └─ size 0 ─► trailer lines ─► the empty line ─► complete

import MizuBytes

/// What a body's bytes so far amount to. `consumed` bytes of the input were taken: drop them.
public enum BodyOutcome: Sendable, Equatable {
    case needMore(consumed: Int)
    /// The next message begins behind `consumed`.
    case complete(consumed: Int)
    /// Answer `reject.status`, then close.
    case reject(HTTPReject)
}

public struct BodyReader: Sendable {
    private var phase: Phase
    /// Bytes left of a fixed length or of the chunk that is being read.
    private var left = 0
    /// Bytes decoded so far.
    public private(set) var decodedCount = 0
    /// Bytes of the chunk-size line or trailer section so far.
    private var lineCount = 0
    /// Bytes of all extensions so far: many small chunks must not carry a flood beside them.
    private var extensionCount = 0
    private var size: UInt64 = 0
    /// Names that a trailer's could still be, a bit each, and its bytes so far.
    private var names = TrailerNames()
    private var digits = 0
    private let limits: HTTPLimits

    private enum Phase {
        case fixed, untilClose, complete
        case size, extensionBlank, sizeEnd
        case extensionStart, extensionName, extensionValueStart, extensionValue
        case extensionQuoted, extensionEscape, extensionQuoteEnd
        case data, dataReturn, dataFeed
        case trailerStart, trailerName, trailerValue, trailerFeed, endFeed
        case rejected(HTTPReject)
    }

    /// A length beyond `limits.bodyBytesMax` is refused by the first `read`, before any byte.
    public init(_ framing: BodyFraming, limits: HTTPLimits) {
        self.limits = limits
        switch framing {
        case .none, .length(0): phase = .complete
        case .length(let count):
            left = count
            phase = count > limits.bodyBytesMax ? .rejected(.bodyTooLarge) : .fixed
        case .chunked: phase = .size
        case .untilClose: phase = .untilClose
        }
    }

    /// Takes body bytes from the start of `input` and appends what they decode to.
    public mutating func read(
        _ input: UnsafeRawBufferPointer, into body: inout ByteBuffer
    ) -> BodyOutcome {
        switch phase {
        case .complete: return .complete(consumed: 0)
        case .rejected(let reject): return .reject(reject)
        case .fixed:
            let taken = min(left, input.count)
            append(input, 0..<taken, into: &body)
            left -= taken
            guard left == 0 else { return .needMore(consumed: taken) }
            phase = .complete
            return .complete(consumed: taken)
        case .untilClose:
            guard input.count <= limits.bodyBytesMax - decodedCount else {
                return stop(.bodyTooLarge)
            }
            append(input, 0..<input.count, into: &body)
            return .needMore(consumed: input.count)
        default: return readChunks(input, into: &body)
        }
    }

    /// The peer closed: true where that is a proper end (a body delimited by it, or complete).
    public var endsWithConnection: Bool {
        switch phase {
        case .complete, .untilClose: return true
        default: return false
        }
    }

    private mutating func append(
        _ input: UnsafeRawBufferPointer, _ range: Range<Int>, into body: inout ByteBuffer
    ) {
        guard !range.isEmpty else { return }
        body.append(input.part(range))
        decodedCount += range.count
    }

    private mutating func stop(_ reject: HTTPReject) -> BodyOutcome {
        phase = .rejected(reject)
        return .reject(reject)
    }

    // MARK: Chunks

    private mutating func readChunks(
        _ input: UnsafeRawBufferPointer, into body: inout ByteBuffer
    ) -> BodyOutcome {
        var at = 0
        while at < input.count {
            if case .data = phase {
                let taken = min(left, input.count - at)
                append(input, at..<at + taken, into: &body)
                at += taken
                left -= taken
                if left == 0 { phase = .dataReturn }
                continue
            }
            let reject = step(input[at])
            at += 1
            if let reject { return stop(reject) }
            if case .complete = phase { return .complete(consumed: at) }
        }
        return .needMore(consumed: at)
    }

    /// One byte that is not chunk data. Returns why it is refused, if it is.
    private mutating func step(_ byte: UInt8) -> HTTPReject? {
        switch phase {
        case .size, .extensionBlank, .sizeEnd: return stepInSizeLine(byte)
        case .extensionStart, .extensionName, .extensionValueStart, .extensionValue,
            .extensionQuoted, .extensionEscape, .extensionQuoteEnd:
            return stepInExtension(byte)
        case .dataReturn:
            guard byte == ASCIIByte.carriageReturn else { return .badChunkEnd }
            phase = .dataFeed
        case .dataFeed:
            guard byte == ASCIIByte.lineFeed else { return .badChunkEnd }
            phase = .size
        case .trailerStart, .trailerName, .trailerValue, .trailerFeed, .endFeed:
            return stepInTrailer(byte)
        case .fixed, .untilClose, .complete, .data, .rejected:
            assertionFailure("only chunk framing is read byte by byte")
        }
        return nil
    }

    /// `chunk-size [ BWS ";" extension ] CR LF`.
    private mutating func stepInSizeLine(_ byte: UInt8) -> HTTPReject? {
        lineCount += 1
        guard lineCount <= limits.chunkLineBytesMax else { return .chunkLineTooLong }
        switch phase {
        case .size:
            if let value = Hex.value(of: byte) {
                // Sixteen digits fill 64 bits; leading zeros count too.
                guard digits < 16 else { return .badChunkSize }
                digits += 1
                size = size << 4 | UInt64(value)
                return nil
            }
            guard digits > 0 else { return .badChunkSize }
            return stepBehindExtension(byte)
        case .extensionBlank:
            if byte.isBlank { return nil }
            guard byte == UInt8(ascii: ";") else { return .badChunkSize }
            phase = .extensionStart
        default:
            guard byte == ASCIIByte.lineFeed else { return .badChunkSize }
            return beginChunk()
        }
        return nil
    }

    /// `*( BWS ";" BWS name [ "=" ( token / quoted-string ) ] )` (RFC 9112 §7.1.1), dropped. What
    /// is not of this form, white space around "=" too, some readers end elsewhere.
    private mutating func stepInExtension(_ byte: UInt8) -> HTTPReject? {
        lineCount += 1
        extensionCount += 1
        guard lineCount <= limits.chunkLineBytesMax,
            extensionCount <= 16 * limits.chunkLineBytesMax
        else { return .chunkLineTooLong }
        switch phase {
        case .extensionStart:
            if byte.isBlank { return nil }
            guard byte.has(.token) else { return .badChunkSize }
            phase = .extensionName
        case .extensionName:
            if byte.has(.token) { return nil }
            if byte == UInt8(ascii: "=") {
                phase = .extensionValueStart
                return nil
            }
            return stepBehindExtension(byte)
        case .extensionValueStart:
            if byte == UInt8(ascii: "\"") {
                phase = .extensionQuoted
            } else {
                guard byte.has(.token) else { return .badChunkSize }
                phase = .extensionValue
            }
        case .extensionValue:
            return byte.has(.token) ? nil : stepBehindExtension(byte)
        case .extensionQuoted:
            if byte == UInt8(ascii: "\"") {
                phase = .extensionQuoteEnd
            } else if byte == UInt8(ascii: "\\") {
                phase = .extensionEscape
            } else if !byte.has(.value) {
                return .badChunkSize
            }
        case .extensionEscape:
            guard byte.has(.value) else { return .badChunkSize }
            phase = .extensionQuoted
        default: return stepBehindExtension(byte)
        }
        return nil
    }

    /// After the size, a name or a value: the line's end or another extension.
    private mutating func stepBehindExtension(_ byte: UInt8) -> HTTPReject? {
        if byte == ASCIIByte.carriageReturn {
            phase = .sizeEnd
        } else if byte == UInt8(ascii: ";") {
            phase = .extensionStart
        } else if byte.isBlank {
            phase = .extensionBlank
        } else {
            return .badChunkSize
        }
        return nil
    }

    private mutating func beginChunk() -> HTTPReject? {
        guard size <= UInt64(limits.bodyBytesMax - decodedCount) else { return .bodyTooLarge }
        // Fits: the limit is an Int.
        left = Int(truncatingIfNeeded: size)
        phase = left == 0 ? .trailerStart : .data
        (size, digits, lineCount) = (0, 0, 0)
        return nil
    }

    /// `*( field-line CR LF ) CR LF` (RFC 9112 §7.1.2), checked and dropped.
    private mutating func stepInTrailer(_ byte: UInt8) -> HTTPReject? {
        lineCount += 1
        guard lineCount <= limits.trailerBytesMax else { return .trailerTooLarge }
        switch phase {
        case .trailerStart:
            if byte == ASCIIByte.carriageReturn {
                phase = .endFeed
            } else {
                guard byte.has(.token) else { return .badFieldName }
                names = TrailerNames()
                names.take(byte)
                phase = .trailerName
            }
        case .trailerName:
            if byte == ASCIIByte.colon {
                guard !names.isForbidden else { return .badFieldName }
                phase = .trailerValue
            } else if !byte.has(.token) {
                return byte.isBlank ? .spaceBeforeColon : .badFieldName
            } else {
                names.take(byte)
            }
        case .trailerValue:
            if byte == ASCIIByte.carriageReturn {
                phase = .trailerFeed
            } else if !byte.has(.value) {
                return byte == ASCIIByte.lineFeed ? .bareLineFeed : .badFieldValue
            }
        case .trailerFeed:
            guard byte == ASCIIByte.lineFeed else { return .bareCarriageReturn }
            phase = .trailerStart
        default:
            guard byte == ASCIIByte.lineFeed else { return .bareCarriageReturn }
            phase = .complete
        }
        return nil
    }
}
