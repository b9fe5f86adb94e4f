// Servers that are no Redis: each connection gets the next of some texts, whatever it asks.

import CLinux
import Glibc
import MizuEventLoop
import MizuTransport
import Synchronization

/// One thread, which ends with `stop`. Connections stay open until then, or until they are closed.
final class FakeRedis: Sendable {
    private let state = Mutex((served: 0, isStopping: false))
    let port: UInt16

    /// How many connections got a text.
    var served: Int { state.withLock { $0.served } }
    func stop() { state.withLock { $0.isStopping = true } }

    /// - Parameters:
    ///   - path: of the unix socket; nil: a free port of 127.0.0.1.
    ///   - text: what the connection of that number is sent; nil: it is closed.
    init(at path: String? = nil, _ text: @escaping @Sendable (Int) -> String?) throws {
        let listener: Int32
        if let path {
            unlink(path)
            listener = Self.listen(path)
            port = 0
        } else {
            listener = cl_listen("127.0.0.1", 0, 8, 0)
            port = UInt16(clamping: cl_local_port(listener))
        }
        try SystemError.check("listen", listener)
        try startThread("fake-redis") { self.serve(listener, text) }
    }

    convenience init(at path: String, _ texts: [String]) throws {
        try self.init(at: path) { $0 < texts.count ? texts[$0] : nil }
    }

    private static func listen(_ path: String) -> Int32 {
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { room in
            room.copyBytes(from: path.utf8.prefix(room.count - 1))
        }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0, Glibc.listen(listener, 8) == 0 else { return -errno }
        return listener
    }

    private func serve(_ listener: Int32, _ text: (Int) -> String?) {
        var open: [Int32] = []
        while !state.withLock({ $0.isStopping }) {
            var waiting = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
            guard poll(&waiting, 1, 5) > 0 else { continue }
            let peer = accept(listener, nil, nil)
            guard peer >= 0 else { continue }
            let number = state.withLock { state in
                state.served += 1
                return state.served - 1
            }
            if let text = text(number) {
                _ = Array(text.utf8).withUnsafeBytes { cl_send(peer, $0.baseAddress, $0.count) }
                open.append(peer)
            } else {
                close(peer)
            }
        }
        for peer in open { close(peer) }
        close(listener)
    }
}
