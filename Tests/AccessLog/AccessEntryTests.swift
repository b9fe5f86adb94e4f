// One line of the access log: both formats, and that nothing a peer sends can leave its field, begin
// a line or reach a terminal. What is secret never comes into an entry at all.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuTestSupport
import Testing

@testable import MizuAccessLog

@Suite("Lines of the access log")
struct AccessEntryTests {
    private static let start = Instant(nanoseconds: 5_000_000_000)
    private static let peer = PeerAddress.v4(address: 0x7F00_0001, port: 4242)

    /// The entry of a request; nil where the bytes are none.
    private static func entry(_ text: String) -> AccessEntry? { entry(Array(text.utf8)) }

    private static func entry(_ bytes: [UInt8]) -> AccessEntry? {
        bytes.withUnsafeBytes { bytes in
            var (parser, head) = (RequestParser(), RequestHead())
            guard case .head = parser.parse(bytes, into: &head, limits: .default) else {
                return nil
            }
            return AccessEntry(
                head, in: bytes, peer: peer, name: "7f3a", startMilliseconds: 971_186_136_007,
                start: start)
        }
    }

    private static func line(
        _ entry: AccessEntry, as format: AccessLogFormat, status: UInt16 = 200, bytes: Int = 2
    ) -> String {
        var line: [UInt8] = []
        let end = Instant(nanoseconds: start.nanoseconds + 12_345_678)
        entry.append(as: format, status: status, bytes: bytes, end: end, to: &line)
        return String(decoding: line, as: UTF8.self)
    }

    @Test("a request in JSON")
    func json() throws {
        var entry = try #require(
            Self.entry("GET /a/b?token=x HTTP/1.1\r\nHost: h\r\nUser-Agent: Me/1\r\n\r\n"))
        #expect(
            Self.line(entry, as: .json) == """
                {"time":"2000-10-10T13:55:36.007Z","peer":"127.0.0.1","method":"GET",\
                "path":"/a/b","protocol":"HTTP/1.1","status":200,"bytes":2,"duration_ms":12.3,\
                "user_agent":"Me/1","request_id":"7f3a"}\n
                """)
        (entry.user, entry.agent) = ("ann", [])
        #expect(
            Self.line(entry, as: .json).hasSuffix(
                #""duration_ms":12.3,"user":"ann","request_id":"7f3a"}"# + "\n"))
    }

    @Test("a request in the common log format")
    func common() throws {
        var entry = try #require(
            Self.entry("PURGE /a%20b?c HTTP/1.0\r\nHost: h\r\nUser-Agent: Me/1\r\n\r\n"))
        #expect(
            Self.line(entry, as: .common, status: 404, bytes: 10)
                == "127.0.0.1 - - [10/Oct/2000:13:55:36 +0000] \"PURGE /a%20b HTTP/1.0\" 404 10 7f3a\n"
        )
        entry.user = "ann lee"
        #expect(
            Self.line(entry, as: .common, bytes: 0)
                .hasPrefix("127.0.0.1 - ann\\x20lee [10/Oct/2000:"))
        #expect(Self.line(entry, as: .common, bytes: 0).hasSuffix("HTTP/1.0\" 200 - 7f3a\n"))
    }

    @Test("an answer to bytes that were no request")
    func refused() {
        let entry = AccessEntry(
            peer: .v6(high: 0x2001_0db8_0000_0000, low: 1, port: 1), name: "7f3a",
            startMilliseconds: 971_186_136_000, start: Self.start)
        #expect(
            Self.line(entry, as: .common, status: 400, bytes: 12)
                == "2001:db8::1 - - [10/Oct/2000:13:55:36 +0000] \"-\" 400 12 7f3a\n")
        #expect(
            Self.line(entry, as: .json, status: 400)
                .contains(#""peer":"2001:db8::1","method":null,"path":null,"protocol":null,"#))
    }

    @Test(
        "a target without a path is still told",
        arguments: [
            ("OPTIONS * HTTP/1.1", "*"), ("CONNECT h:80 HTTP/1.1", "-"),
            ("GET http://u:secret@h HTTP/1.1", "/"), ("GET http://h/x?y HTTP/1.1", "/x"),
        ])
    func targets(requestLine: String, path: String) {
        // Where the parser refuses a form there is nothing to tell.
        guard let entry = Self.entry(requestLine + "\r\nHost: h\r\n\r\n") else { return }
        #expect(Self.line(entry, as: .json).contains("\"path\":\"\(path)\""))
        #expect(!Self.line(entry, as: .json).contains("secret"))
    }

    @Test("neither the query nor a field with a secret is in a line")
    func secrets() throws {
        let entry = try #require(
            Self.entry(
                """
                GET /p?key=SECRET HTTP/1.1\r\nHost: SECRET\r\nAuthorization: Bearer SECRET\r
                Cookie: a=SECRET\r\nReferer: http://x/?SECRET\r\nX-Key: SECRET\r\n\r\n
                """))
        for format in [AccessLogFormat.json, .common] {
            #expect(!Self.line(entry, as: format).contains("SECRET"))
        }
    }

    @Test(
        "what is no plain text is escaped in JSON",
        arguments: [
            ("a\"b\\c", #"a\"b\\c"#), ("\u{1B}[2J\t", #"\u001b[2J\u0009"#),
            ("é", #"\u00e9"#), ("😀", #"\ud83d\ude00"#), ("\u{7F}\u{9B}", #"\u007f\u009b"#),
        ])
    func escapes(text: String, expected: String) {
        var line: [UInt8] = []
        LogEscaping.appendJSON(Array(text.utf8), to: &line)
        #expect(String(decoding: line, as: UTF8.self) == expected)
    }

    @Test("whatever bytes are in a request, its line is one line of ASCII, and JSON is JSON")
    func hostile() throws {
        var random = SeededGenerator(seed: 7)
        for round in 0..<2_000 {
            let count = random.next(below: 400)
            let noise = (0..<count).map { _ in UInt8(random.next(below: 256)) }
            var entry = try #require(Self.entry("GET / HTTP/1.1\r\nHost: h\r\n\r\n"))
            entry.request?.method = Array(noise.prefix(count / 3))
            entry.request?.path = noise
            entry.agent = Array(noise.reversed())
            entry.user = String(decoding: noise, as: UTF8.self)
            for format in [AccessLogFormat.json, .common] {
                let bytes = Array(Self.line(entry, as: format).utf8)
                #expect(bytes.last == 0x0A, "round \(round)")
                #expect(bytes.dropLast().allSatisfy { (0x20...0x7E).contains($0) })
            }
            let json = Array(Self.line(entry, as: .json).utf8.dropLast())
            let value = try JSON.parse(ByteSlice(json))
            #expect(value.member("path")?.string == String(decoding: noise, as: UTF8.self))
        }
    }

    @Test("what is long is cut")
    func limits() throws {
        let long = String(repeating: "x", count: 5_000)
        var entry = try #require(
            Self.entry("GET /\(long) HTTP/1.1\r\nHost: h\r\nUser-Agent: \(long)\r\n\r\n"))
        entry.user = long
        #expect(Self.line(entry, as: .json).utf8.count < 2_700)
        #expect(Self.line(entry, as: .common).utf8.count < 2_400)
    }
}
