// The bytes of requests: composed once for a run if they are always the same, and the upgrade of
// each WebSocket (RFC 9112 §3, RFC 6455 §4.1).

import MizuBytes
import MizuWebSocket

enum RequestText {
    /// A whole request. `Host`, and `Content-Length` if there is a body, unless they are among
    /// the headers.
    static func make(
        method: String, target: String, _ settings: BenchSettings, body: [UInt8]? = nil,
        mediaType: String? = nil
    ) -> ByteSlice {
        var text = ByteBuffer(capacity: 256 + (body?.count ?? 0))
        appendHead(method: method, target: target, settings, to: &text)
        if let mediaType, !has("content-type", settings) {
            text.append("Content-Type: \(mediaType)\r\n")
        }
        if let body, !has("content-length", settings) {
            text.append("Content-Length: \(body.count)\r\n")
        }
        text.append("\r\n" as StaticString)
        if let body { text.append(body) }
        return text.finish()
    }

    /// The handshake of a WebSocket.
    static func appendUpgrade(
        _ handshake: ClientHandshake, target: String, _ settings: BenchSettings,
        to text: inout ByteBuffer
    ) {
        appendHead(method: "GET", target: target, settings, to: &text)
        handshake.appendFields(to: &text)
        text.append("\r\n" as StaticString)
    }

    private static func appendHead(
        method: String, target: String, _ settings: BenchSettings, to text: inout ByteBuffer
    ) {
        text.append("\(method) \(target) HTTP/1.1\r\n")
        if !has("host", settings) { text.append("Host: \(settings.url.authority)\r\n") }
        for (name, value) in settings.headers { text.append("\(name): \(value)\r\n") }
    }

    private static func has(_ name: String, _ settings: BenchSettings) -> Bool {
        settings.headers.contains { $0.name.lowercased() == name }
    }
}
