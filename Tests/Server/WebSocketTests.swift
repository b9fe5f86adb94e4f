// WebSocket on real sockets (RFC 6455): messages, the closing handshake from both sides, full
// queues and who is told of them, mail between threads and workers.

import Glibc
import MizuBytes
import MizuEventLoop
import MizuWebSocket
import Testing

@testable import MizuServer

extension ServerStorey {
    @Suite("WebSocket on a socket") struct WebSocketTests {
        @Test("messages come back, whole, in fragments, byte by byte, and with pings between")
        func echo() throws {
            let server = try TestServer()
            let (client, _) = try server.socket()
            let large = String(repeating: "long ", count: 40_000)
            for text in ["", "a", "ä€😀", large] {
                client.say(text)
                #expect(client.frame()?.text == text)
            }
            client.send(RawClient.frame(0x01, [65]))
            client.send(RawClient.frame(0x89, [1, 2]))
            client.send(RawClient.frame(0x00, [66]))
            client.send(RawClient.frame(0x80, [67]))
            #expect(client.frame() == RawFrame(opcode: 10, payload: [1, 2]))
            #expect(client.frame()?.text == "ABC")
            for byte in RawClient.frame(0x82, Array("slowly".utf8)) { client.send([byte]) }
            #expect(client.frame() == RawFrame(opcode: 2, payload: Array("slowly".utf8)))
        }

        @Test("frames in the same packet as the handshake are heard")
        func framesBehindTheHandshake() throws {
            let server = try TestServer()
            let client = server.client()
            client.send(
                Array(RawClient.upgradeRequest.utf8) + RawClient.frame(0x81, [65])
                    + RawClient.frame(0x81, [66]) + RawClient.frame(0x88, [3, 232]))
            #expect(client.response()?.status == 101)
            #expect(client.frame()?.text == "A")
            #expect(client.frame()?.text == "B")
            #expect(client.frame()?.code == 1000)
            #expect(client.readToEnd() == ([], .closed))
        }

        @Test("a close is answered in kind; a violation with its code; then the socket ends")
        func closing() throws {
            let server = try TestServer { $0.messageBytesMax = 1000 }
            let cases: [([UInt8], Int)] = [
                (RawClient.frame(0x88, [3, 233]), 1001), (RawClient.frame(0x88, []), 0),
                (RawClient.frame(0x83, []), 1002), (RawClient.frame(0x81, [0xFF]), 1007),
                (RawClient.frame(0x82, [UInt8](repeating: 0, count: 1001)), 1009),
            ]
            for (bytes, code) in cases {
                let (client, _) = try server.socket()
                client.send(bytes + RawClient.frame(0x81, [65]))
                let frame = client.frame()
                #expect(frame?.opcode == 8 && frame?.code == code)
                #expect(client.readToEnd() == ([], .closed))
            }
            #expect(try server.becomesEmpty())
            #expect(server.recorder.closed.count == cases.count && server.recorder.heard.isEmpty)
        }

        @Test("after our close nothing more is said, and the peer's ends the socket")
        func closedByUs() throws {
            let server = try TestServer { $0.closeHandshakeMilliseconds = 60_000 }
            let (client, token) = try server.socket()
            client.say("bye")
            client.say("more")
            #expect(client.frame()?.code == 1000)
            server.workers.perform(on: 0) { $0.send(text: "too late", to: token) }
            client.sendClose(1000)
            #expect(client.readToEnd() == ([], .closed))
            client.close()
            #expect(try server.becomesEmpty())
            #expect(server.recorder.heard == ["bye"])
        }

        @Test("mail of one poster is read in its order; a worker reaches another")
        func performOrder() throws {
            let server = try TestServer(workers: 2)
            let recorder = server.recorder
            for number in 0..<1000 {
                server.workers.perform(on: 0) { _ in recorder.hear("\(number)") }
            }
            #expect(eventually { recorder.heard.count == 1000 })
            #expect(recorder.heard == (0..<1000).map { "\($0)" })
            let box = Box<Int>()
            let workers = server.workers
            workers.perform(on: 0) { _ in workers.perform(on: 1) { box.set($0.index) } }
            #expect(eventually { box.value == 1 })
        }

