// The handshake's fields with anything in them, a field a line: a server answers only what a client
// may take, and both then mean the same.

import MizuBytes
import MizuWebSocket

func driveFields(_ input: UnsafeRawBufferPointer, _ choice: Choice) {
    let lines = input.split(separator: 0x0A, maxSplits: 5, omittingEmptySubsequences: false)
    let nonce = [UInt8](repeating: 7, count: 16)
    let client = ClientHandshake(nonce: nonce, deflate: DeflateOffer())
    let key = client.key
    let fields: FieldValues = { name, value in
        switch "\(name)" {
        case "upgrade": "websocket".utf8.lend(value)
        case "connection": "Upgrade".utf8.lend(value)
        case "sec-websocket-version": "13".utf8.lend(value)
        case "sec-websocket-key": key.lend(value)
        case "sec-websocket-accept": Handshake.acceptValue(forKey: key).lend(value)
        case "sec-websocket-extensions":
            for line in lines { value(UnsafeRawBufferPointer(rebasing: line)) }
        default: break
        }
    }
    // As a client that gets it for an answer.
    _ = try? client.verify(status: 101, fields: fields)
    // As a server that gets it for an offer.
    var policy = DeflatePolicy()
    policy.clientContext = choice.context
    policy.clientWindowBitsMax = 8 + Int(choice.bits >> 5)
    let handshake = Array("GET".utf8).withUnsafeBytes { method in
        try? Handshake(method: method, minorVersion: 1, deflate: policy, fields: fields)
    }
    guard let handshake else { return }
    var buffer = ByteBuffer(capacity: 256)
    handshake.appendFields(to: &buffer)
    let answer = buffer.readable.split(separator: 0x0A)
    let named = "Sec-WebSocket-Extensions: "
    let chosen = answer.filter { $0.starts(with: named.utf8) }
    precondition(answer.count == 3 + chosen.count && chosen.count <= 1, "lines out of nowhere")
    let agreed = try? client.verify(status: 101) { name, value in
        if "\(name)" == "sec-websocket-extensions" {
            for line in chosen {
                value(UnsafeRawBufferPointer(rebasing: line.dropFirst(named.utf8.count).dropLast()))
            }
        } else {
            fields(name, value)
        }
    }
    precondition(agreed?.extensions == handshake.extensions, "the ends do not agree")
}

extension Sequence where Element == UInt8 {
    fileprivate func lend(_ body: (UnsafeRawBufferPointer) -> Void) {
        Array(self).withUnsafeBytes(body)
    }
}
