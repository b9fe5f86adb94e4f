// Who does not go on is not waited for: each deadline with a limit of tens of milliseconds, met by a
// client that does nothing, or just enough to seem alive.

import Glibc
import MizuBytes
import MizuHTTP
import Testing

@testable import MizuServer

extension ServerStorey {
    @Suite("Deadlines") struct DeadlineTests {
        static let post = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"

        @Test("a connection that says nothing, at first or between requests, is closed")
        func idle() throws {
            let server = try TestServer { $0.idleMilliseconds = 50 }
            let silent = server.client()
            #expect(silent.readToEnd() == ([], .closed))
            let once = server.client()
            #expect(once.get("/")?.status == 200)
            #expect(once.readToEnd() == ([], .closed))
            #expect(try server.becomesEmpty())
        }

        @Test("a head or a body that stops is answered 408 and the connection closed")
        func stopped() throws {
            let server = try TestServer {
                $0.headMilliseconds = 50
                $0.pace = .milliseconds(50)
            }
            for part in ["GET / HTT", "GET / HTTP/1.1\r\nHost: a\r\n", Self.post + "abc"] {
                let client = server.client()
                client.send(part)
                let answer = client.response()
                #expect(answer?.status == 408 && answer?.closes == true)
                #expect(client.readToEnd() == ([], .closed))
            }
            #expect(try server.becomesEmpty())
        }

        @Test(
            "bytes that trickle in do not put off the end of a head or a body",
            arguments: ["GET /", "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n\r\n"])
        func trickle(start: String) throws {
            let server = try TestServer {
                $0.headMilliseconds = 100
                $0.pace = .milliseconds(100)
                $0.lingerMilliseconds = 100
            }
            let client = server.client()
            client.send(start)
            for _ in 0..<1000 {
                guard client.send("a") else { break }
                _ = poll(nil, 0, 5)
            }
            // Five seconds of trickling would have been taken if each byte counted.
            #expect(!client.send("a"))
            #expect(try server.becomesEmpty())
        }

        @Test("a handler that does not answer is answered for with 503")
        func handler() throws {
            let server = try TestServer { $0.handlerMilliseconds = 50 }
            let client = server.client()
            let answer = client.get("/later")
            #expect(answer?.status == 503 && answer?.closes == true)
            server.workers.respond(to: try server.later.next(), .text("too late"))
            #expect(client.readToEnd() == ([], .closed))
        }

        @Test("who does not read what it asked for is dropped")
        func writeStall() throws {
            let server = try TestServer { $0.pace = .milliseconds(100) }
            let client = server.client(receiveBytes: 4096)
            client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try server.becomesEmpty())
        }

        @Test("asking for more does not put off the end of who does not read")
        func stallIsNotStretched() throws {
            let server = try TestServer {
                $0.pace = .milliseconds(200)
                $0.idleMilliseconds = 60_000
                $0.sendQueueBytesMax = 64 << 20
                $0.sendQueueMessagesMax = 1 << 20
            }
            let client = server.client(receiveBytes: 4096)
            client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
            var sent = 0
            while sent < 500, client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n") {
                sent += 1
                _ = poll(nil, 0, 10)
            }
            #expect(sent < 500, "dropped while it went on asking")
        }

        @Test("who does not end a connection that is over is not waited for")
        func linger() throws {
            let server = try TestServer { $0.lingerMilliseconds = 50 }
            let client = server.client()
            client.send("GET / HTTP/1.0\r\n\r\n")
            #expect(client.response()?.status == 200)
            #expect(try server.becomesEmpty())
        }

        @Test("a last answer that filled the queue ends as soon as the peer ends")
        func lingerAfterFullQueue() throws {
            let server = try TestServer {
                $0.lingerMilliseconds = 60_000
                $0.sendQueueBytesMax = 64 << 10
            }
            let client = server.client(receiveBytes: 4096)
            client.send("GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            try #require(
                eventually {
                    (try? server.on { worker in
                        var isFull = false
                        worker.connections.forEach {
                            isFull = isFull || $0.flags.contains(.queueFull)
                        }
                        return isFull
                    }) == true
                })
            client.send([UInt8](repeating: 120, count: 100_000))
            #expect(client.response()?.body.count == 8 << 20)
            #expect(client.readToEnd() == ([], .closed))
            client.close()
            #expect(try server.becomesEmpty())
        }

        // MARK: WebSocket

        @Test("a silent socket gets a word, and is gone when it stays silent")
        func heartbeat() throws {
            let server = try TestServer {
                $0.heartbeatMilliseconds = 50
                $0.silenceMilliseconds = 400
            }
            let (client, token) = try server.socket()
            let first = client.frame()
            #expect(first?.text == "still here")
            var last: RawFrame?
            while let frame = client.frame() { last = frame }
            #expect(last != nil)
            #expect(client.ending == .closed || client.ending == .reset)
            #expect(eventually { server.recorder.closed == [token] })
        }

        @Test("a pong is a sign of life")
        func alive() throws {
            let server = try TestServer {
                $0.heartbeatMilliseconds = 50
                $0.silenceMilliseconds = 1000
            }
            let (client, _) = try server.socket()
            var pings = 0
            while pings < 25, let frame = client.frame() {
                guard frame.opcode == 9 else { continue }
                pings += 1
                client.send(RawClient.frame(0x8A, frame.payload))
            }
            #expect(pings == 25, "lived longer than the silence limit")
        }

        @Test("who does not answer our close is dropped, also while the queue is full")
        func closeHandshake() throws {
            let server = try TestServer {
                $0.closeHandshakeMilliseconds = 50
                $0.sendQueueFullMilliseconds = 60_000
            }
            let (polite, _) = try server.socket()
            polite.say("bye")
            #expect(polite.frame()?.code == 1000)
            #expect(polite.readToEnd() == ([], .closed))
            let (client, deaf) = try server.socket(receiveBytes: 4096)
            defer { client.close() }
            server.workers.perform(on: 0) { worker in
                let text = ByteSlice([UInt8](repeating: 120, count: 16 << 20))
                worker.send(text: text, to: deaf)
                worker.close(deaf, code: 1000, reason: "")
            }
            #expect(eventually { server.recorder.closed.count == 2 })
        }
    }
}
