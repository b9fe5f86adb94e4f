// A client of plain blocking sockets, with a time limit on every read: what the server sends is seen
// byte for byte, and what it is sent can be as wrong as a test wants.

import CLinux
import Glibc
import MizuBytes

/// How a connection ended, as the peer sees it.
enum Ending: Equatable { case closed, reset, timedOut }

struct RawResponse: Equatable {
    var status = 0
    var head = ""
    var body: [UInt8] = []
    var text: String { String(decoding: body, as: UTF8.self) }
    var closes: Bool { head.lowercased().contains("connection: close") }
}

struct RawFrame: Equatable {
    var opcode: UInt8
    var payload: [UInt8]
    /// RSV1.
    var isCompressed = false
    var text: String { String(decoding: payload, as: UTF8.self) }
    /// The number of a close frame.
    var code: Int { payload.count < 2 ? 0 : Int(payload[0]) << 8 | Int(payload[1]) }
}

final class RawClient {
    private var fd: Int32
    private var input: [UInt8] = []
    private(set) var ending: Ending?

    /// - Parameter receiveBytes: size of the kernel's receive buffer, for those who do not read.
    /// - Parameter from: its own address, one of 127.0.0.0/8.
    init(_ port: UInt16, receiveBytes: Int32? = nil, from: UInt32? = nil) {
        fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
        var one: Int32 = 1
        setsockopt(fd, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
        if var bytes = receiveBytes { setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, 4) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        if let from {
            var own = address
            own.sin_port = 0
            own.sin_addr.s_addr = from.bigEndian
            withUnsafePointer(to: &own) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    _ = bind(fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        }
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if connected < 0 { close() }
    }

    deinit { close() }

    var isConnected: Bool { fd >= 0 }

    func close() {
        if fd >= 0 { _ = Glibc.close(fd) }
        fd = -1
    }

    /// Closes with a reset instead of an orderly end.
    func reset() {
        var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    func halfClose() { _ = shutdown(fd, Int32(SHUT_WR)) }

    // MARK: Bytes

    /// - Returns: whether the kernel took all of it.
    @discardableResult
    func send(_ bytes: [UInt8], flags: Int32 = 0) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(
                    fd, $0.baseAddress.map { $0 + sent }, bytes.count - sent,
                    Int32(MSG_NOSIGNAL) | flags)
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    @discardableResult
    func send(_ text: some StringProtocol) -> Bool { send(Array(text.utf8)) }

    /// - Returns: false at the end, which is then in `ending`.
    private func fill(_ bytesMax: Int = 64 * 1024) -> Bool {
        guard ending == nil else { return false }
        var room = [UInt8](repeating: 0, count: bytesMax)
        let count = recv(fd, &room, room.count, 0)
        if count > 0 {
            input += room[..<count]
            return true
        }
        ending = count == 0 ? .closed : errno == EAGAIN ? .timedOut : .reset
        return false
    }

    /// Reads once, at most so many bytes, which a later call finds.
    /// - Returns: false at the end, which is then in `ending`.
    func read(_ bytesMax: Int) -> Bool { fill(bytesMax) }

    /// Whether something has come, or comes in time.
    func hasInput(milliseconds: Int32) -> Bool {
        if !input.isEmpty { return true }
        var entry = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, milliseconds) > 0
    }

    private func take(_ count: Int) -> [UInt8]? {
        while input.count < count { guard fill() else { return nil } }
        defer { input.removeFirst(count) }
        return Array(input[..<count])
    }

    /// What comes next; nil at the end.
    func some() -> [UInt8]? {
        if input.isEmpty { guard fill() else { return nil } }
        defer { input = [] }
        return input
    }

    /// Everything up to the end.
    func readToEnd() -> (bytes: [UInt8], ending: Ending?) {
        while fill() {}
        defer { input = [] }
        return (input, ending)
    }

    // MARK: HTTP

    /// One answer; nil where the connection ends before it is whole.
    func response(toHead: Bool = false) -> RawResponse? {
        let mark: [UInt8] = [13, 10, 13, 10]
        var searched = 0
        while true {
            if let end = find(mark, from: searched) {
                var response = RawResponse()
                response.head = String(decoding: take(end + 4) ?? [], as: UTF8.self)
                response.status =
                    Int(response.head.split(separator: " ").dropFirst().first ?? "") ?? 0
                var length = 0
                for line in response.head.split(separator: "\r\n")
                where line.lowercased().hasPrefix("content-length:") {
                    length = Int(line.dropFirst(15).drop { $0 == " " }) ?? 0
                }
                if toHead || response.status == 101 { length = 0 }
                guard let body = take(length) else { return nil }
                response.body = body
                return response
            }
            searched = max(0, input.count - 3)
            guard fill() else { return nil }
        }
    }

    private func find(_ mark: [UInt8], from start: Int) -> Int? {
        guard input.count >= mark.count else { return nil }
        for index in start..<max(start, input.count - mark.count + 1)
        where input[index] == mark[0] && input[index..<index + mark.count].elementsEqual(mark) {
            return index
        }
        return nil
    }

    func get(_ path: String, fields: String = "") -> RawResponse? {
        send("GET \(path) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n")
        return response()
    }

    // MARK: WebSocket

    static let upgradeRequest =
        "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"

    func upgrade() -> Bool {
        send(Self.upgradeRequest)
        return response()?.status == 101
    }

    /// Offers `extensions` as well.
    /// - Returns: the head of the answer.
    func upgrade(offering extensions: String) -> String? {
        send(
            Self.upgradeRequest.dropLast() + "Sec-WebSocket-Extensions: \(extensions)\r\n\r\n")
        return response().flatMap { $0.status == 101 ? $0.head : nil }
    }

    /// A masked frame; `first` is the first byte: FIN, and the opcode.
    static func frame(_ first: UInt8, _ payload: [UInt8]) -> [UInt8] {
        var bytes = [first]
        switch payload.count {
        case ..<126: bytes.append(0x80 | UInt8(payload.count))
        case ..<65536:
            bytes += [0x80 | 126, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
        default:
            bytes.append(0x80 | 127)
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: payload.count >> shift))
            }
        }
        let key: [UInt8] = [1, 2, 3, 4]
        bytes += key
        for (index, byte) in payload.enumerated() { bytes.append(byte ^ key[index & 3]) }
        return bytes
    }

