import MizuBytes
import MizuEventLoop
import MizuWebSocket
import Testing

@testable import MizuServer

extension ServerStorey {
    /// Messages for many, through permessage-deflate and without.
    @Suite("Broadcasts on sockets")
    struct BroadcastTests {
        /// A socket that reads compressed messages, and the messages as they came.
        private struct Listener {
            let client: RawClient
            let token: Token
            let inflater = Inflater()

            /// The next message, inflated, and whether it came compressed.
            func next() -> (text: String, isCompressed: Bool)? {
                guard let frame = client.frame() else { return nil }
                guard frame.isCompressed else { return (frame.text, false) }
                return frame.payload.withUnsafeBytes { payload in
                    let outcome = inflater?.inflate(payload, limit: 1 << 20, context: .takenOver)
                    guard case .message(let bytes)? = outcome else { return nil }
                    return (String(decoding: bytes, as: UTF8.self), true)
                }
            }
        }

        private func listener(
            _ server: TestServer, offering offer: String?, receiveBytes: Int32? = nil
        ) throws -> Listener {
            let before = server.recorder.opened.count
            let client = server.client(receiveBytes: receiveBytes)
            if let offer {
                let head = try #require(client.upgrade(offering: offer))
                try #require(head.contains("permessage-deflate"))
            } else {
                try #require(client.upgrade())
            }
            try #require(eventually { server.recorder.opened.count > before })
            return Listener(client: client, token: server.recorder.opened[before])
        }

        private func tell(_ text: String, _ server: TestServer, _ tokens: [Token]) {
            server.workers.perform(on: 0) { worker in
                let ledger = worker.server.workers.queued
                var broadcast = Broadcast(
                    Publication(text: ByteSlice(text), charging: ledger), group: 7, tag: 1)
                for token in tokens {
                    worker.withRecipient(token) { recipient in
                        guard worker.makeRoom(for: recipient) == .free else { return }
                        broadcast.send(to: recipient, on: worker)
                    }
                }
                worker.end(broadcast)
            }
        }

        private static func message(_ number: Int) -> String {
            #"{"cursor":\#(number),"entity":"todo","id":"t\#(number)","data":{"title":"item"}}"#
        }

        @Test(
            "everyone reads every message, whatever was agreed, and the same bytes where possible")
        func kinds() throws {
            let server = try TestServer()
            let offers = [
                "permessage-deflate", "permessage-deflate; client_max_window_bits",
                "permessage-deflate; server_no_context_takeover",
                "permessage-deflate; server_max_window_bits=9", nil,
            ]
            let listeners = try offers.map { try listener(server, offering: $0) }
            for number in 0..<30 { tell(Self.message(number), server, listeners.map(\.token)) }
            var compressed = [Int](repeating: 0, count: offers.count)
            for number in 0..<30 {
                for (index, listener) in listeners.enumerated() {
                    let next = listener.next()
                    #expect(next?.text == Self.message(number))
                    if next?.isCompressed == true { compressed[index] += 1 }
                }
            }
            #expect(compressed[0] == 30 && compressed[1] == 30 && compressed[4] == 0)
            #expect(compressed[2] == 30 && compressed[3] == 30)
        }

        @Test("the answer never lets a client keep its window, unless there is memory for it")
        func clientContext() throws {
            let server = try TestServer()
            let head = server.client().upgrade(offering: "permessage-deflate")
            #expect(head?.contains("client_no_context_takeover") == true)
        }

        @Test("several messages of a tick and what else is sent then leave in order")
        func order() throws {
            let server = try TestServer()
            let listener = try listener(server, offering: nil)
            let token = listener.token
            server.workers.perform(on: 0) { worker in
                let ledger = worker.server.workers.queued
                let long = String(repeating: "x", count: 10_000)
                for number in 0..<50 {
                    if number % 7 == 3 { worker.send(text: ByteSlice("own\(number)"), to: token) }
                    let text = number % 5 == 4 ? "\(number)\(long)" : "shared\(number)"
                    let message = Publication(text: ByteSlice(text), charging: ledger)
                    worker.withRecipient(token) { worker.send(message, to: $0) }
                }
            }
            for number in 0..<50 {
                if number % 7 == 3 { #expect(listener.next()?.text == "own\(number)") }
                let text = try #require(listener.next()?.text)
                #expect(text.hasPrefix(number % 5 == 4 ? "\(number)x" : "shared\(number)"))
            }
        }

        @Test("frames that many hold are counted once, and not at all when nobody holds them")
        func ledger() throws {
            let server = try TestServer()
            let deaf = try (0..<4).map { _ in
                try listener(server, offering: nil, receiveBytes: 4096)
            }
            let tokens = deaf.map(\.token)
            let text = String(repeating: "y", count: 100_000)
            for _ in 0..<100 { tell(text, server, tokens) }
            // Whole frames are shared; a part that was begun is too.
            try #require(
                eventually {
                    (try? server.on { worker in
                        tokens.allSatisfy { worker.fill(of: $0)?.isFull == true }
                    }) == true
                })
            let held = server.workers.queued.bytes
            #expect(held > 1 << 20, "\(held)")
            #expect(held < 3 << 20, "\(held): shared by four, each may hold 1 MiB")
            for listener in deaf { listener.client.close() }
            #expect(eventually { server.workers.queued.bytes == 0 })
        }

        @Test("when all queues together are full, who has something waiting gets no more")
        func total() throws {
            let server = try TestServer {
                $0.sendQueueBytesMax = 64 << 20
                $0.sendQueueMessagesMax = 1 << 20
                $0.queuedBytesMax = 2 << 20
            }
            let deaf = try listener(server, offering: nil, receiveBytes: 4096)
            let good = try listener(server, offering: nil)
            let text = String(repeating: "z", count: 50_000)
            var heard = 0
            for _ in 0..<400 {
                tell(text, server, [deaf.token, good.token])
                if good.next()?.text.count == text.utf8.count { heard += 1 }
            }
            #expect(heard == 400)
            let held = server.workers.queued.bytes
            #expect(held > 1 << 20 && held < 3 << 20, "\(held)")
        }

        @Test("what is dropped from a queue by its tag takes the rest of the queue along in order")
        func dropping() throws {
            let server = try TestServer()
            let slow = try listener(server, offering: nil, receiveBytes: 4096)
            let token = slow.token
            let text = String(repeating: "w", count: 200_000)
            while try server.on({ $0.fill(of: token)?.isBlocked }) == false {
                tell(text, server, [token])
            }
            let dropped = try server.on { worker -> Int in
                let ledger = worker.server.workers.queued
                var dropped = -1
                worker.withRecipient(token) { recipient in
                    for number in 0..<6 {
                        let message = Publication(text: ByteSlice("n\(number)"), charging: ledger)
                        worker.send(message, to: recipient, tag: number % 2 == 0 ? 9 : 10)
                    }
                    dropped = worker.dropQueued(9, of: recipient)
                }
                return dropped
            }
            #expect(dropped == 3)
            var texts: [String] = []
            while texts.count < 3, let next = slow.next() {
                if next.text.utf8.count < 10 { texts.append(next.text) }
            }
            #expect(texts == ["n1", "n3", "n5"])
        }
    }
}
