// A connection's reading without the connection: what is not consumed is kept, and what arrives
// comes behind it.

import MizuBytes
import MizuWebSocket

enum Event: Equatable {
    case message(MessageKind, [UInt8])
    case ping([UInt8])
    case pong([UInt8])
    case close(CloseCode?, [UInt8])
    case reject(WebSocketError)
}

struct Conversation {
    private(set) var log: [Event] = []
    private var reader: MessageReader
    private var unread: [UInt8] = []
    private let output = InflateOutput()
    private let inflater: Inflater?

    init(_ role: WebSocketRole, _ extensions: AgreedExtensions) {
        reader = MessageReader(role: role, extensions: extensions)
        inflater = extensions == .none ? nil : Inflater(output: output)
    }

    mutating func feed(_ part: UnsafeRawBufferPointer) {
        unread += part
        while let consumed = step() {
            precondition(consumed > 0 && consumed <= unread.count, "consumed \(consumed)")
            unread.removeFirst(consumed)
        }
        precondition(output.capacityBytes <= 1024, "inflated past the limit")
    }

    /// Reads one event; nil when there is none, after dropping what was consumed.
    private mutating func step() -> Int? {
        let (event, consumed) = unread.withUnsafeMutableBytes { input -> (Event?, Int) in
            switch reader.read(input, limits: limits, inflater: inflater) {
            case .needMore(let consumed):
                return (nil, consumed)
            case .message(let kind, let payload, let consumed):
                precondition(payload.count <= limits.messageBytesMax, "a message past the limit")
                return (.message(kind, payload.slice(from: input).array), consumed)
            case .ping(let range, let consumed):
                return (.ping([UInt8](input[range])), consumed)
            case .pong(let range, let consumed):
                return (.pong([UInt8](input[range])), consumed)
            case .close(let code, let reason, let consumed):
                return (.close(code, [UInt8](input[reason])), consumed)
            case .reject(let error):
                return (.reject(error), input.count)
            case .begins, .passedOver: preconditionFailure("nobody asked to be asked")
            }
        }
        guard let event else {
            unread.removeFirst(consumed)
            precondition(unread.count <= 130, "\(unread.count) bytes were left")
            return nil
        }
        if case .message(.text, let bytes) = event {
            precondition(String(validating: bytes, as: UTF8.self) != nil, "text that is not UTF-8")
        }
        log.append(event)
        return consumed
    }
}
