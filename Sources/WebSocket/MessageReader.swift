// Bytes to messages (RFC 6455 §5 and §6), for either role: unmasks in place, joins fragments,
// checks UTF-8 as it arrives, refuses what the RFC forbids at the first byte that shows it.
// What is compressed (RFC 7692) is collected and inflated when it is whole, so that connections can
// share one inflater. An idle connection's reader owns nothing but this small struct; memory is
// taken when a message does not lie whole in the caller's buffer, and given away with the message.
// Where it is told to ask, it looks at nothing of a message before its owner has said whether it is
// read or passed over: what is passed over is not unmasked, kept, inflated or checked.
// Does not answer pings, keep deadlines or know a socket.

import MizuBytes

/// What kind of data a message is.
public enum MessageKind: Sendable {
    /// Checked to be UTF-8.
    case text
    case binary
}

/// A message's bytes, unmasked and complete.
public enum MessagePayload {
    /// Where they stand in the input; valid until the caller changes or drops it.
    case inPlace(Range<Int>)
    /// Collected from several frames or several reads; theirs is the memory.
    case assembled(ByteSlice)
    /// In the inflater's memory, until that is next used; and where it stands compressed in the
    /// input, if it came in one frame, looks back at no other message, and is written as a
    /// `Deflater` would: not empty, no block said to be the last.
    case inflated(UnsafeRawBufferPointer, standAlone: Range<Int>?)

    public var count: Int {
        switch self {
        case .inPlace(let range): range.count
        case .assembled(let slice): slice.count
        case .inflated(let bytes, _): bytes.count
        }
    }

    /// The bytes as a slice that may outlive `input`: copied if they stand there. O(n).
    public func slice(from input: UnsafeMutableRawBufferPointer) -> ByteSlice {
        switch self {
        case .inPlace(let range):
            ByteSlice(copying: input.part(range))
        case .assembled(let slice): slice
        case .inflated(let bytes, _): ByteSlice(copying: bytes)
        }
    }

    /// Calls `body` with the bytes wherever they are; the pointer must not outlive the call.
    public func withUnsafeBytes<R, E: Error>(
        from input: UnsafeMutableRawBufferPointer,
        _ body: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        switch self {
        case .inPlace(let range): try body(input.part(range))
        case .assembled(let slice): try slice.withUnsafeBytes(body)
        case .inflated(let bytes, _): try body(bytes)
        }
    }
}

/// What the bytes hold next. Ranges count from the start of the input of that call. `consumed`
/// bytes at the front are done with: drop them once the ranges are, then read again.
public enum ReadOutcome {
    /// No further event is in the input. At most a partial header or control frame, 130 bytes or
    /// fewer, is left behind `consumed`: keep it and put what arrives behind it.
    case needMore(consumed: Int)
    case message(MessageKind, MessagePayload, consumed: Int)
    /// A message begins, and its header is all that was looked at; nothing is consumed. Say what is
    /// to become of it (`decide`), then read the same input again. Only where `asks`.
    case begins
    /// The end of a message that was passed over.
    case passedOver(consumed: Int)
    /// Answer with a pong of the same payload (§5.5.2).
    case ping(Range<Int>, consumed: Int)
    case pong(Range<Int>, consumed: Int)
    /// The peer's close: nil where it has no code. All further input will be passed over.
    case close(CloseCode?, reason: Range<Int>, consumed: Int)
    /// Fail the connection with `closeCode`. All further input will be passed over.
    case reject(WebSocketError)
}

/// What becomes of a message.
public enum MessageEntry: Sendable {
    case read
    /// Its bytes are counted and otherwise passed over.
    case passOver
}

/// Reads one connection's frames. One owner, one thread; 16 bytes while idle. Do not copy it while
/// a message is under way: the copies would share it.
public struct MessageReader {
    private var assembly: MessageAssembly?
    private let role: WebSocketRole
    private var gate = Gate.open
    /// RSV bits that an agreed extension has given a meaning: RSV1 is permessage-deflate's.
    private let reservedBits: UInt8
    /// Of compressed messages that come.
    private let context: DeflateParameters.Context

    /// What happens where a message begins.
    private enum Gate: UInt8 {
        /// It is read.
        case open
        /// `read` says so first.
        case asks
        /// The owner has said what becomes of the next one; then it is asked again.
        case reads
        case passesOver
        /// None is read any more.
        case shut
        /// A close or a violation came: what follows does not count (§5.5.1, §7.1.7).
        case over
    }

    /// - Parameters:
    ///   - role: our end of the connection.
    ///   - extensions: what the handshake agreed on.
    public init(role: WebSocketRole, extensions: AgreedExtensions = .none) {
        self.role = role
        switch extensions {
        case .none:
            reservedBits = 0
            context = .fresh
        case .deflate(let parameters):
            reservedBits = 0x40
            context = parameters.incoming(to: role)
        }
    }

