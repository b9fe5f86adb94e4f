// libFuzzer over what a WebSocket peer sends. Whatever the bytes, reading them whole and reading
// them in pieces must agree, what was read can be written and read again, and nothing may trap. The
// first byte chooses role, extension and what is driven: frames, compressed payloads in good frames,
// or the fields of the handshake; the second the size of the pieces. Built only with MIZU_FUZZ set;
// run it with `SWIFT_BACKTRACE=enable=no`. Keep each crash as a case in `Tests/WebSocket`.

import MizuBytes
import MizuWebSocket

let limits = WebSocketLimits(messageBytesMax: 300, fragmentsMax: 5)

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let data, count >= 2 else { return 0 }
    let choice = Choice(bits: data[0])
    let input = UnsafeRawBufferPointer(start: data + 2, count: count - 2)
    switch choice.target {
    case .frames: driveFrames(input, choice, pieceBytes: max(1, Int(data[1])))
    case .payloads: drivePayloads(input, choice, pieceBytes: max(1, Int(data[1])))
    case .fields: driveFields(input, choice)
    }
    return 0
}

/// What the first byte says.
struct Choice {
    let bits: UInt8

    enum Target {
        case frames, payloads, fields
    }

    var role: WebSocketRole { bits & 1 == 0 ? .server : .client }
    var context: DeflateParameters.Context { bits & 4 == 0 ? .fresh : .takenOver }
    var extensions: AgreedExtensions { bits & 2 == 0 ? .none : Self.deflate(context) }
    var target: Target {
        switch bits >> 3 & 3 {
        case 0, 1: .frames
        case 2: .payloads
        default: .fields
        }
    }

    static func deflate(_ context: DeflateParameters.Context) -> AgreedExtensions {
        var parameters = DeflateParameters()
        parameters.server = context
        parameters.client = context
        return .deflate(parameters)
    }
}

private func driveFrames(_ input: UnsafeRawBufferPointer, _ choice: Choice, pieceBytes: Int) {
    var whole = Conversation(choice.role, choice.extensions)
    whole.feed(input)
    var parts = Conversation(choice.role, choice.extensions)
    parts.feed(input, pieceBytes: pieceBytes)
    precondition(whole.log == parts.log, "two ways of arriving, two outcomes")
    writeAgain(whole.log, .none)
    writeAgain(whole.log, Choice.deflate(choice.context))
}

/// Each byte of `input` after a length says what a payload is made of; all of them are compressed.
private func drivePayloads(
    _ input: UnsafeRawBufferPointer, _ choice: Choice, pieceBytes: Int
) {
    var wire = ByteBuffer(capacity: 512)
    let masking: Masking = choice.role == .server ? .key(0x1234_5678) : .none
    var start = 0
    while start < input.count {
        let length = min(Int(input[start]), input.count - start - 1)
        let payload = UnsafeRawBufferPointer(rebasing: input[(start + 1)...].prefix(length))
        let cut = input[start] & 1 == 0 ? length : length / 2
        let opcode: Opcode = input[start] & 2 == 0 ? .binary : .text
        FrameWriter.append(
            opcode, UnsafeRawBufferPointer(rebasing: payload[..<cut]), to: &wire,
            masking: masking, end: cut < length ? .more : .final, coding: .deflated)
        if cut < length {
            FrameWriter.append(.ping, "p", to: &wire, masking: masking)
            FrameWriter.append(
                .continuation, UnsafeRawBufferPointer(rebasing: payload[cut...]), to: &wire,
                masking: masking)
        }
        start += 1 + length
    }
    var whole = Conversation(choice.role, Choice.deflate(choice.context))
    whole.feed(wire.readable)
    var parts = Conversation(choice.role, Choice.deflate(choice.context))
    parts.feed(wire.readable, pieceBytes: pieceBytes)
    precondition(whole.log == parts.log, "two ways of arriving, two outcomes")
    writeAgain(whole.log, Choice.deflate(choice.context))
}

extension Conversation {
    mutating func feed(_ input: UnsafeRawBufferPointer, pieceBytes: Int) {
        var start = 0
        while start < input.count {
            let stop = min(start + pieceBytes, input.count)
            feed(UnsafeRawBufferPointer(rebasing: input[start..<stop]))
            start = stop
        }
    }
}

/// Writes the messages as a client would and reads them back as a server, compressed where
/// `extensions` says so.
private func writeAgain(_ log: [Event], _ extensions: AgreedExtensions) {
    var buffer = ByteBuffer(capacity: 64)
    var expected: [Event] = []
    let deflater = extensions == .none ? nil : Deflater()
    for case .message(let kind, let payload) in log {
        let opcode: Opcode = kind == .text ? .text : .binary
        var compressed = ByteBuffer(capacity: 64)
        if case .deflate(let parameters) = extensions, let deflater {
            let isDone = payload.withUnsafeBytes {
                deflater.deflate($0, context: parameters.client, into: &compressed)
            }
            precondition(isDone, "a message was not deflated")
            FrameWriter.append(
                opcode, compressed.readable, to: &buffer, masking: .key(0x80C0_01FF),
                coding: .deflated)
        } else {
            FrameWriter.append(opcode, ByteSlice(payload), to: &buffer, masking: .key(0x80C0_01FF))
        }
        expected.append(.message(kind, payload))
    }
    var server = Conversation(.server, extensions)
    server.feed(buffer.readable)
    precondition(server.log == expected, "what was written is not what was read")
}
