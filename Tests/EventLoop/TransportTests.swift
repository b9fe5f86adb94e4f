// Addresses as people write them, listeners that refuse to share, and the queue of unsent bytes.

import CLinux
import MizuBytes
import MizuEventLoop
import MizuTransport
import Testing

@Suite("Transport") struct TransportTests {
    @Test(
        "addresses are read as people write them",
        arguments: [
            (":8080", "", 8080), ("127.0.0.1:0", "127.0.0.1", 0), ("[::1]:443", "::1", 443),
            ("localhost:80", "127.0.0.1", 80), ("0.0.0.0:65535", "0.0.0.0", 65535),
        ])
    func addresses(text: String, host: String, port: UInt16) {
        #expect(ListenAddress(text) == ListenAddress(host: host, port: port))
    }

    @Test(
        "what is no address is refused",
        arguments: ["", "8080", "::1:80", "[::1]", "host:", "a:65536", "a:-1", "a:+1", "[a]:1"])
    func badAddresses(text: String) {
        #expect(ListenAddress(text) == nil)
    }

    @Test("an address without a host is told as 127.0.0.1")
    func authority() {
        for (host, bound, reached) in [
            ("", "[::]:80", "127.0.0.1:80"), ("::", "[::]:80", "[::1]:80"),
            ("0.0.0.0", "0.0.0.0:80", "127.0.0.1:80"), ("10.0.0.1", "10.0.0.1:80", "10.0.0.1:80"),
        ] {
            let address = ListenAddress(host: host, port: 0)
            #expect(address.authority(port: 80) == bound)
            #expect(address.reachableAuthority(port: 80) == reached)
        }
        #expect(ListenAddress(host: "::1", port: 0).authority(port: 80) == "[::1]:80")
    }

    @Test("port 0 gives all workers the same port; nobody else can have it after that")
    func sharing() throws {
        let address = ListenAddress(host: "127.0.0.1", port: 0)
        let listeners = try Listener.acquire(address, count: 3)
        let port = listeners[0].port
        #expect(port != 0 && listeners.allSatisfy { $0.port == port })
        #expect(throws: SystemError(call: "bind", errno: 98)) {
            try Listener.acquire(ListenAddress(host: "127.0.0.1", port: port), count: 1)
        }
    }

    @Test("a send queue counts what went, in any portions")
    func sendQueue() {
        for portion in 1...11 {
            let queue = SendQueue()
            for part in ["abc", "", "defgh", "i", "jk"] { queue.append(ByteSlice(part)) }
            #expect(queue.bytes == 11 && queue.count == 4)
            var left = 11
            while left > 0 {
                let sent = min(portion, left)
                queue.advance(sent: sent)
                left -= sent
                #expect(queue.bytes == left)
            }
            #expect(queue.isEmpty && queue.count == 0)
        }
    }

    @Test("a full socket takes part, and the rest goes out after the peer has read")
    func shortWrites() throws {
        let listener = try Listener.acquire(ListenAddress(host: "127.0.0.1", port: 0), count: 1)[0]
        var poller = try Poller()
        try poller.registerInput(listener.pollable, data: 1)
        let client = Descriptor(owning: cl_connect("127.0.0.1", listener.port))
        try poller.wait(milliseconds: 60_000)
        guard case .socket(let raw, _, let low, _) = listener.accept() else {
            Issue.record("nobody to accept")
            return
        }
        let server = Descriptor(owning: raw)
        #expect(low == 0xFFFF_7F00_0001)
        let transport = Transport.plain(server.raw)
        let queue = SendQueue()
        let chunk = ByteSlice([UInt8](repeating: 7, count: 100_000))
        for _ in 0..<200 { queue.append(chunk) }
        var (received, blocked) = (0, false)
        var room = [UInt8](repeating: 0, count: 1 << 20)
        while received < 20_000_000 {
            switch transport.write(UnsafeRawBufferPointer(start: nil, count: 0), then: queue) {
            case .sent(let count) where !queue.isEmpty: queue.advance(sent: count)
            case .blocked(let count):
                blocked = true
                queue.advance(sent: count)
            case .sent: break
            case .failed(let error):
                Issue.record("\(error)")
                return
            }
            let got = room.withUnsafeMutableBytes { cl_recv(client.raw, $0.baseAddress, $0.count) }
            if got > 0 { received += got }
        }
        #expect(blocked && queue.isEmpty && received == 20_000_000)
    }
}
