// The end of a server: nobody new is let in, whoever asked is answered, sockets are told, and the
// end comes in time whatever the peers do. On the loopback, but for what the kernel's queues hold.

import Glibc
import MizuBytes
import MizuHTTP
import Testing

@testable import MizuServer

@Suite("Drain") struct DrainTests {
    @Test("idle connections have a quarter of a second to ask, and then the server ends")
    func idle() throws {
        let loop = try Loopback(configure: { $0.drainMilliseconds = 60_000 })
        let clients = (0..<10).map { _ in loop.client() }
        for client in clients { #expect(client.get("/")?.status == 200) }
        loop.drain()
        loop.wait(milliseconds: 200)
        let answer = clients[0].get("/")
        #expect(answer?.text == "hello" && answer?.closes == true)
        clients[0].close()
        for client in clients.dropFirst() { #expect(client.readToEnd() == ([], .closed)) }
        #expect(loop.hasEnded && loop.elapsed >= 250 && loop.elapsed <= 300)
    }

    @Test("what is under way finishes and says close")
    func underWay() throws {
        let loop = try Loopback(configure: { $0.drainMilliseconds = 60_000 })
        let (later, body) = (loop.client(), loop.client())
        later.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
        body.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na")
        let exchange = try loop.later.next()
        loop.drain()
        loop.wait(milliseconds: 1_000)
        loop.workers.respond(to: exchange, .text("late"))
        body.send("bc")
        for (client, text) in [(later, "late"), (body, "abc")] {
            let answer = client.response()
            #expect(answer?.text == text && answer?.closes == true)
            #expect(client.readToEnd() == ([], .closed))
            client.close()
        }
        #expect(loop.hasEnded)
    }

    @Test("a kept connection whose answer is still going out ends after it")
    func goingOut() throws {
        let loop = try Loopback(configure: { $0.drainMilliseconds = 60_000 })
        let client = loop.narrowClient()
        client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        var pending = 0
        loop.worker.connections.forEach { pending += $0.pendingBytes }
        #expect(pending > 0)
        loop.drain()
        #expect(client.response()?.body.count == 8 << 20)
        #expect(client.readToEnd() == ([], .closed))
        client.close()
        #expect(loop.hasEnded && loop.elapsed == 0)
    }

    @Test("sockets are told, then closed with 1012; polite ones end the server at once")
    func sockets() throws {
        let loop = try Loopback(configure: { $0.drainMilliseconds = 60_000 })
        let clients = try (0..<5).map { _ in try loop.socket().0 }
        loop.drain()
        for client in clients {
            #expect(client.frame()?.text == "going")
            #expect(client.frame()?.code == 1012)
            client.sendClose(1012)
            #expect(client.readToEnd() == ([], .closed))
            client.close()
        }
        #expect(loop.hasEnded && loop.elapsed == 0)
        #expect(loop.recorder.closed.count == 5)
    }

    @Test("a crowd of sockets is told in slices, and others are served between them")
    func slices() throws {
        let loop = try Loopback(configure: { $0.drainMilliseconds = 60_000 })
        let sockets = try (0..<1_200).map { _ in try loop.socket().0 }
        let asking = loop.client()
        asking.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
        loop.server.drain()
        var told: [Int] = []
        while loop.step() {
            told.append(sockets.count { $0.pipe.receivableBytes > 0 })
            if told.count == 1 {
                loop.workers.respond(to: try loop.later.next(), .text("between"))
            }
            if told.count == 2 { #expect(asking.pipe.receivableBytes > 0) }
        }
        #expect(told.prefix(3) == [512, 1_024, 1_200])
    }

    @Test("the end comes in time when peers do nothing, and services hear of every socket")
    func stubborn() throws {
        let loop = try Loopback {
            $0.closeHandshakeMilliseconds = 60_000
        } configure: {
            $0.drainMilliseconds = 5_000
        }
        let (client, token) = try loop.socket()
        let waiting = loop.client()
        waiting.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
        _ = try loop.later.next()
        loop.drain()
        #expect(loop.wait(milliseconds: 60_000) { loop.hasEnded })
        #expect(loop.elapsed == 5_000)
        #expect(loop.recorder.closed == [token])
        _ = (client.readToEnd(), waiting.readToEnd())
        #expect(client.ending != .timedOut && waiting.ending != .timedOut)
    }
}

extension ServerStorey {
    @Suite("Drain with a listener") struct ListenerDrainTests {
        @Test("nobody new gets in while the drain goes on")
        func nobodyNew() throws {
            let before = socketCount()
            let server = try TestServer(drainMilliseconds: 60_000)
            let client = server.client()
            client.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
            let exchange = try server.later.next()
            server.server.drain()
            #expect(
                eventually { !server.client().isConnected },
                "the listeners are closed while the drain goes on")
            server.workers.respond(to: exchange, .text("late"))
            #expect(client.response()?.text == "late")
            client.close()
            #expect(server.waitUntilFinished())
            #expect(eventually { socketCount() <= before + 12 })
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
    }
}
