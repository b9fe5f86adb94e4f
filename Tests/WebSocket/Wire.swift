// What the tests of this room share: a frame encoder of its own (so that reader and writer are not
// tested against each other only), events that can be compared, and a caller that feeds a reader
// in pieces, each time against an unreadable page.

import Glibc
import MizuBytes
import MizuWebSocket
import Testing

/// What came out of a reader, with payloads copied.
enum Event: Equatable, CustomStringConvertible {
    case text([UInt8])
    case binary([UInt8])
    case ping([UInt8])
    case pong([UInt8])
    case close(UInt16?, [UInt8])
    case reject(WebSocketError)
    case passedOver

    static func text(_ text: String) -> Event { .text([UInt8](text.utf8)) }
    static func ping(_ text: String) -> Event { .ping([UInt8](text.utf8)) }
    static func pong(_ text: String) -> Event { .pong([UInt8](text.utf8)) }

    var description: String {
        switch self {
        case .text(let bytes): "text(\(bytes.count): \(bytes.prefix(40)))"
        case .binary(let bytes): "binary(\(bytes.count): \(bytes.prefix(40)))"
        case .ping(let bytes): "ping(\(bytes.count))"
        case .pong(let bytes): "pong(\(bytes.count))"
        case .close(let code, let reason): "close(\(code.map { "\($0)" } ?? "-"), \(reason))"
        case .reject(let error): "reject(\(error))"
        case .passedOver: "passedOver"
        }
    }
}

/// One frame as a test means it: everything can be wrong.
struct Frame {
    var first: UInt8
    var payload: [UInt8]

    /// `bits` are added to the opcode: FIN is 0x80, RSV1 to RSV3 are 0x40 to 0x10.
    init(_ opcode: UInt8, _ payload: [UInt8] = [], bits: UInt8 = 0x80) {
        first = opcode | bits
        self.payload = payload
    }

    static func text(_ text: String) -> Frame { Frame(1, [UInt8](text.utf8)) }
    static func text(_ bytes: [UInt8]) -> Frame { Frame(1, bytes) }
    static func binary(_ bytes: [UInt8]) -> Frame { Frame(2, bytes) }
    static func ping(_ text: String) -> Frame { Frame(9, [UInt8](text.utf8)) }
    static func pong(_ text: String) -> Frame { Frame(10, [UInt8](text.utf8)) }
    static func rest(_ text: String) -> Frame { Frame(0, [UInt8](text.utf8)) }
    static func rest(_ bytes: [UInt8]) -> Frame { Frame(0, bytes) }
    static func close(_ code: UInt16, _ reason: String = "") -> Frame {
        Frame(8, [UInt8(code >> 8), UInt8(code & 0xFF)] + reason.utf8)
    }
    /// The same with RSV1: its payload is compressed (RFC 7692 §6).
    var compressed: Frame { Frame(first & 0x0F, payload, bits: first & 0x80 | 0x40) }
    /// The same without FIN.
    var more: Frame { Frame(first & 0x0F, payload, bits: first & 0x70) }

    /// The frame as a peer of `role` receives it: masked for a server. Plain and slow.
    func bytes(for role: WebSocketRole, key: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]) -> [UInt8] {
        var bytes = [first]
        let mask: UInt8 = role == .server ? 0x80 : 0
        switch payload.count {
        case ..<126: bytes.append(mask | UInt8(payload.count))
        case ..<65536:
            bytes += [mask | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
        default:
            bytes.append(mask | 127)
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: payload.count >> shift))
            }
        }
        guard role == .server else { return bytes + payload }
        bytes += key
        for (index, byte) in payload.enumerated() { bytes.append(byte ^ key[index % 4]) }
        return bytes
    }
}

func wire(_ frames: [Frame], for role: WebSocketRole) -> [UInt8] {
    frames.flatMap { $0.bytes(for: role) }
}

/// Memory whose end is followed by a page that cannot be read: one byte too far ends the test.
final class GuardedMemory {
    private let base: UnsafeMutableRawPointer
    private let size: Int
    private let page = Int(getpagesize())

