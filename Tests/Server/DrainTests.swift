// The end of a server: nobody new is let in, whoever asked is answered, sockets are told, and the
// end comes in time whatever the peers do.

import Glibc
import MizuBytes
import MizuHTTP
import Testing

@testable import MizuServer

extension ServerStorey {
    @Suite("Drain") struct DrainTests {
        @Test("idle connections close, and the server ends at once")
        func idle() throws {
            let server = try TestServer(drainMilliseconds: 60_000)
            let clients = (0..<10).map { _ in server.client() }
            for client in clients { #expect(client.get("/")?.status == 200) }
            server.server.drain()
            for client in clients { #expect(client.readToEnd() == ([], .closed)) }
            #expect(server.waitUntilFinished())
        }

        @Test("what is under way finishes, says close, and nobody new gets in")
        func underWay() throws {
            let server = try TestServer(drainMilliseconds: 60_000)
            let (later, body) = (server.client(), server.client())
            later.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
            body.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na")
            let exchange = try server.later.next()
            _ = try server.on { _ in 0 }
            server.server.drain()
            #expect(
                eventually { !server.client().isConnected },
                "the listeners are closed while the drain goes on")
            server.workers.respond(to: exchange, .text("late"))
            body.send("bc")
            for (client, text) in [(later, "late"), (body, "abc")] {
                let answer = client.response()
                #expect(answer?.text == text && answer?.closes == true)
                #expect(client.readToEnd() == ([], .closed))
                client.close()
            }
            #expect(server.waitUntilFinished())
        }

        @Test("a request that has reached the kernel when the drain begins is answered")
        func inTheKernel() throws {
            let server = try TestServer(drainMilliseconds: 60_000)
            let known = server.client()
            #expect(known.get("/")?.status == 200)
            let (reached, go) = (Box<Bool>(), Box<Bool>())
            let (inner, workers) = (server.server, server.workers)
            workers.perform(on: 0) { _ in
                // Posted here, both are mail of one tick: no event comes between them.
                workers.perform(on: 0) { _ in
                    reached.set(true)
                    _ = eventually { go.value != nil }
                }
                inner.drain()
            }
            try #require(eventually { reached.value != nil })
            let fresh = server.client()
            for client in [known, fresh] { client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n") }
            go.set(true)
            for client in [known, fresh] {
                let answer = client.response()
                #expect(answer?.text == "hello" && answer?.closes == true)
                client.close()
            }
            #expect(server.waitUntilFinished())
        }

        @Test("a kept connection whose answer is still going out ends behind it")
        func goingOut() throws {
            let server = try TestServer(drainMilliseconds: 60_000)
            let client = server.client(receiveBytes: 4096)
            client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
            try #require(
                eventually {
                    (try? server.on { worker in
                        var pending = 0
                        worker.connections.forEach { pending += $0.pendingBytes }
                        return pending
                    }) ?? 0 > 0
                })
            server.server.drain()
            #expect(client.response()?.body.count == 8 << 20)
            #expect(client.readToEnd() == ([], .closed))
            client.close()
            #expect(server.waitUntilFinished())
        }

        @Test("sockets are told, then closed with 1012; polite ones end the server at once")
        func sockets() throws {
            let server = try TestServer(drainMilliseconds: 60_000)
            let clients = try (0..<5).map { _ in try server.socket().0 }
            server.server.drain()
            for client in clients {
                #expect(client.frame()?.text == "going")
                #expect(client.frame()?.code == 1012)
                client.sendClose(1012)
                #expect(client.readToEnd() == ([], .closed))
                client.close()
            }
            #expect(server.waitUntilFinished())
            #expect(server.recorder.closed.count == 5)
        }

        @Test("the end comes in time when peers do nothing, and services hear of every socket")
        func stubborn() throws {
            let before = socketCount()
            let server = try TestServer(drainMilliseconds: 100) {
                $0.closeHandshakeMilliseconds = 60_000
            }
            let (client, token) = try server.socket()
            let waiting = server.client()
            waiting.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
            _ = try server.later.next()
            server.server.drain()
            #expect(server.waitUntilFinished())
            #expect(eventually { server.recorder.closed == [token] })
            _ = (client.readToEnd(), waiting.readToEnd())
            #expect(client.ending != .timedOut && waiting.ending != .timedOut)
            #expect(eventually { socketCount() <= before + 12 })
        }
    }
}
