// What a public port meets: peers that are slow in every way there is, crowds, and one address that
// wants everything. Each is shed while others are served. Times are tens of milliseconds, and the
// pace that is asked for is far above what the slow ones do and far below what the others do.

import Glibc
import MizuBytes
import MizuDoor
import MizuHTTP
import MizuRouting
import Testing

@testable import MizuServer

extension ServerStorey {
    @Suite("Who is shed, and who is not") struct ShedTests {
        private func server(_ change: (inout ServerLimits) -> Void = { _ in }) throws -> TestServer
        {
            try TestServer {
                $0.headMilliseconds = 100
                $0.pace = .milliseconds(100)
                $0.lingerMilliseconds = 50
                change(&$0)
            }
        }

        static let slow: [(String, String)] = [
            ("GET / HTTP/1.1\r\nX: ", "a"),
            ("\r\n", "G"),
            ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 999999\r\n\r\n", "a"),
            ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n"),
            ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;", "a"),
            (
                "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
                "T: a\r\n"
            ),
        ]

        @Test("a head or a body that trickles, framed as it may be", arguments: slow)
        func slowSender(start: String, drop: String) throws {
            let server = try server()
            let other = server.client()
            let client = server.client()
            client.send(start)
            var steps = 0
            while steps < 1000, client.send(drop) {
                steps += 1
                #expect(other.get("/")?.status == 200)
                _ = poll(nil, 0, 5)
            }
            #expect(steps < 1000, "five seconds of it were taken")
        }

        @Test("a body that keeps the pace goes on for as long as it takes")
        func steadyBody() throws {
            let server = try TestServer {
                $0.pace = TransferPace(
                    graceMilliseconds: 0, windowMilliseconds: 250, bytesPerSecondMin: 400)
            }
            let client = server.client()
            client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n")
            for _ in 0..<100 {
                client.send([UInt8](repeating: 97, count: 100))
                _ = poll(nil, 0, 10)
            }
            #expect(client.response()?.body.count == 10_000, "four windows and more")
        }

        static let closing = ["", "Connection: close\r\n"]

        @Test("a reader that sips at a large answer is reset", arguments: closing)
        func slowReader(field: String) throws {
            let server = try server()
            let other = server.client()
            let client = server.client(receiveBytes: 4096)
            client.send("GET /large HTTP/1.1\r\nHost: a\r\n\(field)\r\n")
            var steps = 0
            while steps < 1000, try server.connectionCount() > 1 {
                steps += 1
                _ = client.read(1)
                #expect(other.get("/")?.status == 200)
                _ = poll(nil, 0, 5)
            }
            // What its own kernel had taken it may still read.
            #expect(steps < 1000 && client.readToEnd().ending == .reset)
        }

        @Test("a reader that keeps the pace gets all of it, whatever it takes", arguments: closing)
        func steadyReader(field: String) throws {
            let server = try TestServer {
                $0.pace = TransferPace(
                    graceMilliseconds: 0, windowMilliseconds: 250, bytesPerSecondMin: 400)
                $0.lingerMilliseconds = 50
                $0.unwatchedAnswerBytesMax = 1000
            }
            let client = server.client(receiveBytes: 4096)
            client.send("GET /page HTTP/1.1\r\nHost: a\r\n\(field)\r\n")
            for _ in 0..<100 {
                guard client.read(500) else { break }
                _ = poll(nil, 0, 10)
            }
            #expect(client.response()?.body.count == 64 << 10, "four windows and more")
            #expect(field.isEmpty == (client.get("/")?.status == 200))
        }

        @Test("what the kernel took at once is watched too", arguments: closing)
        func hidden(field: String) throws {
            let server = try server { $0.unwatchedAnswerBytesMax = 1000 }
            let client = server.client(receiveBytes: 4096)
            client.send("GET /page HTTP/1.1\r\nHost: a\r\n\(field)\r\n")
            #expect(try server.becomesEmpty(), "long before it was idle for a minute")
            let (bytes, ending) = client.readToEnd()
            #expect(ending == .reset && bytes.count < 64 << 10)
        }

