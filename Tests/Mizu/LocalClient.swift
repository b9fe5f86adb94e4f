// A client on this machine that asks once and reads to the end: for tests that run a whole app in
// the test's own process.

import Glibc
import Testing

struct LocalClient: Sendable {
    let port: UInt16

    /// One answer on a connection of its own, as text.
    func ask(_ method: String, _ path: String, fields: [String] = []) throws -> String {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var limit = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(
            socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(connected == 0)
        let lines = fields.map { $0 + "\r\n" }.joined()
        let request = Array(
            ("\(method) \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\(lines)"
                + "Content-Length: 0\r\n\r\n").utf8)
        try #require(send(socket, request, request.count, Int32(MSG_NOSIGNAL)) == request.count)
        var (answer, room) = ([UInt8](), [UInt8](repeating: 0, count: 65536))
        while case let count = recv(socket, &room, room.count, 0), count > 0 {
            answer += room[..<count]
        }
        return String(decoding: answer, as: UTF8.self)
    }
}
