// Peers that do not read, break off at every place, come in crowds; and what the server holds
// afterwards: nothing.

import CLinux
import Glibc
import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuTestSupport
import Testing

@testable import MizuServer

extension ServerStorey {
    @Suite("Faults") struct FaultTests {
        @Test("who asks much and reads nothing holds a bounded queue, and others are served")
        func neverReading() throws {
            let server = try TestServer()
            let limit = ServerLimits().sendQueueBytesMax
            let deaf = server.client(receiveBytes: 4096)
            let request = Array("GET /page HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
            // 1,000 answers of 64 KiB: far more than the kernel and the queue take.
            deaf.send((0..<1000).flatMap { _ in request })
            let other = server.client()
            for _ in 0..<20 { #expect(other.get("/")?.status == 200) }
            let pending = try server.on { worker in
                var most = 0
                worker.connections.forEach { most = max(most, $0.pendingBytes) }
                return most
            }
            #expect(pending <= limit + (128 << 10))
            // When it reads at last, all of it comes, in order and whole.
            var answers = 0
            while answers < 1000, deaf.response()?.body.count == 64 << 10 { answers += 1 }
            #expect(answers == 1000)
        }

        @Test("one tick's answers to many do not gather in one place")
        func arenaIsBounded() throws {
            let server = try TestServer()
            let sockets = try (0..<20).map { _ in try server.socket() }
            let tokens = sockets.map(\.1)
            let box = Box<Int>()
            let workers = server.workers
            workers.perform(on: 0) { _ in
                // Posted from the worker itself, all of these are mail of the next tick.
                for token in tokens {
                    workers.perform(on: 0) { worker in
                        let text = ByteSlice([UInt8](repeating: 120, count: 4000))
                        for _ in 0..<200 { worker.send(text: text, to: token) }
                    }
                }
                workers.perform(on: 0) { box.set($0.state.pointee.arena.count) }
            }
            try #require(eventually { box.value != nil })
            #expect(box.value ?? .max < 3 << 20)
            for (client, _) in sockets {
                for _ in 0..<200 { #expect(client.frame()?.payload.count == 4000) }
            }
        }

        static let steps: [[UInt8]] =
            [
                "", "G", "GET / HTTP/1.1\r\nHost: a", "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET",
                "GET /large HTTP/1.1\r\nHost: a\r\n\r\n",
                "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc",
                "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na",
            ].map { Array($0.utf8) }
            + [
                [], RawClient.frame(0x81, [65, 66]), RawClient.frame(0x01, [65, 66]), [0x81, 0x84],
            ]
            .map { Array(RawClient.upgradeRequest.utf8) + $0 }

        @Test("a reset, an end and a half-close at every step leave nothing behind")
        func everyStep() throws {
            let server = try TestServer { $0.lingerMilliseconds = 50 }
            for step in Self.steps {
                for way in 0..<3 {
                    let client = server.client()
                    client.send(step)
                    switch way {
                    case 0: client.reset()
                    case 1: client.close()
                    default:
                        client.halfClose()
                        _ = client.readToEnd()
                    }
                }
                let other = server.client()
                #expect(other.get("/")?.status == 200)
            }
            #expect(try server.becomesEmpty())
            #expect(server.recorder.opened.count == server.recorder.closed.count)
        }

        @Test("two thousand connections that break off anywhere leave no slot and no descriptor")
        func crowd() throws {
            let server = try TestServer(workers: 2) { $0.lingerMilliseconds = 50 }
            let before = socketCount()
            var random = SeededGenerator(seed: 42)
            var open: [RawClient] = []
            for _ in 0..<2000 {
                let client = server.client()
                #expect(client.isConnected)
                let step = Self.steps[random.next(below: Self.steps.count)]
                client.send(Array(step[..<random.next(below: step.count + 1)]))
                open.append(client)
                if open.count > 100 {
                    let victim = open.remove(at: random.next(below: open.count))
                    if random.next(below: 2) == 0 { victim.reset() } else { victim.close() }
                }
            }
            open.removeAll()
            // Some may still wait in the kernel when all that were accepted have gone.
            #expect(eventually { ServerFigures(server.server).sum(.connections) == 2000 })
            #expect(try server.becomesEmpty())
            // Other rooms' tests may hold a few sockets of their own.
            #expect(eventually { socketCount() <= before + 20 })
            #expect(server.recorder.opened.count == server.recorder.closed.count)
            // Whoever comes now gets a slot that was used before.
            let slots = try (0..<2).map { try server.on(worker: $0) { $0.connections.slotCount } }
            for _ in 0..<100 { #expect(server.client().get("/")?.status == 200) }
            for (worker, count) in slots.enumerated() {
                #expect(try server.on(worker: worker) { $0.connections.slotCount } <= count + 8)
            }
        }

        @Test("beyond the limit of connections new ones get 503, and old ones are served")
        func tooMany() throws {
            let server = try TestServer { $0.workerConnectionsMax = 3 }
            let clients = (0..<3).map { _ in server.client() }
            for client in clients { #expect(client.get("/")?.status == 200) }
            let late = server.client()
            let refusal = late.response()
            #expect(refusal?.status == 503 && refusal?.closes == true)
            #expect(refusal?.head.contains("Retry-After: ") == true)
            #expect(late.readToEnd() == ([], .closed))
            clients[0].close()
            #expect(
                eventually {
                    let client = server.client()
                    return client.get("/")?.status == 200
                })
            #expect(clients[1].get("/")?.status == 200)
        }

        /// What a worker keeps of a connection that waits, in bytes.
        static var connectionBytes: Int {
            // With the word that malloc keeps for itself, in its steps of 16. Not what
            // `malloc_usable_size` tells: a piece that was free before may be one step larger.
            let object = (MemoryLayout<ConnectionState>.size + 8 + 15) & ~15
            // An entry of the slot table is a pointer and a generation, one of the wheel 16 bytes.
            return object + 8 + 4 + 16
        }

        @Test("a connection that waits takes little")
        func footprint() {
            // A TLS one takes 64 more, and what OpenSSL keeps (Tests/Transport).
            #expect(Self.connectionBytes <= 156)
        }
    }
}