        @Test("who took a large answer is idle afterwards, and goes on")
        func idleAfterwards() throws {
            let server = try server {
                $0.unwatchedAnswerBytesMax = 1000
                $0.idleMilliseconds = 400
            }
            let client = server.client()
            #expect(client.get("/page")?.status == 200)
            // Two windows later it is still there; then its idle time is over.
            _ = poll(nil, 0, 250)
            #expect(client.get("/")?.status == 200)
            #expect(client.readToEnd() == ([], .closed))
        }

        @Test("many ranges of one file cost no more than the file")
        func rangeAbuse() throws {
            let bytes = ByteSlice([UInt8](repeating: 120, count: 10_000))
            let file = Representation(bytes, mediaType: .text)
            let router = Router { routes in
                routes.get("/file") { file.respond(to: $0) }
                routes.get("/") { _ in .text("hello") }
            }
            let server = try TestServer(
                {
                    $0.pace = .milliseconds(100)
                    $0.lingerMilliseconds = 50
                },
                configure: { $0.router = router })
            let other = server.client()
            let many = (0..<1000).map { "\($0)-" }.joined(separator: ",")
            let few = (0..<16).map { "\($0 * 600)-\($0 * 600 + 599)" }.joined(separator: ",")
            let overlapping = "0-9,5-15"
            for (ranges, status) in [(many, 200), (few, 206), (overlapping, 200)] {
                let answer = server.client().get("/file", fields: "Range: bytes=\(ranges)\r\n")
                #expect(answer?.status == status)
                #expect((answer?.body.count ?? .max) < 12_000)
            }
            let client = server.client(receiveBytes: 4096)
            let request = Array(
                "GET /file HTTP/1.1\r\nHost: a\r\nRange: bytes=\(few)\r\n\r\n".utf8)
            client.send((0..<400).flatMap { _ in request })
            for _ in 0..<20 { #expect(other.get("/")?.status == 200) }
            other.close()
            #expect(try server.becomesEmpty(), "who does not read them is gone")
        }

        // MARK: WebSocket

        static let messages: [([UInt8], [UInt8])] = [
            // A frame that is announced and trickles; one byte of a head, and no more.
            ([0x81, 0xFE, 0x03, 0xE8, 1, 2, 3, 4], [65]), ([0x81], []),
            // Fragments of nothing, with pings between them.
            (RawClient.frame(0x01, []), RawClient.frame(0x00, []) + RawClient.frame(0x89, [1])),
        ]

        @Test("a message that trickles is refused with 1008", arguments: messages)
        func slowMessage(start: [UInt8], drop: [UInt8]) throws {
            let server = try server { $0.heartbeatMilliseconds = 60_000 }
            let (client, _) = try server.socket()
            client.send(start)
            var last: RawFrame?
            for _ in 0..<1000 {
                client.send(drop)
                _ = poll(nil, 0, 2)
                guard client.hasInput(milliseconds: 3) else { continue }
                last = client.frame()
                if last?.opcode != 10 { break }
            }
            #expect(last?.opcode == 8 && last?.code == 1008)
        }

        @Test("a message that keeps the pace arrives, and the socket's heart goes on beating")
        func steadyMessage() throws {
            let server = try TestServer {
                $0.pace = TransferPace(
                    graceMilliseconds: 0, windowMilliseconds: 250, bytesPerSecondMin: 40)
                $0.heartbeatMilliseconds = 60_000
            }
            let (client, _) = try server.socket()
            let frame = RawClient.frame(0x81, [UInt8](repeating: 97, count: 1000))
            for start in stride(from: 0, to: frame.count, by: 10) {
                client.send(Array(frame[start..<min(start + 10, frame.count)]))
                _ = poll(nil, 0, 10)
            }
            #expect(client.frame()?.payload.count == 1000, "four windows and more")
            // Silence after a message is no slow message.
            _ = poll(nil, 0, 600)
            client.say("still open")
            #expect(client.frame()?.text == "still open")
        }

        @Test("a socket that does not take what it is told gets 4000, its queue full or not")
        func slowSocket() throws {
            let server = try server {
                $0.sendQueueBytesMax = 64 << 20
                $0.sendQueueFullMilliseconds = 100
                $0.closeHandshakeMilliseconds = 60_000
            }
            let (client, token) = try server.socket(receiveBytes: 4096)
            let text = ByteSlice([UInt8](repeating: 120, count: 1 << 20))
            for _ in 0..<16 {
                server.workers.perform(on: 0) { $0.send(text: text, to: token) }
            }
            try #require(
                eventually {
                    _ = client.read(1)
                    return (try? server.on { $0.connections[token]?.closing.isOpen }) == false
                })
            var last = client.frame()
            var whole = 0
            while let frame = last, frame.opcode == 1 {
                whole += 1
                last = client.frame()
            }
            #expect(last?.opcode == 8 && last?.code == 4000)
            #expect(whole < 16, "what it had not begun to get was dropped")
            client.sendClose(4000)
            #expect(client.readToEnd() == ([], .closed))
        }

