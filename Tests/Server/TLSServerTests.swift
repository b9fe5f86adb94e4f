// Handshakes in the loop: deadlines, the cap, storms, breaks at every stage, drains and new
// certificates, with a stock OpenSSL client over real sockets.

import CTLSClient
import Glibc
import MizuBytes
import MizuEventLoop
import MizuTransport
import Synchronization
import Testing

@testable import MizuServer

/// A TLS client over a raw one. Blocking, with the raw client's time limit.
final class SecureClient {
    let raw: RawClient
    let tls: OpaquePointer
    private(set) var isEstablished = false

    init(_ port: UInt16, version: Int32 = 13) throws {
        raw = RawClient(port)
        var options = tc_options()
        options.version = version
        tls = try #require(tc_new(&options))
    }

    deinit { tc_free(tls) }

    /// What the client has to send.
    func output() -> [UInt8] {
        var room = [UInt8](repeating: 0, count: 65_536)
        let count = tc_take(tls, &room, room.count)
        return Array(room[..<count])
    }

    /// Makes the first message of the handshake.
    func hello() -> [UInt8] {
        _ = tc_handshake(tls)
        return output()
    }

    /// - Parameter portion: bytes of one write.
    /// - Returns: whether the handshake was made.
    func handshake(portion: Int = .max) -> Bool {
        while true {
            let state = tc_handshake(tls)
            var rest = output()[...]
            while !rest.isEmpty {
                guard raw.send(Array(rest.prefix(portion))) else { return false }
                rest = rest.dropFirst(portion)
            }
            if state != 0 {
                isEstablished = state == 1
                return isEstablished
            }
            guard let bytes = raw.some() else { return false }
            tc_feed(tls, bytes, bytes.count)
        }
    }

    @discardableResult
    func send(_ text: String) -> Bool {
        _ = tc_write(tls, text, text.utf8.count)
        return raw.send(output())
    }

    /// Plaintext until it contains `mark`, or until the end.
    func read(until mark: String) -> String {
        var (text, room) = ("", [UInt8](repeating: 0, count: 65_536))
        while !text.contains(mark) {
            let count = tc_read(tls, &room, room.count)
            if count > 0 {
                text += String(decoding: room[..<count], as: UTF8.self)
            } else if count == -1, let bytes = raw.some() {
                tc_feed(tls, bytes, bytes.count)
            } else {
                return text
            }
        }
        return text
    }

    func get(_ path: String) -> String {
        send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
        return read(until: "hello")
    }
}

extension ServerStorey {
    @Suite("TLS") struct TLSServerTests {
        private static let made = Mutex<TLSCertificates?>(nil)

        /// Made once for all tests.
        private static func certificates() throws -> TLSCertificates {
            try made.withLock { made in
                if let made { return made }
                let path = "/tmp/mizu-server-tests-\(getpid()).pem"
                defer { unlink(path) }
                let now = Int64(time(nil))
                let fresh = try TLSCertificates(
                    TLSSelfSigned.files(at: path, now: now).files, ticketKeys: TLSTicketKeys(),
                    now: now)
                made = fresh
                return fresh
            }
        }

        /// Who seals records of TLS 1.3: what happens behind the handshake is tested with both.
        static let layers = [TLSOptions.RecordLayer.own, .openSSL]

        private func server(
            _ records: TLSOptions.RecordLayer = .own,
            _ change: (inout ServerLimits) -> Void = { _ in }
        ) throws -> TestServer {
            try TestServer(tls: Self.certificates(), records: records, change)
        }

        private func openHandshakes(_ server: TestServer) throws -> Int {
            try server.on { $0.state.pointee.handshakes.open }
        }