    init(capacity: Int) {
        size = (capacity + page) / page * page
        let mapped = mmap(
            nil, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let mapped, mapped != MAP_FAILED else { fatalError("mmap failed") }
        base = mapped
        mprotect(base + size, page, PROT_NONE)
    }

    deinit { munmap(base, size + page) }

    /// `bytes`, copied so that they end where the unreadable page begins.
    func place(_ bytes: [UInt8]) -> UnsafeMutableRawBufferPointer {
        let place = UnsafeMutableRawBufferPointer(
            start: base + size - bytes.count, count: bytes.count)
        bytes.withUnsafeBytes { place.copyMemory(from: $0) }
        return place
    }
}

/// Feeds a reader as a connection would: what is not consumed is kept, as the reader left it, and
/// what arrives comes behind it.
struct Feeder {
    var reader: MessageReader
    let limits: WebSocketLimits
    let memory: GuardedMemory
    let inflater: Inflater?
    var unread: [UInt8] = []
    var events: [Event] = []
    /// What becomes of the next messages, where the reader asks; then all are read.
    var entries: [MessageEntry] = []

    init(
        _ role: WebSocketRole, limits: WebSocketLimits = .default,
        memory: GuardedMemory = GuardedMemory(capacity: 8192),
        extensions: AgreedExtensions = .none
    ) {
        reader = MessageReader(role: role, extensions: extensions)
        self.limits = limits
        self.memory = memory
        inflater = extensions == .none ? nil : Inflater()
    }

    mutating func feed(_ part: ArraySlice<UInt8>) {
        unread += part
        while true {
            let input = memory.place(unread)
            switch reader.read(input, limits: limits, inflater: inflater) {
            case .needMore(let consumed):
                unread = [UInt8](input[consumed...])
                if unread.count > 130 { Issue.record("\(unread.count) bytes were left") }
                return
            case .message(let kind, let payload, let consumed):
                let bytes = payload.slice(from: input).array
                events.append(kind == .text ? .text(bytes) : .binary(bytes))
                drop(consumed, of: input)
            case .ping(let range, let consumed):
                events.append(.ping([UInt8](input[range])))
                drop(consumed, of: input)
            case .pong(let range, let consumed):
                events.append(.pong([UInt8](input[range])))
                drop(consumed, of: input)
            case .close(let code, let reason, let consumed):
                events.append(.close(code?.rawValue, [UInt8](input[reason])))
                drop(consumed, of: input)
            case .reject(let error):
                events.append(.reject(error))
                return
            case .begins: reader.decide(entries.isEmpty ? .read : entries.removeFirst())
            case .passedOver(let consumed):
                events.append(.passedOver)
                drop(consumed, of: input)
            }
        }
    }

    private mutating func drop(_ consumed: Int, of input: UnsafeMutableRawBufferPointer) {
        if consumed <= 0 { Issue.record("an event that consumes nothing would come for ever") }
        unread = [UInt8](input[consumed...])
    }
}

/// The events of `bytes`, cut into parts at `cuts` (ascending).
func events(
    _ bytes: [UInt8], _ role: WebSocketRole, limits: WebSocketLimits = .default,
    cuts: [Int] = [], memory: GuardedMemory, extensions: AgreedExtensions = .none
) -> [Event] {
    var feeder = Feeder(role, limits: limits, memory: memory, extensions: extensions)
    var start = 0
    for cut in cuts + [bytes.count] {
        feeder.feed(bytes[start..<cut])
        start = cut
    }
    return feeder.events
}

/// Checks that `bytes` give the same events whole, byte by byte and split at every index; at no
/// more than 300 places if there are many.
func expectEverySplit(
    _ bytes: [UInt8], _ role: WebSocketRole, limits: WebSocketLimits = .default,
    extensions: AgreedExtensions = .none, give expected: [Event], _ name: String,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let memory = GuardedMemory(capacity: bytes.count + 1)
    let whole = events(
        bytes, role, limits: limits, memory: memory, extensions: extensions)
    #expect(whole == expected, "\(name), whole, \(role)", sourceLocation: sourceLocation)
    let single = events(
        bytes, role, limits: limits, cuts: Array(0..<bytes.count), memory: memory,
        extensions: extensions)
    #expect(single == expected, "\(name), byte by byte", sourceLocation: sourceLocation)
    let step = max(1, bytes.count / 300)
    for cut in stride(from: 0, to: bytes.count, by: step) {
        let split = events(
            bytes, role, limits: limits, cuts: [cut], memory: memory, extensions: extensions)
        guard split == expected else {
            Issue.record("\(name), split at \(cut): \(split)", sourceLocation: sourceLocation)
            return
        }
    }
}
