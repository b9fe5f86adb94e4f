// Answers at the app's address while there is no app: the first build failed, or the program fell
// over and there is none to go back to. Every request for a Host of ours gets 503 and a page that
// says why and asks again each second. Plain HTTP alone; who comes by TLS waits until the app is
// there.

import CLinux
import Glibc
import MizuBytes
import MizuEventLoop
import MizuTransport

/// The connections that wait for such an answer. One thread; nothing here waits.
final class StandIn {
    private static let peersMax = 64
    private static let headBytesMax = 16 * 1024
    private static let peerMilliseconds: UInt64 = 2_000

    private final class Peer {
        let socket: Descriptor
        let deadline: Instant
        var head: [UInt8] = []
        var isAnswered = false

        init(_ socket: Int32, deadline: Instant) {
            self.socket = Descriptor(owning: socket)
            self.deadline = deadline
        }
    }

    private var peers: [Peer] = []
    /// The whole answer, kept for those who were accepted when it ended.
    private var answer: [UInt8] = []
    /// Whether a request's head asks for a `Host` that is ours.
    private let admits: (UnsafeRawBufferPointer) -> Bool
    /// No app is there or on its way.
    private var isOpen = false

    init(admits: @escaping (UnsafeRawBufferPointer) -> Bool) { self.admits = admits }

    /// Whether the session must look often: nothing reports new connections.
    var isBusy: Bool { isOpen || !peers.isEmpty }

    /// From now on there is an answer.
    func begin(title: String, _ diagnostics: Diagnostics?, text: String) {
        answer = Self.response(Self.page(title, diagnostics: diagnostics, text: text))
        isOpen = true
    }

    /// Nobody is accepted any more; those who were are answered all the same.
    func end() { isOpen = false }

    /// Takes those who wait at `listeners`, and takes each peer a step on.
    func turn(_ listeners: ArraySlice<Listener>, at now: Instant) {
        if isOpen {
            for listener in listeners { accept(from: listener, at: now) }
        }
        peers.removeAll { advance($0) || now >= $0.deadline }
    }

    private func accept(from listener: Listener, at now: Instant) {
        while peers.count < Self.peersMax, case .socket(let raw, _, _, _) = listener.accept() {
            let peer = Peer(raw, deadline: now.adding(milliseconds: Self.peerMilliseconds))
            peers.append(peer)
        }
    }

    /// - Returns: whether the connection is over.
    private func advance(_ peer: Peer) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = buffer.withUnsafeMutableBytes {
                cl_recv(peer.socket.raw, $0.baseAddress, $0.count)
            }
            if count == -Int(EAGAIN) { break }
            guard count > 0 else { return true }
            guard !peer.isAnswered else { continue }
            peer.head += buffer[..<Int(count)]
            guard peer.head.count <= Self.headBytesMax else { return true }
        }
        guard !peer.isAnswered, peer.head.firstRange(of: Array("\r\n\r\n".utf8)) != nil else {
            return false
        }
        peer.isAnswered = true
        let isOurs = peer.head.withUnsafeBytes(admits)
        let sent = (isOurs ? answer : Self.misdirected).withUnsafeBytes {
            cl_send(peer.socket.raw, $0.baseAddress, $0.count)
        }
        _ = cl_shutdown_write(peer.socket.raw)
        // An answer fits into the kernel's buffer; the peer's end comes next, or its deadline.
        return sent < 0
    }

    /// For a name that is not ours: a page of another site may use it (DNS rebinding).
    private static let misdirected = response(
        "421 Misdirected Request", type: "text/plain",
        page: "mizu dev does not answer to that Host: add the name to HOSTS\n")

    private static func response(_ page: String) -> [UInt8] {
        response("503 Service Unavailable", type: "text/html", page: page)
    }

    /// The page has a style of its own and nothing that runs.
    private static func response(
        _ status: String, type: String, page: String
    ) -> [UInt8] {
        let head = """
            HTTP/1.1 \(status)\r
            Content-Type: \(type); charset=utf-8\r
            Content-Length: \(page.utf8.count)\r
            Cache-Control: no-store\r
            X-Content-Type-Options: nosniff\r
            Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; \
            base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r
            Cross-Origin-Resource-Policy: same-origin\r
            Referrer-Policy: same-origin\r
            Retry-After: 1\r
            Connection: close\r
            \r

            """
        return Array((head + page).utf8)
    }

    private static func page(
        _ title: String, diagnostics: Diagnostics? = nil, text: String = ""
    ) -> String {
        var parts = [
            """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="1">
            <meta name="viewport" content="width=device-width"><title>\(escaped(title))</title>
            <style>body { font: 15px/1.5 system-ui, sans-serif; margin: 3rem }
            :root { color-scheme: light dark } pre { overflow: auto }</style></head>
            <body><h1>\(escaped(title))</h1>
            """
        ]
        for one in diagnostics?.errors ?? [] {
            var place = ""
            if let file = one.file, let line = one.line, let column = one.column {
                place = "\(file):\(line):\(column): "
            }
            parts.append("<p><code>\(escaped(place))</code>\(escaped(one.message))</p>")
            if !one.excerpt.isEmpty {
                parts.append("<pre>\(escaped(one.excerpt.joined(separator: "\n")))</pre>")
            }
        }
        if !text.isEmpty { parts.append("<pre>\(escaped(text))</pre>") }
        parts.append("<p>This page reloads every second.</p></body></html>\n")
        return parts.joined(separator: "\n")
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
