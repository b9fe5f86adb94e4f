// One GET to the admin address of a server (`ADMIN_ADDR`): a numeric address and a port, or the
// path of a socket. Blocks, for some seconds at most; follows nothing, keeps nothing.

import CLinux
import Glibc
import Mizu
import MizuHTTP

struct AdminRequest {
    enum Place: Equatable {
        case address(String, UInt16)
        case socket(String)
    }

    let place: Place
    /// Sent as a bearer's; nil: none.
    let token: String?

    /// Why there is no answer, for people.
    struct Failure: Error {
        let message: String
        var hint: String?
    }

    private static let secondsMax: Int32 = 5
    private static let bytesMax = 16 << 20

    /// Reads `ADMIN_ADDR` as a server does: `127.0.0.1:9180`, `[::1]:9180`, `:9180`, `unix:PATH`.
    /// Nil where it is none of these.
    static func place(_ text: String) -> Place? {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            return path.isEmpty ? nil : .socket(path)
        }
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...]), port > 0
        else { return nil }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        return .address(host.isEmpty ? "127.0.0.1" : host, port)
    }

    /// The body of the answer, which must be 200.
    func get(_ path: String) throws(Failure) -> ByteSlice {
        let descriptor: Int32
        switch place {
        case .address(let host, let port): descriptor = cl_connect_from("", host, port)
        case .socket(let path): descriptor = cl_connect_stream(path)
        }
        guard descriptor >= 0 else { throw failure("connect", -descriptor) }
        defer { close(descriptor) }
        try wait(descriptor, Int16(POLLOUT), "connect")
        let error = cl_socket_error(descriptor)
        guard error == 0 else { throw failure("connect", error < 0 ? -error : error) }
        var head = "GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        if let token { head += "Authorization: Bearer \(token)\r\n" }
        let bytes = Array((head + "\r\n").utf8)
        let sent = bytes.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, 0x4000) }
        guard sent == bytes.count else { throw failure("write", errno) }
        return try body(of: try readAll(descriptor))
    }

    private func readAll(_ descriptor: Int32) throws(Failure) -> [UInt8] {
        var found: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while found.count <= Self.bytesMax {
            try wait(descriptor, Int16(POLLIN), "read")
            let count = read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EAGAIN || errno == EINTR { continue }
            guard count >= 0 else { throw failure("read", errno) }
            if count == 0 { return found }
            found += chunk[..<count]
        }
        throw Failure(message: "\(name) answers more than \(Self.bytesMax) bytes")
    }

    private func body(of answer: [UInt8]) throws(Failure) -> ByteSlice {
        var head = ResponseHead()
        let outcome = answer.withUnsafeBytes {
            ResponseParser.parse($0, into: &head, answering: .get)
        }
        guard case .head(let count) = outcome else {
            throw Failure(message: "\(name) does not answer by HTTP")
        }
        guard head.status.code == 200 else {
            throw Failure(
                message: "\(name) answers \(head.status.code)",
                hint: head.status.code == 401 || head.status.code == 403
                    ? "it wants a token: --token, or ADMIN_TOKEN" : nil)
        }
        var content = ByteBuffer(capacity: answer.count)
        var reader = BodyReader(head.framing, limits: HTTPLimits(bodyBytesMax: Self.bytesMax))
        let step = answer[count...].withUnsafeBytes { reader.read($0, into: &content) }
        switch step {
        case .reject: throw Failure(message: "\(name) does not answer by HTTP")
        case .needMore where !reader.endsWithConnection:
            throw Failure(message: "\(name) has ended in the middle of its answer")
        default: return content.finish()
        }
    }

    private func wait(
        _ descriptor: Int32, _ events: Int16, _ verb: String
    ) throws(Failure) {
        var waited = pollfd(fd: descriptor, events: events, revents: 0)
        let ready = poll(&waited, 1, Self.secondsMax * 1_000)
        guard ready != 0 else { throw failure(verb, ETIMEDOUT) }
        guard ready > 0 || errno == EINTR else { throw failure(verb, errno) }
    }

    private var name: String {
        switch place {
        case .address(let host, let port):
            host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .socket(let path): "unix:" + path
        }
    }

    private func failure(_ verb: String, _ code: Int32) -> Failure {
        Failure(
            message: "cannot \(verb) \(name): \(String(cString: strerror(code)))",
            hint: "is ADMIN_ADDR set where the server runs? --admin names another address")
    }
}