        @Test("a handshake with content is refused")
        func handshakeContent() throws {
            let server = try server()
            let upgrade = RawClient.upgradeRequest.dropLast(1)
            for content in [
                "Content-Length: 1\r\n\r\na", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            ] {
                let client = server.client()
                client.send(upgrade + content)
                #expect(client.response()?.status == 400)
            }
            let client = server.client()
            client.send(upgrade + "Content-Length: 0\r\n\r\n")
            #expect(client.response()?.status == 101)
        }

        // MARK: Crowds

        @Test(
            "one limit for all workers; those beyond it are told, the others live",
            arguments: [1, 3])
        func full(workers: Int) throws {
            let server = try TestServer(workers: workers) {
                $0.connectionsMax = 4
                $0.turnedAwayMax = 2
            }
            let clients = (0..<4).map { _ in server.client() }
            for client in clients { #expect(client.get("/")?.status == 200) }
            for _ in 0..<50 {
                let late = server.client()
                let answer = late.response()
                #expect(answer?.status == 503 && answer?.closes == true)
                #expect(answer?.head.contains("Retry-After: 5\r\n") == true)
                #expect(answer?.text.contains(#""code":"unavailable""#) == true)
            }
            for client in clients { #expect(client.get("/")?.status == 200) }
            clients[0].close()
            #expect(eventually { server.client().get("/")?.status == 200 })
            for client in clients { client.close() }
            #expect(try server.becomesEmpty())
            #expect(server.server.admission.connectionCount == 0)
            for worker in 0..<workers {
                #expect(try server.on(worker: worker) { $0.turnedAway } == 0)
            }
        }

        @Test("one address has so many connections, and others are not its business")
        func address() throws {
            var limits = AddressLimits()
            limits.connectionsMax = 3
            limits.exempt = AddressRanges()
            let server = try TestServer(workers: 2) {
                $0.lingerMilliseconds = 50
            } configure: {
                $0.addressLimits = limits
            }
            let clients = (0..<3).map { _ in server.client() }
            for client in clients { #expect(client.get("/")?.status == 200) }
            for _ in 0..<10 {
                let late = server.client()
                let answer = late.response()
                #expect(answer?.status == 429 && answer?.closes == true)
                #expect(answer?.head.contains("Retry-After: 5\r\n") == true)
                #expect(answer?.text.contains(#""code":"rate_limited""#) == true)
            }
            #expect(server.client(from: 0x7F00_0002).get("/")?.status == 200)
            clients[1].reset()
            #expect(eventually { server.client().get("/")?.status == 200 })
            for client in clients { client.close() }
            #expect(try server.becomesEmpty())
            #expect(server.server.admission.addresses?.addressCount == 0)
            #expect(server.server.admission.connectionCount == 0)
        }
    }
}
