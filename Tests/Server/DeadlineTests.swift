// Who does not go on is not waited for: each deadline of a public port, met by a client that does
// nothing, or just enough to seem alive. On the loopback, so that minutes pass in no time.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuTransport
import Testing

@testable import MizuServer

@Suite("Deadlines") struct DeadlineTests {
    static let post = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"

    /// Deadlines are met at most one tick of the timer wheel late, and never early.
    private func expect(
        _ elapsed: UInt64, isAfter milliseconds: UInt64,
        _ location: SourceLocation = #_sourceLocation
    ) {
        let late = TimerWheel.tickNanoseconds / 1_000_000 + 2
        #expect(
            elapsed >= milliseconds && elapsed <= milliseconds + late, sourceLocation: location)
    }

    @Test("a connection that says nothing, at first or between requests, is closed")
    func idle() throws {
        let loop = try Loopback()
        let silent = loop.client()
        #expect(silent.readToEnd() == ([], .closed))
        expect(loop.elapsed, isAfter: 75_000)
        let once = loop.client()
        #expect(once.get("/")?.status == 200)
        let asked = loop.elapsed
        #expect(once.readToEnd() == ([], .closed))
        expect(loop.elapsed - asked, isAfter: 75_000)
        #expect(loop.becomesEmpty(within: 3_000))
    }

    @Test("a request just before the end of its idle time is answered, and idles anew")
    func lastMoment() throws {
        let loop = try Loopback()
        let client = loop.client()
        for _ in 0..<3 {
            loop.wait(milliseconds: 74_900)
            #expect(client.get("/")?.status == 200)
        }
        let asked = loop.elapsed
        #expect(client.readToEnd() == ([], .closed))
        expect(loop.elapsed - asked, isAfter: 75_000)
    }

    static let stops: [(part: String, milliseconds: UInt64)] = [
        ("GET / HTT", 10_000), ("GET / HTTP/1.1\r\nHost: a\r\n", 10_000),
        // The grace and one window.
        (Self.post + "abc", 15_000),
    ]

    @Test("a head or a body that stops is answered 408 and the connection closed", arguments: stops)
    func stopped(part: String, milliseconds: UInt64) throws {
        let loop = try Loopback()
        let client = loop.client()
        client.send(part)
        let answer = client.response()
        expect(loop.elapsed, isAfter: milliseconds)
        #expect(answer?.status == 408 && answer?.closes == true)
        #expect(client.readToEnd() == ([], .closed))
        client.close()
        #expect(loop.connectionCount == 0)
    }

    @Test(
        "bytes that trickle in do not put off the end of a head or a body",
        arguments: ["GET /", "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n\r\n"])
    func trickle(start: String) throws {
        let loop = try Loopback()
        let client = loop.client()
        client.send(start)
        while loop.elapsed < 60_000, client.send("a") { loop.wait(milliseconds: 100) }
        // The grace, a window in which the first bytes came, another, and the time to read.
        #expect(loop.elapsed < 28_000)
        #expect(loop.becomesEmpty(within: 100))
    }

    @Test("a handler that does not answer is answered for with 503")
    func handler() throws {
        let loop = try Loopback()
        let client = loop.client()
        let answer = client.get("/later")
        expect(loop.elapsed, isAfter: 60_000)
        #expect(answer?.status == 503 && answer?.closes == true)
        loop.workers.respond(to: try loop.later.next(), .text("too late"))
        #expect(client.readToEnd() == ([], .closed))
    }

    @Test("who does not read what it asked for is dropped")
    func writeStall() throws {
        let loop = try Loopback()
        let client = loop.narrowClient()
        client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(loop.becomesEmpty())
        expect(loop.elapsed, isAfter: 15_000)
    }

    @Test("asking for more does not put off the end of who does not read")
    func stallIsNotStretched() throws {
        let loop = try Loopback {
            $0.sendQueueBytesMax = 64 << 20
            $0.sendQueueMessagesMax = 1 << 20
        }
        let client = loop.narrowClient()
        client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        while loop.elapsed < 60_000, client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n") {
            loop.wait(milliseconds: 500)
        }
        #expect(loop.elapsed < 27_000, "dropped while it went on asking")
    }

    @Test("who does not end a connection that is over is not waited for")
    func linger() throws {
        let loop = try Loopback()
        let client = loop.client()
        client.send("GET / HTTP/1.0\r\n\r\n")
        #expect(client.response()?.status == 200)
        #expect(loop.becomesEmpty())
        expect(loop.elapsed, isAfter: 2_000)
    }

    @Test("a last answer that filled the queue ends as soon as the peer ends")
    func lingerAfterFullQueue() throws {
        let loop = try Loopback { $0.sendQueueBytesMax = 64 << 10 }
        let client = loop.narrowClient()
        client.send("GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        var isFull = false
        loop.worker.connections.forEach { isFull = isFull || $0.flags.contains(.queueFull) }
        #expect(isFull)
        client.send([UInt8](repeating: 120, count: 100_000))
        #expect(client.response()?.body.count == 8 << 20)
        #expect(client.readToEnd() == ([], .closed))
        client.close()
        #expect(loop.connectionCount == 0 && loop.elapsed == 0)
    }

    // MARK: WebSocket

    @Test("a silent socket gets a word every 25 seconds, and is gone after 80")
    func heartbeat() throws {
        let loop = try Loopback()
        let (client, token) = try loop.socket()
        var words: [UInt64] = []
        while let frame = client.frame() {
            // The service's word, and a ping behind it.
            if frame.opcode == 9 { continue }
            #expect(frame.text == "still here")
            words.append(loop.elapsed)
        }
        #expect(words.count == 3)
        for (number, moment) in words.enumerated() {
            #expect(moment >= UInt64(number + 1) * 25_000 && moment <= UInt64(number + 1) * 25_100)
        }
        #expect(loop.elapsed >= 80_000 && loop.elapsed <= 105_000)
        #expect(client.ending != .timedOut)
        #expect(loop.recorder.closed == [token])
    }

    @Test("a pong is a sign of life")
    func alive() throws {
        let loop = try Loopback()
        let (client, token) = try loop.socket()
        var pings = 0
        while pings < 25, let frame = client.frame() {
            guard frame.opcode == 9 else { continue }
            pings += 1
            client.send(WireClient.frame(0x8A, frame.payload))
        }
        #expect(pings == 25 && loop.elapsed > 600_000, "lived longer than the silence limit")
        #expect(loop.worker.connections[token] != nil)
    }

    @Test("who does not answer our close is dropped, also while the queue is full")
    func closeHandshake() throws {
        let loop = try Loopback { $0.sendQueueFullMilliseconds = 60_000 }
        let (polite, _) = try loop.socket()
        polite.say("bye")
        #expect(polite.frame()?.code == 1000)
        #expect(polite.readToEnd() == ([], .closed))
        expect(loop.elapsed, isAfter: 5_000)
        let (client, deaf) = try loop.socket(narrow: true)
        let began = loop.elapsed
        let text = ByteSlice([UInt8](repeating: 120, count: 16 << 20))
        loop.perform { worker in
            worker.send(text: text, to: deaf)
            worker.close(deaf, code: 1000, reason: "")
        }
        #expect(loop.wait(milliseconds: 200_000) { loop.recorder.closed.count == 2 })
        expect(loop.elapsed - began, isAfter: 5_000)
        client.close()
    }
}
