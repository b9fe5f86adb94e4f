// Answers that are made while they are taken: framing, backpressure, other threads, and every way
// in which they do not come to their end. RFC 9112 §6, §7.1.

import MizuBytes
import MizuHTTP
import MizuRouting
import Synchronization
import Testing

@testable import MizuServer

/// A maker of `parts` parts of one size, which counts.
private final class Maker: Sendable {
    let asked = Atomic<Int>(0)
    let gone = Atomic<Int>(0)
    let takers = Mutex<[BodyStream.Taker]>([])
    let part: ByteSlice
    let parts: Int

    init(parts: Int, of count: Int) {
        self.parts = parts
        part = ByteSlice([UInt8](repeating: 97, count: count))
    }

    func stream(
        count: Int? = nil, ending: BodyStream.Part = .end, waits: Bool = false
    ) -> BodyStream {
        BodyStream(count: count, gone: { self.gone.add(1, ordering: .relaxed) }) { taker in
            let number = self.asked.add(1, ordering: .relaxed).newValue
            if waits, number % 2 == 1 {
                self.takers.withLock { $0.append(taker) }
                return .later
            }
            return number <= self.parts * (waits ? 2 : 1) ? .bytes(self.part) : ending
        }
    }
}

/// Content and whether its last chunk came.
private func unchunked(_ bytes: [UInt8]) -> (count: Int, isWhole: Bool) {
    let text = bytes
    guard let start = text.firstRange(of: [13, 10, 13, 10])?.upperBound else {
        return (0, false)
    }
    var (at, count) = (start, 0)
    while at < text.count {
        guard let end = text[at...].firstRange(of: [13, 10]) else { return (count, false) }
        let digits = String(decoding: text[at..<end.lowerBound], as: UTF8.self)
        guard let size = Int(digits, radix: 16) else { return (count, false) }
        at = end.upperBound + size + 2
        if size == 0 { return (count, at == text.count) }
        count += size
    }
    return (count, false)
}

private func request(_ version: String = "1.1", _ fields: String = "") -> String {
    "GET /made HTTP/\(version)\r\nHost: a\r\n\(fields)\r\n"
}

extension ServerStorey {
    @Suite("Answers that are made while they are taken") struct StreamTests {
        private func server(_ stream: @escaping @Sendable () -> BodyStream) throws -> TestServer {
            try TestServer(configure: {
                $0.router = Router { routes in
                    routes.get("/") { _ in .text("hello") }
                    routes.get("/made") { _ in
                        Response(status: .ok, mediaType: .octets, body: .stream(stream()))
                    }
                }
            })
        }

        @Test("chunks where the length is not known, and the connection goes on behind them")
        func chunks() throws {
            let maker = Maker(parts: 300, of: 10_000)
            let server = try server { maker.stream() }
            let client = server.client()
            client.send(request() + "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            let all = client.readToEnd().bytes
            let second = try #require(all.firstRange(of: Array("0\r\n\r\nHTTP/1.1".utf8)))
            let first = Array(all[..<(second.lowerBound + 5)])
            #expect(String(decoding: first.prefix(400), as: UTF8.self).contains("chunked"))
            #expect(unchunked(first) == (3_000_000, true))
            #expect(String(decoding: all.suffix(5), as: UTF8.self) == "hello")
            #expect(maker.gone.load(ordering: .relaxed) == 0)
        }

        @Test("a length that is known is told; HTTP/1.0 has the connection's end; HEAD has no body")
        func framing() throws {
            let server = try server { Maker(parts: 10, of: 1_000).stream(count: 10_000) }
            let client = server.client()
            client.send(request())
            #expect(client.response()?.body.count == 10_000)
            let unknown = try self.server { Maker(parts: 10, of: 1_000).stream() }
            let old = unknown.client()
            old.send(request("1.0", "Connection: keep-alive\r\n"))
            let (bytes, ending) = old.readToEnd()
            let text = String(decoding: bytes, as: UTF8.self)
            let content = String(repeating: "a", count: 10_000)
            #expect(ending == .closed && text.hasSuffix("\r\n\r\n" + content))
            #expect(!text.contains("Content-Length") && !text.contains("chunked"))
            let head = unknown.client()
            head.send("HEAD /made HTTP/1.1\r\nHost: a\r\n\r\n")
            let told = head.response(toHead: true)?.head
            #expect(told?.contains("Transfer-Encoding: chunked") == true)
            #expect(head.get("/")?.text == "hello")
        }

        @Test("a body that is longer or shorter than was told, or fails, ends in a reset")
        func failures() throws {
            let makers: [@Sendable () -> BodyStream] = [
                { Maker(parts: 10, of: 1_000).stream(count: 10_001) },
                { Maker(parts: 11, of: 1_000).stream(count: 10_000) },
                { Maker(parts: 10, of: 1_000).stream(ending: .failed) },
            ]
            for make in makers {
                let server = try server { make() }
                let client = server.client()
                client.send(request())
                let (bytes, ending) = client.readToEnd()
                #expect(ending == .reset)
                #expect(!unchunked(bytes).isWhole)
                #expect(try server.becomesEmpty())
            }
        }

        @Test("a maker that has nothing yet is asked again when it says so, from any thread")
        func later() throws {
            let maker = Maker(parts: 20, of: 5_000)
            let server = try server { maker.stream(waits: true) }
            let client = server.client()
            client.send(request("1.1", "Connection: close\r\n"))
            for _ in 0..<21 {
                var taker: BodyStream.Taker?
                #expect(
                    eventually {
                        taker = maker.takers.withLock { $0.popLast() }
                        return taker != nil
                    })
                taker?.resume()
                taker?.resume()
            }
            #expect(unchunked(client.readToEnd().bytes) == (100_000, true))
        }