    /// Whether a message has begun and not ended: for deadlines, and for who counts memory.
    public var isAssembling: Bool { assembly != nil }

    /// Payload bytes of the message under way that have come.
    public var assembledBytes: Int { assembly?.count ?? 0 }

    /// Memory that the message under way holds, in bytes.
    public var assemblyBytes: Int { assembly?.capacityBytes ?? 0 }

    // MARK: Which messages are read

    /// Whether each message is read only when its owner has said so.
    public var asks: Bool {
        switch gate {
        case .asks, .reads, .passesOver: true
        case .open, .shut, .over: false
        }
    }

    /// From now on `read` returns `.begins` before each message.
    public mutating func askFirst() {
        if gate == .open { gate = .asks }
    }

    /// What becomes of the message that has begun.
    public mutating func decide(_ entry: MessageEntry) {
        guard asks else { return }
        gate = entry == .read ? .reads : .passesOver
    }

    /// No further message is read; control frames are.
    public mutating func shut() {
        if gate != .over { gate = .shut }
    }

    /// Whether a compressed message may be passed over: one that is not inflated would be missing
    /// in the window of a peer that keeps it.
    public var mayPassOver: Bool { context == .fresh }

    // MARK: Reading

    /// Returns the next event in `input` and how much of it is consumed. O(input), each byte once.
    /// - Parameters:
    ///   - input: unread bytes, beginning where the last call's `consumed` ended; changed in place.
    ///   - limits: the same at each call.
    ///   - inflater: needed where permessage-deflate was agreed on; the connection's own where the
    ///     peer keeps its window, else anybody's. What it gave out is no longer valid.
    public mutating func read(
        _ input: UnsafeMutableRawBufferPointer, limits: WebSocketLimits = .default,
        inflater: Inflater? = nil
    ) -> ReadOutcome {
        guard gate != .over else { return .needMore(consumed: input.count) }
        let outcome = next(input, limits, inflater)
        switch outcome {
        case .close, .reject:
            gate = .over
            assembly = nil
        case .needMore, .message, .ping, .pong, .begins, .passedOver:
            break
        }
        return outcome
    }

    private mutating func next(
        _ input: UnsafeMutableRawBufferPointer, _ limits: WebSocketLimits, _ inflater: Inflater?
    ) -> ReadOutcome {
        var consumed = 0
        // Each turn consumes a frame, or the part of one that is here, so the loop ends.
        while true {
            if let assembly, assembly.isInsideFrame {
                switch assembly.take(input.mutablePart(consumed...)) {
                case .frameGoesOn: return .needMore(consumed: input.count)
                case .frameEnded(let taken): consumed += taken
                case .messageEnded(let taken):
                    self.assembly = nil
                    guard !assembly.isPassedOver else {
                        return .passedOver(consumed: consumed + taken)
                    }
                    let payload = assembly.takePayload()
                    guard assembly.isCompressed else {
                        return .message(
                            assembly.kind, .assembled(payload), consumed: consumed + taken)
                    }
                    return payload.withUnsafeBytes {
                        inflate($0, as: assembly.kind, by: inflater, limits)
                            .outcome(assembly.kind, consumed: consumed + taken)
                    }
                case .reject(let error): return .reject(error)
                }
                continue
            }
            let rest = input.part(consumed...)
            switch FrameHeader.parse(rest, role: role, reservedBits: reservedBits) {
            case .needMore: return .needMore(consumed: consumed)
            case .reject(let error): return .reject(error)
            case .header(let header):
                if header.opcode.isControl {
                    return control(header, at: consumed, in: input)
                }
                let start = consumed + header.count
                if let outcome = begin(header, payloadAt: start, in: input, limits, inflater) {
                    return outcome
                }
                consumed = start
            }
        }
    }

    /// Starts a data frame: delivers it if it is a whole message lying here, else prepares
    /// `assembly` for its payload and returns nil.
    private mutating func begin(
        _ header: FrameHeader, payloadAt start: Int, in input: UnsafeMutableRawBufferPointer,
        _ limits: WebSocketLimits, _ inflater: Inflater?
    ) -> ReadOutcome? {
        if let error = violation(header, limits) { return .reject(error) }
        let here = input.count - start
        if let assembly {
            assembly.begin(header)
            return nil
        }
        switch gate {
        case .open: break
        case .asks: return .begins
        case .reads: gate = .asks
        case .passesOver:
            gate = .asks
            return passOver(header, payloadAt: start, bytesHere: here)
        case .shut, .over: return passOver(header, payloadAt: start, bytesHere: here)
        }
        let kind: MessageKind = header.opcode == .text ? .text : .binary
        guard header.end == .final, header.payloadBytes <= here else {
            assembly = MessageAssembly(kind: kind, bytesHere: here, header: header)
            return nil
        }
        let range = start..<start + header.payloadBytes
        let payload = input.mutablePart(range)
        Mask.apply(header.key, to: payload, from: 0)
        if header.isCompressed {
            let inflated = inflate(UnsafeRawBufferPointer(payload), as: kind, by: inflater, limits)
            // What we take though it is odd is not handed on.
            let standsAlone =
                context == .fresh && !range.isEmpty && inflater?.hadLastBlock == false
            return inflated.outcome(
                kind, standAlone: standsAlone ? range : nil, consumed: range.upperBound)
        }
        if kind == .text, !UTF8Validator.isValid(UnsafeRawBufferPointer(payload)) {
            return .reject(.badText)
        }
        return .message(kind, .inPlace(range), consumed: range.upperBound)
    }

