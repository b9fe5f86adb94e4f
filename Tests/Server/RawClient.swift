// A client of plain blocking sockets, with a time limit on every read: what the server sends is seen
// byte for byte, and what it is sent can be as wrong as a test wants.

import CLinux
import Glibc
import MizuBytes

final class RawClient: WireClient {
    private var fd: Int32

    /// - Parameter receiveBytes: size of the kernel's receive buffer, for those who do not read.
    /// - Parameter from: its own address, one of 127.0.0.0/8.
    init(_ port: UInt16, receiveBytes: Int32? = nil, from: UInt32? = nil) {
        fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        super.init()
        var limit = timeval(tv_sec: 60, tv_usec: 0)
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

    @discardableResult
    override func send(_ bytes: [UInt8]) -> Bool { send(bytes, flags: 0) }

    /// - Parameter flags: of send(2).
    @discardableResult
    func send(_ bytes: [UInt8], flags: Int32) -> Bool {
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

    override func fill(_ bytesMax: Int = 64 * 1024) -> Bool {
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

    /// Whether something has come, or comes in time.
    func hasInput(milliseconds: Int32) -> Bool {
        if !input.isEmpty { return true }
        var entry = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, milliseconds) > 0
    }
}

/// Waits until `condition` holds, at most a minute.
func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<30_000 {
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