        @Test("a large answer is compressed in slices, beside which others are served")
        func packed() throws {
            let server = try TestServer(configure: {
                $0.router = Router { routes in
                    routes.get("/") { _ in .text("hello") }
                    routes.get("/made") { _ in
                        .json(ByteSlice([UInt8](repeating: 120, count: 8 << 20)))
                    }
                }
            })
            let client = server.client()
            client.send(request("1.1", "Accept-Encoding: gzip\r\nConnection: close\r\n"))
            let bytes = client.readToEnd().bytes
            let head = String(decoding: bytes.prefix(500), as: UTF8.self)
            #expect(head.contains("Content-Encoding: gzip\r\n") && head.contains("chunked"))
            #expect(head.contains("Vary: Accept-Encoding"))
            let (count, isWhole) = unchunked(bytes)
            #expect(isWhole && count < 100_000)
            client.close()
            let old = server.client()
            old.send(request("1.0", "Accept-Encoding: gzip\r\n"))
            #expect(old.response()?.body.count == 8 << 20, "as it is, with its length")
            #expect(eventually { server.server.memory.bytes == 0 })
            #expect(try server.on { $0.state.pointee.streams.packers } == 0)
        }
    }
}

@Suite("Who takes an answer that is made, and how") struct StreamPaceTests {
    private func makeLoop(_ stream: @escaping @Sendable () -> BodyStream) throws -> Loopback {
        try Loopback(configure: {
            $0.router = Router { routes in
                routes.get("/") { _ in .text("hello") }
                routes.get("/made") { _ in
                    Response(status: .ok, mediaType: .octets, body: .stream(stream()))
                }
            }
        })
    }

    @Test("who does not read is not made anything for; who reads on gets all of it")
    func backpressure() throws {
        let maker = Maker(parts: 200, of: 64 << 10)
        let loop = try makeLoop { maker.stream() }
        let client = loop.narrowClient()
        client.send(request("1.1", "Connection: close\r\n"))
        let asked = maker.asked.load(ordering: .relaxed)
        #expect(asked > 0 && asked < 20, "a window, not 12 MB")
        loop.wait(milliseconds: 5_000)
        #expect(maker.asked.load(ordering: .relaxed) == asked)
        #expect(loop.server.memory.bytes <= 1 << 20)
        #expect(unchunked(client.readToEnd().bytes) == (200 * (64 << 10), true))
    }

    @Test("the maker is told once where the peer goes before the end", arguments: [true, false])
    func gone(isAsked: Bool) throws {
        let maker = Maker(parts: 1_000, of: 64 << 10)
        let loop = try makeLoop { maker.stream(waits: !isAsked) }
        let client = loop.narrowClient()
        client.send(request())
        #expect(maker.asked.load(ordering: .relaxed) > 0)
        client.reset()
        #expect(maker.gone.load(ordering: .relaxed) == 1)
        #expect(loop.connectionCount == 0)
        maker.takers.withLock { for taker in $0 { taker.resume() } }
        #expect(loop.client().get("/")?.status == 200)
        #expect(maker.gone.load(ordering: .relaxed) == 1)
    }

    @Test("a maker that stays away for too long ends the connection")
    func silence() throws {
        let maker = Maker(parts: 20, of: 5_000)
        let loop = try makeLoop { maker.stream(waits: true) }
        let client = loop.client()
        client.send(request())
        #expect(client.readToEnd().ending == .reset)
        #expect(loop.elapsed >= 60_000 && loop.elapsed < 60_100)
        #expect(maker.gone.load(ordering: .relaxed) == 1)
    }

    @Test("who takes a made answer too slowly is reset, and its maker told")
    func slow() throws {
        let maker = Maker(parts: 1_000, of: 64 << 10)
        let loop = try makeLoop { maker.stream() }
        let client = loop.narrowClient()
        client.send(request())
        #expect(loop.becomesEmpty(within: 28_000))
        #expect(maker.gone.load(ordering: .relaxed) == 1)
        #expect(client.readToEnd().ending == .reset)
    }
}
