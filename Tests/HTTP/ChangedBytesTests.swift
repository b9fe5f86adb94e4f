// Seeded changes to the bytes of good and bad messages: what comes out must not depend on how the
// bytes arrived, and nothing may trap.

import MizuBytes
import MizuHTTP
import MizuTestSupport
import Testing

@Suite("Messages with changed bytes")
struct ChangedBytesTests {
    private let seeds = [
        "GET /a/b?x=1 HTTP/1.1\r\nHost: h:80\r\nAccept-Encoding: gzip;q=0.5, *\r\n\r\n",
        "POST http://[::1]:1/ HTTP/1.1\r\nHost: [::1]:1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.0\r\nContent-Length: 12\r\nConnection: keep-alive, x\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: a.b\r\nExpect: 100-continue\r\nUpgrade: x\r\n\r\n",
        "\r\nCONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nRange: bytes=0-1,-5\r\n\r\n",
    ]
    private let pieces = [
        "\r\n", "\n", "\r", " ", "\t", ":", "\u{0}", "\u{7f}", "chunked", "Content-Length: 1\r\n",
        "Transfer-Encoding: chunked\r\n", "Host: x\r\n", "%", "?", "/", "[", "@", ",", "HTTP/1.1",
        "0", "18446744073709551616", "\u{e9}",
    ]

    private func changed(_ seed: String, _ generator: inout SeededGenerator) -> [UInt8] {
        var bytes = Array(seed.utf8)
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            let at = Int.random(in: 0...bytes.count, using: &generator)
            switch Int.random(in: 0..<4, using: &generator) {
            case 0:
                let piece = pieces.randomElement(using: &generator) ?? ""
                bytes.insert(contentsOf: piece.utf8, at: at)
            case 1 where at < bytes.count: bytes.remove(at: at)
            case 2 where at < bytes.count:
                bytes[at] = UInt8.random(in: 0...255, using: &generator)
            default: bytes.removeSubrange(at..<min(bytes.count, at + 3))
            }
        }
        return bytes
    }

    @Test("heads: whole, byte by byte and at random cuts agree")
    func heads() {
        var generator = SeededGenerator(seed: 2_026)
        var heads = 0
        for round in 0..<1_500 {
            let bytes = changed(seeds[round % seeds.count], &generator)
            let whole = parse(bytes, cuts: [])
            let cut = Int.random(in: 0...bytes.count, using: &generator)
            #expect(parse(bytes, cuts: [cut]) == whole, "\(bytes)")
            if round % 10 == 0 {
                #expect(parse(bytes, cuts: Array(0..<bytes.count)) == whole, "\(bytes)")
            }
            if case .head = whole.outcome { heads += 1 }
        }
        // The changes are mild enough to reach both sides.
        #expect(heads > 100 && heads < 1_400)
    }

    @Test("chunks: whole and byte by byte agree, on content and on the refusal")
    func chunks() {
        let seed = "5;x=y\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\nX: y\r\n\r\nrest"
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<1_500 {
            let bytes = changed(seed, &generator)
            let (whole, single) = (decode(bytes, step: bytes.count), decode(bytes, step: 1))
            #expect(whole == single, "\(bytes)")
        }
    }

    private func decode(_ bytes: [UInt8], step: Int) -> String {
        againstUnreadablePage(bytes) { whole in
            var reader = BodyReader(.chunked, limits: HTTPLimits(bodyBytesMax: 100))
            var body = ByteBuffer(capacity: 8)
            var at = 0
            while at < whole.count {
                let part = UnsafeRawBufferPointer(rebasing: whole[at..<min(whole.count, at + step)])
                switch reader.read(part, into: &body) {
                case .needMore(let consumed): at += consumed
                case .complete(let consumed):
                    return "\(at + consumed) " + String(decoding: body.readable, as: UTF8.self)
                case .reject(let reject): return "\(reject)"
                }
            }
            return "more " + String(decoding: body.readable, as: UTF8.self)
        }
    }
}