        @Test("requests over TLS and beside it", arguments: [12, 13] as [Int32], layers)
        func requests(version: Int32, layer: TLSOptions.RecordLayer) throws {
            let server = try server(layer)
            let client = try SecureClient(server.tlsPort, version: version)
            try #require(client.handshake())
            for _ in 0..<3 { #expect(client.get("/").contains("200 OK")) }
            #expect(server.client().get("/")?.status == 200)
            #expect(try openHandshakes(server) == 0)
            let secure = try server.on { worker in
                var count = 0
                worker.connections.forEach { count += $0.isSecure ? 1 : 0 }
                return count
            }
            #expect(secure == 1)
        }

        @Test("byte by byte is a handshake too")
        func bytes() throws {
            let server = try server()
            let client = try SecureClient(server.tlsPort)
            #expect(client.handshake(portion: 1))
            #expect(client.get("/").contains("hello"))
        }

        @Test("a handshake that does not end is ended, however it trickles")
        func deadline() throws {
            let server = try server { $0.handshakeMilliseconds = 300 }
            let silent = try SecureClient(server.tlsPort)
            let trickling = try SecureClient(server.tlsPort)
            // A ClientHello of 16 KiB, which would take more than a minute at this pace.
            trickling.raw.send([22, 3, 1, 0x40, 0, 1, 0, 0x3F, 0xFC])
            var isOpen = true
            for _ in 0..<12_000 where isOpen {
                _ = poll(nil, 0, 5)
                isOpen = trickling.raw.send([0])
            }
            #expect(!isOpen, "who trickles is let go on")
            #expect(silent.raw.readToEnd().ending != .timedOut)
            #expect(trickling.raw.readToEnd().ending != .timedOut)
            #expect(try server.becomesEmpty() && openHandshakes(server) == 0)
        }

        @Test(
            "at the cap a new client waits until the oldest has had its time, and takes its place")
        func cap() throws {
            let server = try server {
                $0.workerHandshakesMax = 2
                $0.handshakeGraceMilliseconds = 300
                $0.handshakeMilliseconds = 600_000
            }
            let open = try SecureClient(server.tlsPort)
            try #require(open.handshake())
            let silent = try (0..<2).map { _ in try SecureClient(server.tlsPort) }
            #expect(eventually { (try? openHandshakes(server)) == 2 })
            let late = try SecureClient(server.tlsPort)
            late.raw.send(late.hello())
            #expect(open.get("/").contains("hello"))
            #expect(server.client().get("/")?.status == 200)
            // Nothing but the passing of time happens now, and the client does not wait until the
            // deadline of the oldest.
            #expect(late.handshake() && late.get("/").contains("hello"))
            #expect(silent[0].raw.readToEnd().ending != .timedOut)
            #expect(try openHandshakes(server) == 1)
        }

        @Test("however many come and say nothing, who speaks is let in")
        func silence() throws {
            let server = try server {
                $0.workerHandshakesMax = 8
                $0.handshakeGraceMilliseconds = 0
            }
            let silent = try (0..<100).map { _ in try SecureClient(server.tlsPort) }
            let honest = try SecureClient(server.tlsPort)
            #expect(honest.handshake() && honest.get("/").contains("hello"))
            #expect(try openHandshakes(server) <= 8)
            _ = silent
        }

        @Test("a storm is worked off step by step, and all get through", arguments: layers)
        func storm(layer: TLSOptions.RecordLayer) throws {
            let server = try server(layer) {
                $0.tickHandshakeStepsMax = 1
                // The clients take their steps one after the other.
                $0.handshakeMilliseconds = 600_000
            }
            let clients = try (0..<100).map { _ in try SecureClient(server.tlsPort) }
            for client in clients { client.raw.send(client.hello()) }
            for client in clients { #expect(client.handshake()) }
            for client in clients { #expect(client.get("/").contains("hello")) }
            #expect(try openHandshakes(server) == 0)
        }

        @Test("a break at every stage, in every way, leaves nothing behind", arguments: layers)
        func breaks(layer: TLSOptions.RecordLayer) throws {
            let server = try server(layer) { $0.lingerMilliseconds = 50 }
            let before = socketCount()
            for stage in 0..<6 {
                for way in 0..<4 {
                    let client = try SecureClient(server.tlsPort)
                    switch stage {
                    case 0: break
                    case 1: client.raw.send(Array(client.hello().prefix(50)))
                    case 2: client.raw.send(client.hello())
                    case 3: #expect(client.handshake())
                    case 4:
                        #expect(client.handshake())
                        client.send("GET / HTTP/1.1\r\nHo")
                    default:
                        #expect(client.handshake())
                        client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
                    }
                    switch way {
                    case 0: client.raw.reset()
                    case 1: client.raw.close()
                    case 2:
                        // More than a record that has begun, or its end would be waited for.
                        client.raw.send([UInt8](repeating: 0xFF, count: 20_000))
                        _ = client.raw.readToEnd()
                    default:
                        client.raw.halfClose()
                        _ = client.raw.readToEnd()
                    }
                }
                let other = try SecureClient(server.tlsPort)
                #expect(other.handshake() && other.get("/").contains("hello"))
            }
            #expect(try server.becomesEmpty() && openHandshakes(server) == 0)
            #expect(eventually { socketCount() <= before + 20 })
        }

        @Test(
            "who closes its side after a request still gets the answer, and our close_notify",
            arguments: layers)
        func halfClose(layer: TLSOptions.RecordLayer) throws {
            let server = try server(layer)
            let client = try SecureClient(server.tlsPort)
            try #require(client.handshake())
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            client.raw.halfClose()
            #expect(client.read(until: "nothing more").contains("hello"))
            var room = [UInt8](repeating: 0, count: 10)
            #expect(tc_read(client.tls, &room, 10) == 0)
        }

        @Test("a drain does not wait long for handshakes")
        func drain() throws {
            let server = try TestServer(
                drainMilliseconds: 600_000, tls: Self.certificates()
            ) {
                $0.lingerMilliseconds = 100
                $0.handshakeMilliseconds = 600_000
            }
            let stalled = try SecureClient(server.tlsPort)
            stalled.raw.send(stalled.hello())
            let idle = try SecureClient(server.tlsPort)
            try #require(idle.handshake() && idle.get("/").contains("hello"))
            #expect(eventually { (try? openHandshakes(server)) == 1 })
            server.server.drain()
            #expect(server.waitUntilFinished())
            // The idle one was told in order.
            #expect(idle.read(until: "nothing more") == "")
        }

        @Test("plain HTTP at the TLS port is answered with 400 and a close")
        func plainHTTP() throws {
            let server = try server()
            let client = RawClient(server.tlsPort)
            let answer = client.get("/")
            #expect(answer?.status == 400 && answer?.text.contains("https://") == true)
            #expect(client.readToEnd().ending == .closed)
        }
    }
}