    /// Begins to pass over a message; one that lies here whole is done with.
    private mutating func passOver(
        _ header: FrameHeader, payloadAt start: Int, bytesHere here: Int
    ) -> ReadOutcome? {
        guard header.end == .final, header.payloadBytes <= here else {
            assembly = MessageAssembly(passingOver: header)
            return nil
        }
        return .passedOver(consumed: start + header.payloadBytes)
    }

    private enum Inflated {
        case message(UnsafeRawBufferPointer)
        case reject(WebSocketError)

        func outcome(
            _ kind: MessageKind, standAlone: Range<Int>? = nil, consumed: Int
        ) -> ReadOutcome {
            switch self {
            case .reject(let error): .reject(error)
            case .message(let bytes):
                .message(kind, .inflated(bytes, standAlone: standAlone), consumed: consumed)
            }
        }
    }

    /// A whole compressed message.
    private func inflate(
        _ payload: UnsafeRawBufferPointer, as kind: MessageKind, by inflater: Inflater?,
        _ limits: WebSocketLimits
    ) -> Inflated {
        guard let inflater else { return .reject(.badCompression) }
        switch inflater.inflate(payload, limit: limits.messageBytesMax, context: context) {
        case .tooBig: return .reject(.messageTooBig)
        case .invalid: return .reject(.badCompression)
        case .message(let bytes):
            guard kind == .binary || UTF8Validator.isValid(bytes) else { return .reject(.badText) }
            return .message(bytes)
        }
    }

    /// What is wrong with a data frame at this place of the stream, by its header (§5.4).
    private func violation(_ header: FrameHeader, _ limits: WebSocketLimits) -> WebSocketError? {
        guard let assembly else {
            if header.opcode == .continuation { return .unexpectedContinuation }
            let bytesMax = payloadBytesMax(limits, header.isCompressed)
            return header.payloadBytes > bytesMax ? .messageTooBig : nil
        }
        guard header.opcode == .continuation else { return .expectedContinuation }
        guard assembly.frames < limits.fragmentsMax else { return .tooManyFragments }
        let room = payloadBytesMax(limits, assembly.isCompressed) - assembly.count
        return header.payloadBytes > room ? .messageTooBig : nil
    }

    /// What cannot be compressed grows a little when it is.
    private func payloadBytesMax(_ limits: WebSocketLimits, _ isCompressed: Bool) -> Int {
        let bytesMax = limits.messageBytesMax
        return isCompressed ? bytesMax + bytesMax / 8 + 64 : bytesMax
    }

    /// A control frame, once it is here as a whole (§5.5).
    private func control(
        _ header: FrameHeader, at frame: Int, in input: UnsafeMutableRawBufferPointer
    ) -> ReadOutcome {
        let start = frame + header.count
        guard header.payloadBytes <= input.count - start else { return .needMore(consumed: frame) }
        let range = start..<start + header.payloadBytes
        let payload = input.mutablePart(range)
        Mask.apply(header.key, to: payload, from: 0)
        switch header.opcode {
        case .ping: return .ping(range, consumed: range.upperBound)
        case .pong: return .pong(range, consumed: range.upperBound)
        case .close, .continuation, .text, .binary:
            return close(UnsafeRawBufferPointer(payload), at: start, all: input.count)
        }
    }

    /// A close frame's payload: empty, or a code and a reason in UTF-8 (§5.5.1).
    private func close(
        _ payload: UnsafeRawBufferPointer, at start: Int, all: Int
    ) -> ReadOutcome {
        guard payload.count > 0 else {
            return .close(nil, reason: start..<start, consumed: all)
        }
        guard payload.count >= 2 else { return .reject(.badClose) }
        let code = CloseCode(rawValue: UInt16(payload[0]) << 8 | UInt16(payload[1]))
        guard code.isValidOnWire else { return .reject(.badClose) }
        guard UTF8Validator.isValid(payload.part(2...)) else {
            return .reject(.badCloseReason)
        }
        return .close(code, reason: start + 2..<start + payload.count, consumed: all)
    }
}
