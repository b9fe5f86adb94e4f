// Connections that we open, against a listener of this process: where they come from, what becomes
// of them, and what the kernel does not take at once.

import Glibc
import MizuEventLoop
import MizuTransport
import Testing

@Suite("Sockets that connect")
struct ClientSocketTests {
    private let listener: Listener

    init() throws {
        listener = try #require(
            try Listener.acquire(ListenAddress(host: "127.0.0.1", port: 0), count: 1).first)
    }

    /// Waits until the connection is decided.
    private func decide(_ socket: ClientSocket) throws -> SystemError? {
        var poller = try Poller()
        try poller.register(socket.descriptor, data: 1)
        try poller.wait(milliseconds: 60_000)
        #expect(poller.count == 1)
        return socket.connected()
    }

    private func accept() throws -> (descriptor: Int32, address: UInt64) {
        var poller = try Poller()
        try poller.registerInput(listener.pollable, data: 1)
        try poller.wait(milliseconds: 60_000)
        guard case .socket(let descriptor, _, let low, _) = listener.accept() else {
            throw SystemError(call: "accept", errno: 0)
        }
        return (descriptor, low & 0xFFFF_FFFF)
    }

    @Test("a connection comes from the address that it was given", arguments: [0, 7, 200])
    func source(last: Int) throws {
        let source = last == 0 ? "" : "127.0.0.\(last)"
        let socket = try ClientSocket(to: "127.0.0.1", port: listener.port, from: source)
        #expect(try decide(socket) == nil && socket.isEstablished && !socket.isSecure)
        let (descriptor, address) = try accept()
        defer { close(descriptor) }
        #expect(address == 0x7F00_0000 + UInt64(max(1, last)))
    }

    @Test("a port where nobody listens refuses; a source that is not ours, or no address, throws")
    func refused() throws {
        let port = listener.port
        // Bound and not listening: nobody else can come to listen here meanwhile.
        let bound = try Listener.bind(ListenAddress(host: "127.0.0.1", port: 0), count: 1)
        let closed = try #require(bound.first).port
        do {
            let socket = try ClientSocket(to: "127.0.0.1", port: closed)
            #expect(try decide(socket)?.errno == ECONNREFUSED)
        } catch let error as SystemError {
            #expect(error.errno == ECONNREFUSED)
        }
        for source in ["192.0.2.1", "nowhere"] {
            #expect(throws: SystemError.self) {
                try ClientSocket(to: "127.0.0.1", port: port, from: source)
            }
        }
        #expect(throws: SystemError.self) { try ClientSocket(to: "localhost", port: port) }
    }

    @Test("what the kernel does not take waits, and leaves in order")
    func queued() throws {
        let socket = try ClientSocket(to: "127.0.0.1", port: listener.port)
        #expect(try decide(socket) == nil)
        let (descriptor, _) = try accept()
        defer { close(descriptor) }
        let piece = [UInt8]((0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 / 977) })
        let pieces = 12
        for _ in 0..<pieces {
            if case .failed(let error) = piece.withUnsafeBytes({ socket.send($0) }) { throw error }
        }
        #expect(socket.hasUnsent && socket.unsentBytes > 0)
        var (received, room) = (0, [UInt8](repeating: 0, count: 1 << 16))
        while received < pieces * piece.count {
            let count = recv(descriptor, &room, room.count, 0)
            if count > 0 {
                for index in 0..<count where room[index] != piece[(received + index) % piece.count]
                {
                    Issue.record("byte \(received + index)")
                    return
                }
                received += count
            } else if case .failed(let error) = socket.flush() {
                throw error
            }
        }
        #expect(!socket.hasUnsent && received == pieces * piece.count)
    }
}
