// Clients that keep their compressor's window (RFC 7692 §7.1.1.2), where the server's memory allows
// some: how many may, what is told to the others, and that a window is its connection's own.

import MizuBytes
import MizuEventLoop
import MizuWebSocket
import Testing

@testable import MizuServer

extension ServerStorey {
    @Suite("RFC 7692 §7.1.1.2: clients that keep their windows") struct KeptWindowTests {
        /// "Hello", and five bytes back in the window (§7.2.3.1, §7.2.3.2).
        private static let hello: [UInt8] = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]
        private static let again: [UInt8] = [0xF2, 0x00, 0x11, 0x00, 0x00]

        /// A server where `count` connections of a worker may keep a window.
        private func server(windows count: Int) throws -> TestServer {
            try TestServer(configure: { configuration in
                configuration.deflate?.clientWindowBytesMax =
                    count * Inflater.memoryBytes(windowBits: DeflateParameters.windowBitsMax)
            })
        }

        /// A client that has offered what `offer` says, and the answer's parameters.
        private func open(_ server: TestServer, _ offer: String = "") -> (RawClient, String?) {
            let client = server.client()
            let field = "Sec-WebSocket-Extensions: permessage-deflate\(offer)\r\n\r\n"
            // A line's end is one character.
            client.send(String(RawClient.upgradeRequest.dropLast()) + field)
            let answer = client.response()
            #expect(answer?.status == 101)
            let name = "Sec-WebSocket-Extensions: "
            let line = answer?.head.split(separator: "\r\n").first { $0.hasPrefix(name) }
            return (client, line.map { String($0.dropFirst(name.count)) })
        }

        private func deflated(_ payload: [UInt8]) -> [UInt8] { RawClient.frame(0xC1, payload) }

        @Test("as many as there is memory for keep one; the next is told not to, until one leaves")
        func budget() throws {
            let server = try server(windows: 2)
            var keepers: [RawClient] = []
            for _ in 0..<2 {
                let (client, answer) = open(server)
                #expect(answer == "permessage-deflate")
                keepers.append(client)
            }
            let (late, answer) = open(server)
            #expect(answer == "permessage-deflate; client_no_context_takeover")
            for client in keepers {
                client.send(deflated(Self.hello) + deflated(Self.again) + deflated(Self.again))
                for _ in 0..<3 { #expect(client.frame()?.text == "Hello") }
            }
            late.send(deflated(Self.hello) + deflated(Self.again))
            #expect(late.frame()?.text == "Hello")
            #expect(late.frame()?.code == 1007)
            keepers.removeFirst().close()
            late.close()
            #expect(eventually { (try? server.connectionCount()) == 1 })
            #expect(open(server).1 == "permessage-deflate")
        }

        @Test("who lets us choose gets a window of 12 bits; who asks to keep none costs none")
        func sizes() throws {
            let server = try server(windows: 1)
            let (fresh, none) = open(server, "; client_no_context_takeover; client_max_window_bits")
            #expect(none == "permessage-deflate; client_no_context_takeover")
            let (small, answer) = open(server, "; client_max_window_bits")
            #expect(answer == "permessage-deflate; client_max_window_bits=12")
            for client in [fresh, small] {
                client.send(deflated(Self.hello))
                #expect(client.frame()?.text == "Hello")
            }
        }

        @Test("windows of several connections do not mix, and none keeps the message that it had")
        func apart() throws {
            let server = try server(windows: 8)
            let clients = (0..<8).map { _ in open(server).0 }
            let large = try #require(Self.zeros(1 << 20))
            for client in clients {
                client.send(RawClient.frame(0xC2, large))
                #expect(client.frame()?.payload.count == 1 << 20)
            }
            for client in clients {
                client.send(deflated(Self.hello) + deflated(Self.again))
                for _ in 0..<2 { #expect(client.frame()?.text == "Hello") }
            }
            let (held, bytes) = try server.on { worker in
                (
                    worker.state.pointee.ownInflaters.count,
                    worker.state.pointee.inflateOutput.capacityBytes
                )
            }
            #expect(held == 8)
            #expect(bytes <= 64 * 1024)
        }

        /// That many zeros, compressed.
        private static func zeros(_ count: Int) -> [UInt8]? {
            var payload = ByteBuffer(capacity: 4096)
            let isDone = [UInt8](repeating: 0, count: count).withUnsafeBytes {
                Deflater()?.deflate($0, context: .fresh, into: &payload)
            }
            return isDone == true ? [UInt8](payload.readable) : nil
        }
    }
}
