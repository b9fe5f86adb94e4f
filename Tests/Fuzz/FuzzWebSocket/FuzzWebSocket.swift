// libFuzzer over what a WebSocket peer sends: whatever the bytes, reading them whole and reading
// them in pieces must agree, and nothing may trap. The first byte chooses the role, the second the
// size of the pieces. Built only with MIZU_FUZZ set; run it with `SWIFT_BACKTRACE=enable=no`.
// Keep each crash as a case in `Tests/WebSocket`.

import MizuBytes
import MizuWebSocket

private let limits = WebSocketLimits(messageBytesMax: 300, fragmentsMax: 5)

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let data, count >= 2 else { return 0 }
    let role: WebSocketRole = data[0] & 1 == 0 ? .server : .client
    let input = UnsafeRawBufferPointer(start: data + 2, count: count - 2)
    var whole = Conversation(role)
    whole.feed(input)
    var parts = Conversation(role)
    let size = max(1, Int(data[1]))
    var start = 0
    while start < input.count {
        let stop = min(start + size, input.count)
        parts.feed(UnsafeRawBufferPointer(rebasing: input[start..<stop]))
        start = stop
    }
    precondition(whole.log == parts.log, "two ways of arriving, two outcomes")
    writeAgain(whole.log)
    return 0
}

private enum Event: Equatable {
    case message(MessageKind, [UInt8])
    case ping([UInt8])
    case pong([UInt8])
    case close(CloseCode?, [UInt8])
    case reject(WebSocketError)
}

/// A connection's reading without the connection.
private struct Conversation {
    private(set) var log: [Event] = []
    private var reader: MessageReader
    private var unread: [UInt8] = []

    init(_ role: WebSocketRole) { reader = MessageReader(role: role) }

    mutating func feed(_ part: UnsafeRawBufferPointer) {
        unread += part
        while let consumed = step() {
            precondition(consumed > 0 && consumed <= unread.count, "consumed \(consumed)")
            unread.removeFirst(consumed)
        }
    }

    /// Reads one event; nil when there is none, after dropping what was consumed.
    private mutating func step() -> Int? {
        let (event, consumed) = unread.withUnsafeMutableBytes { input -> (Event?, Int) in
            switch reader.read(input, limits: limits) {
            case .needMore(let consumed):
                return (nil, consumed)
            case .message(let kind, let payload, let consumed):
                return (.message(kind, payload.slice(from: input).array), consumed)
            case .ping(let range, let consumed):
                return (.ping([UInt8](input[range])), consumed)
            case .pong(let range, let consumed):
                return (.pong([UInt8](input[range])), consumed)
            case .close(let code, let reason, let consumed):
                return (.close(code, [UInt8](input[reason])), consumed)
            case .reject(let error):
                return (.reject(error), input.count)
            }
        }
        guard let event else {
            unread.removeFirst(consumed)
            precondition(unread.count <= 130, "\(unread.count) bytes were left")
            return nil
        }
        log.append(event)
        return consumed
    }
}

/// Writes the messages as a client would and reads them back as a server.
private func writeAgain(_ log: [Event]) {
    var buffer = ByteBuffer(capacity: 64)
    var expected: [Event] = []
    for case .message(let kind, let payload) in log {
        let opcode: Opcode = kind == .text ? .text : .binary
        FrameWriter.append(opcode, ByteSlice(payload), to: &buffer, masking: .key(0x80C0_01FF))
        expected.append(.message(kind, payload))
    }
    var server = Conversation(.server)
    server.feed(buffer.readable)
    precondition(server.log == expected, "what was written is not what was read")
}