        @Test("work that a service cuts into slices goes on without anything happening outside")
        func slices() throws {
            let server = try TestServer()
            let clients = try (0..<10).map { _ in try server.socket().0 }
            clients[0].say("slices")
            for client in clients { #expect(client.frame()?.text == "slice") }
        }

        // MARK: Full queues

        /// A socket that takes nothing more, and whose kernel buffers are full.
        private func deaf(_ server: TestServer) throws -> (RawClient, Token) {
            let (client, token) = try server.socket(receiveBytes: 4096)
            for _ in 0..<200 {
                let fill = try server.on { worker in
                    let text = ByteSlice([UInt8](repeating: 120, count: 256 << 10))
                    if worker.fill(of: token)?.isBlocked == false {
                        worker.send(text: text, to: token)
                    }
                    return worker.fill(of: token)
                }
                if fill?.isBlocked == true { break }
            }
            return (client, token)
        }

        @Test("each message that waits counts once")
        func messagesAreCounted() throws {
            let server = try TestServer { $0.sendQueueMessagesMax = 100 }
            let (client, token) = try deaf(server)
            defer { client.close() }
            let before = try #require(try server.on { $0.fill(of: token)?.messages })
            for _ in 0..<10 {
                server.workers.perform(on: 0) { $0.send(text: "small", to: token) }
                server.workers.perform(on: 0) { worker in
                    let small = Publication(text: "small", charging: worker.server.workers.queued)
                    worker.withRecipient(token) { worker.send(small, to: $0) }
                }
            }
            let after = try server.on { $0.fill(of: token) }
            #expect(after?.messages == before + 20)
            #expect(after?.isFull == false)
        }

        @Test("a full queue stops reading; when it has room, all goes on and the service is told")
        func fullQueue() throws {
            let server = try TestServer { $0.sendQueueMessagesMax = 16 }
            let (client, token) = try deaf(server)
            for number in 0..<40 { client.say("m\(number)") }
            try #require(
                eventually {
                    (try? server.on { $0.connections[token]?.flags.contains(.queueFull) }) == true
                })
            #expect(server.recorder.heard.count <= 17)
            var texts: [String] = []
            while texts.count < 40, let frame = client.frame() {
                if frame.payload.count < 10 { texts.append(frame.text) }
            }
            #expect(texts == (0..<40).map { "m\($0)" })
            #expect(server.recorder.rooms > 0)
        }

        @Test("who stays full reads what was begun and then 4000")
        func tooSlow() throws {
            let server = try TestServer {
                $0.sendQueueMessagesMax = 4
                $0.sendQueueFullMilliseconds = 50
                $0.closeHandshakeMilliseconds = 60_000
            }
            let (client, token) = try deaf(server)
            for _ in 0..<8 {
                server.workers.perform(on: 0) { $0.send(text: "never seen", to: token) }
            }
            try #require(
                eventually {
                    (try? server.on { $0.connections[token]?.closing.isOpen }) == false
                })
            var last: RawFrame?
            while let frame = client.frame() {
                last = frame
                if frame.opcode == 8 { break }
                #expect(frame.payload.count == 256 << 10)
            }
            #expect(last?.opcode == 8 && last?.code == 4000)
            client.sendClose(4000)
            #expect(client.readToEnd() == ([], .closed))
            client.close()
            #expect(try server.becomesEmpty())
            #expect(server.recorder.closed == [token])
        }

        @Test("who stays full and never reads again is dropped")
        func tooSlowForEver() throws {
            let server = try TestServer {
                $0.sendQueueMessagesMax = 4
                $0.sendQueueFullMilliseconds = 50
                $0.closeHandshakeMilliseconds = 50
            }
            let (client, token) = try deaf(server)
            defer { client.close() }
            for _ in 0..<8 {
                server.workers.perform(on: 0) { $0.send(text: "never seen", to: token) }
            }
            #expect(eventually { server.recorder.closed == [token] })
        }
    }
}
