// What a public port meets: peers that are slow in every way there is, crowds, and one address that
// wants everything. Each is shed while others are served. Who is slow is tested on the loopback, by
// the pace of a public port; who comes in crowds, on sockets, because they stand at the door.

import MizuBytes
import MizuDoor
import MizuEventLoop
import MizuHTTP
import MizuRouting
import MizuTransport
import Testing

@testable import MizuServer

@Suite("Who is shed, and who is not") struct ShedTests {
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
        let loop = try Loopback()
        let (other, client) = (loop.client(), loop.client())
        client.send(start)
        while loop.elapsed < 60_000, client.send(drop) {
            #expect(other.get("/")?.status == 200)
            loop.wait(milliseconds: 500)
        }
        #expect(loop.elapsed < 28_000, "a minute of it was taken")
    }

    @Test("a body that keeps the pace goes on for as long as it takes")
    func steadyBody() throws {
        let loop = try Loopback()
        let client = loop.client()
        client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
        for _ in 0..<200 {
            client.send([UInt8](repeating: 97, count: 500))
            loop.wait(milliseconds: 999)
        }
        #expect(client.response()?.body.count == 100_000, "three minutes, twenty windows")
    }

    static let closing = ["", "Connection: close\r\n"]

    @Test("a reader that sips at a large answer is reset", arguments: closing)
    func slowReader(field: String) throws {
        let loop = try Loopback()
        let (other, client) = (loop.client(), loop.narrowClient())
        client.send("GET /large HTTP/1.1\r\nHost: a\r\n\(field)\r\n")
        while loop.elapsed < 60_000, loop.connectionCount > 1 {
            _ = client.read(1)
            #expect(other.get("/")?.status == 200)
            loop.wait(milliseconds: 100)
        }
        // What its own kernel had taken it may still read.
        #expect(loop.elapsed < 28_000 && client.readToEnd().ending == .reset)
    }

    @Test("a reader that keeps the pace gets all of it, whatever it takes", arguments: closing)
    func steadyReader(field: String) throws {
        let loop = try Loopback { $0.unwatchedAnswerBytesMax = 1000 }
        let client = loop.narrowClient()
        client.send("GET /page HTTP/1.1\r\nHost: a\r\n\(field)\r\n")
        // Buffers of 4 KiB between us: what it reads now left us some windows ago.
        for _ in 0..<100 {
            guard client.read(600) else { break }
            loop.wait(milliseconds: 1_000)
        }
        #expect(client.response()?.body.count == 64 << 10, "a hundred seconds, ten windows")
        #expect(field.isEmpty == (client.get("/")?.status == 200))
    }

    @Test("what the kernel took at once is watched too", arguments: closing)
    func hidden(field: String) throws {
        let loop = try Loopback { $0.unwatchedAnswerBytesMax = 1000 }
        var capacities = MemoryPipe.Capacities()
        (capacities.leaving, capacities.delivered) = (1 << 20, 4096)
        let client = loop.client(capacities)
        client.send("GET /page HTTP/1.1\r\nHost: a\r\n\(field)\r\n")
        #expect(loop.becomesEmpty(within: 28_000), "long before it was idle")
        let (bytes, ending) = client.readToEnd()
        #expect(ending == .reset && bytes.count < 64 << 10)
    }

    @Test("who took a large answer is idle afterwards, and goes on")
    func idleAfterwards() throws {
        let loop = try Loopback { $0.unwatchedAnswerBytesMax = 1000 }
        let client = loop.client()
        #expect(client.get("/page")?.status == 200)
        // Some windows later it is still there; then its idle time is over.
        loop.wait(milliseconds: 60_000)
        #expect(client.get("/")?.status == 200)
        let asked = loop.elapsed
        #expect(client.readToEnd() == ([], .closed))
        #expect(loop.elapsed - asked >= 75_000 && loop.elapsed - asked <= 75_100)
    }

    @Test("many ranges of one file cost no more than the file")
    func rangeAbuse() throws {
        let bytes = ByteSlice([UInt8](repeating: 120, count: 10_000))
        let file = Representation(bytes, mediaType: .text)
        let router = Router { routes in
            routes.get("/file") { file.respond(to: $0) }
            routes.get("/") { _ in .text("hello") }
        }
        let loop = try Loopback(configure: { $0.router = router })
        let other = loop.client()
        let many = (0..<1000).map { "\($0)-" }.joined(separator: ",")
        let few = (0..<16).map { "\($0 * 600)-\($0 * 600 + 599)" }.joined(separator: ",")
        let overlapping = "0-9,5-15"
        for (ranges, status) in [(many, 200), (few, 206), (overlapping, 200)] {
            let answer = loop.client().get("/file", fields: "Range: bytes=\(ranges)\r\n")
            #expect(answer?.status == status)
            #expect((answer?.body.count ?? .max) < 12_000)
        }
        let client = loop.narrowClient()
        let request = Array(
            "GET /file HTTP/1.1\r\nHost: a\r\nRange: bytes=\(few)\r\n\r\n".utf8)
        client.send((0..<400).flatMap { _ in request })
        for _ in 0..<20 { #expect(other.get("/")?.status == 200) }
        other.close()
        #expect(loop.becomesEmpty(within: 100_000), "who does not read them is gone")
    }

    // MARK: WebSocket

    static let messages: [([UInt8], [UInt8])] = [
        // A frame that is announced and trickles; one byte of a head, and no more.
        ([0x81, 0xFE, 0x03, 0xE8, 1, 2, 3, 4], [65]), ([0x81], []),
        // Fragments of nothing, with pings between them.
        (WireClient.frame(0x01, []), WireClient.frame(0x00, []) + WireClient.frame(0x89, [1])),
    ]

    @Test("a message that trickles is refused with 1008", arguments: messages)
    func slowMessage(start: [UInt8], drop: [UInt8]) throws {
        let loop = try Loopback()
        let (client, _) = try loop.socket()
        client.send(start)
        var last: RawFrame?
        while loop.elapsed < 60_000, last?.opcode != 8 {
            client.send(drop)
            guard client.hasInput(milliseconds: 500) else { continue }
            last = client.frame()
        }
        #expect(last?.opcode == 8 && last?.code == 1008 && loop.elapsed < 28_000)
    }

    @Test("a message that keeps the pace arrives, and the socket's heart goes on beating")
    func steadyMessage() throws {
        let loop = try Loopback()
        let (client, _) = try loop.socket()
        let frame = WireClient.frame(0x81, [UInt8](repeating: 97, count: 50_000))
        for start in stride(from: 0, to: frame.count, by: 600) {
            client.send(Array(frame[start..<min(start + 600, frame.count)]))
            loop.wait(milliseconds: 1_000)
        }
        var words = 0
        var answer = client.frame()
        while answer?.text == "still here" {
            words += 1
            answer = client.frame()
        }
        #expect(words >= 2)
        #expect(answer?.payload.count == 50_000, "eighty seconds, eight windows")
        // Silence after a message is no slow message.
        #expect(!client.hasInput(milliseconds: 20_000))
        client.say("still open")
        #expect(client.frame()?.text == "still open")
    }

    @Test("a socket that does not take what it is sent gets 4000, its queue full or not")
    func slowSocket() throws {
        let loop = try Loopback { $0.sendQueueBytesMax = 64 << 20 }
        let (client, token) = try loop.socket(narrow: true)
        let text = ByteSlice([UInt8](repeating: 120, count: 1 << 20))
        for _ in 0..<16 {
            // In one tick they would be one piece of output, which is begun.
            loop.perform { $0.send(text: text, to: token) }
        }
        while loop.elapsed < 100_000, loop.worker.connections[token]?.closing.isOpen == true {
            _ = client.read(1)
            loop.wait(milliseconds: 1_000)
        }
        #expect(loop.elapsed < 62_000)
        var frames: [RawFrame] = []
        while frames.last?.opcode != 8, let frame = client.frame() { frames.append(frame) }
        #expect(frames.last?.opcode == 8 && frames.last?.code == 4000)
        #expect(frames.count < 16, "what it had not begun to get was dropped")
        client.sendClose(4000)
        let (rest, ending) = client.readToEnd()
        #expect(rest.isEmpty && ending == .closed)
    }

    @Test("a handshake with content is refused")
    func handshakeContent() throws {
        let loop = try Loopback()
        let upgrade = WireClient.upgradeRequest.dropLast(1)
        for content in [
            "Content-Length: 1\r\n\r\na", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ] {
            let client = loop.client()
            client.send(upgrade + content)
            #expect(client.response()?.status == 400)
        }
        let client = loop.client()
        client.send(upgrade + "Content-Length: 0\r\n\r\n")
        #expect(client.response()?.status == 101)
    }
}

extension ServerStorey {
    @Suite("Crowds at the door") struct CrowdTests {
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
