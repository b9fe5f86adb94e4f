// Heads that are served, and what is read from them.

import MizuHTTP
import Testing

@Suite("RFC 9112 §2–3, §9: request heads")
struct RequestParserTests {
    private func head(_ text: String) throws -> String {
        let parsed = try #require(parse(text), "the outcome depends on how bytes arrive: \(text)")
        guard case .head(let consumed) = parsed.outcome else {
            Issue.record("\(parsed.outcome): \(text)")
            return ""
        }
        #expect(consumed == text.utf8.count)
        return parsed.head
    }

    @Test("a plain GET is read whole, with everything that is precomputed")
    func plainGet() throws {
        let text = try head(
            "GET /a/b?x=1&y HTTP/1.1\r\nHost: example.org:8080\r\nAccept:\t*/* \t\r\nX:\r\n\r\n")
        #expect(
            text == """
                get GET origin 1.1 target=/a/b?x=1&y path=/a/b query=x=1&y \
                host=example.org:8080 none alive=true expects=false upgrade=false \
                [Host=example.org:8080|Accept=*/*|X=]
                """)
    }

    @Test("each known method has its name, others are kept as text")
    func methods() throws {
        for method in HTTPMethod.allCases where method != .other && method != .connect {
            let text = try head("\(method.name) / HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(text.hasPrefix("\(method) \(method.name) origin"))
        }
        #expect(try head("BREW /pot HTTP/1.1\r\nHost: h\r\n\r\n").hasPrefix("other BREW origin"))
        #expect(try head("get / HTTP/1.1\r\nHost: h\r\n\r\n").hasPrefix("other get origin"))
        #expect(try head("GETS / HTTP/1.1\r\nHost: h\r\n\r\n").hasPrefix("other GETS origin"))
    }

    @Test("one empty line before a request is passed over (§2.2)")
    func leadingLine() throws {
        #expect(try head("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n").hasPrefix("get GET"))
    }

    @Test("the four forms of a target (§3.2)")
    func targets() throws {
        let absolute = try head("GET HTTP://a.b:81/c?d HTTP/1.1\r\nHost: A.b:81\r\n\r\n")
        #expect(absolute.contains("absolute"))
        #expect(absolute.contains("path=/c query=d host=a.b:81"))
        // §3.2.2: an origin server must ignore Host then.
        for host in ["b", "a:8080", "a."] {
            let other = try head("GET http://a/ HTTP/1.1\r\nHost: \(host)\r\n\r\n")
            #expect(other.contains("host=a "), "\(host)")
        }
        let bare = try head("GET https://a?q HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(bare.contains("path= query=q host=a "))
        let asterisk = try head("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(asterisk.contains("asterisk 1.1 target=* path= query= host=h"))
        let authority = try head("CONNECT a.b:443 HTTP/1.1\r\nHost: a.b:443\r\n\r\n")
        #expect(authority.contains("authority 1.1 target=a.b:443 path= query= host=a.b:443"))
        #expect(authority.contains("alive=false"))
        let slashes = try head("GET //x//y HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(slashes.contains("path=//x//y"))
    }

    @Test(
        "a connection persists as version and Connection say (§9.3)",
        arguments: [
            ("1.1", "", true), ("1.0", "", false), ("1.1", "Connection: close\r\n", false),
            ("1.1", "Connection: foo, CLOSE\r\n", false),
            ("1.0", "Connection: Keep-Alive\r\n", true),
            ("1.0", "Connection: keep-alive\r\nConnection: close\r\n", false),
            ("1.1", "Connection: keep-alive\r\nConnection: x\r\n", true),
            ("1.1", "Connection: closed\r\n", true),
        ])
    func persistence(version: String, fields: String, alive: Bool) throws {
        let text = try head("GET / HTTP/\(version)\r\nHost: h\r\n\(fields)\r\n")
        #expect(text.contains("alive=\(alive)"))
    }

    @Test("Expect and Upgrade count in HTTP/1.1 only (RFC 9110 §7.8, §10.1.1)")
    func expectAndUpgrade() throws {
        let fields =
            "Host: h\r\nexpect: 100-Continue\r\nUpgrade: websocket\r\nConnection: x, Upgrade\r\n"
        let new = try head("GET / HTTP/1.1\r\n\(fields)\r\n")
        #expect(new.contains("expects=true upgrade=true"))
        let old = try head("GET / HTTP/1.0\r\n\(fields)\r\n")
        #expect(old.contains("expects=false upgrade=false"))
        let half = try head("GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n")
        #expect(half.contains("upgrade=false"))
    }

    @Test("framing is none, a length, or chunks (§6.3)")
    func framing() throws {
        #expect(try head("POST / HTTP/1.1\r\nHost: h\r\n\r\n").contains(" none alive"))
        #expect(
            try head("POST / HTTP/1.1\r\nHost: h\r\ncontent-length:42\r\n\r\n")
                .contains("length(42)"))
        #expect(
            try head("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n")
                .contains("chunked alive"))
        #expect(
            try head("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
                .contains("length(0)"))
    }

    @Test("HTTP/1.0 may leave Host out; HTTP/1.1 may name addresses and ports")
    func hosts() throws {
        #expect(try head("GET / HTTP/1.0\r\n\r\n").contains("host= "))
        for host in ["[::1]", "[::ffff:1.2.3.4]:80", "127.0.0.1:0", "a-b.c_d~", "h:", "%41b"] {
            #expect(try head("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n").contains("host=\(host) "))
        }
    }

    @Test("pipelined requests are taken one by one, at exact borders")
    func pipeline() {
        let one = "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"
        let bytes = Array((one + "POST /2 HTTP/1.1\r\nHost: h\r\n\r\n").utf8)
        let first = parse(bytes, cuts: [])
        #expect(first.outcome == .head(consumed: one.utf8.count))
        let second = parse(Array(bytes[one.utf8.count...]), cuts: [])
        #expect(second.head.hasPrefix("post POST"))
    }

    @Test("values hold tabs and bytes from 0x80 on; long ones are read by words and by bytes")
    func values() throws {
        for count in 0..<40 {
            let value = String(repeating: "v", count: count) + "\u{e9}\tw"
            let text = try head("GET / HTTP/1.0\r\nX: \(value)\r\n\r\n")
            #expect(text.contains(value))
        }
    }

    @Test("the state that waits on a connection is at most eight bytes")
    func size() {
        #expect(MemoryLayout<RequestParser>.size <= 8)
        #expect(MemoryLayout<FieldRange>.stride == 8)
    }

    @Test("a field is found by its name without case")
    func lookUp() throws {
        try withRequest("GET / HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a: 2\r\nXB: 3\r\n\r\n") {
            request in
            #expect(request.header("x-A") == "1, 2")
            #expect(request.header("X") == nil)
            #expect(request.withHeader("xb") { $0?.count } == 1)
            #expect(request.host == "h")
        }
    }
}