    @discardableResult
    func say(_ text: String) -> Bool { send(Self.frame(0x81, Array(text.utf8))) }

    func sendClose(_ code: Int) {
        send(Self.frame(0x88, [UInt8(code >> 8), UInt8(code & 255)]))
    }

    /// The next frame; nil at the end.
    func frame() -> RawFrame? {
        guard let head = take(2) else { return nil }
        var count = Int(head[1] & 0x7F)
        if count == 126 {
            guard let more = take(2) else { return nil }
            count = Int(more[0]) << 8 | Int(more[1])
        } else if count == 127 {
            guard let more = take(8) else { return nil }
            count = more.reduce(0) { $0 << 8 | Int($1) }
        }
        guard let payload = take(count) else { return nil }
        return RawFrame(
            opcode: head[0] & 0x0F, payload: payload, isCompressed: head[0] & 0x40 != 0)
    }
}

/// Waits until `condition` holds, at most ten seconds.
func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<5000 {
        if condition() { return true }
        _ = poll(nil, 0, 2)
    }
    return condition()
}

/// Sockets of this process.
func socketCount() -> Int {
    guard let directory = opendir("/proc/self/fd") else { return -1 }
    defer { closedir(directory) }
    var count = 0
    while let entry = readdir(directory) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        var target = [UInt8](repeating: 0, count: 64)
        let length = target.withUnsafeMutableBytes {
            guard let room = $0.baseAddress else { return -1 }
            return readlink("/proc/self/fd/" + name, room, $0.count)
        }
        if length > 0, String(decoding: target[..<length], as: UTF8.self).hasPrefix("socket:") {
            count += 1
        }
    }
    return count
}
