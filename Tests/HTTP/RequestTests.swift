// What a handler reads from a request: queries, forms, cookies, media types, origins, paths.

import MizuBytes
import MizuHTTP
import Testing

@Suite("Requests as handlers see them")
struct RequestTests {
    private func get(_ target: String, _ fields: String = "") -> String {
        "GET \(target) HTTP/1.1\r\nHost: h.example:8080\r\n\(fields)\r\n"
    }

    private func post(_ type: String, _ body: String) -> String {
        "POST / HTTP/1.1\r\nHost: h\r\n\(type)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    @Test("query pairs are decoded; broken ones are left out")
    func query() throws {
        try withRequest(get("/p?a=1&b=x+y%21&a=2&=e&c&%zz=1&d=%ff&f=%C3%A9=")) { request in
            let query = request.query
            #expect(query["a"] == "1" && query.all("a") == ["1", "2"])
            #expect(query["b"] == "x y!" && query[""] == "e" && query["c"] == "")
            #expect(query["d"] == nil && query["f"] == "é=" && query["zz"] == nil)
            #expect(request.path == "/p" && request.method == .get)
        }
        try withRequest(get("http://h.example:8080")) { request in
            #expect(
                request.path == "/" && request.host == "h.example:8080" && request.query["a"] == nil
            )
        }
    }

    @Test("a form is read as one media type only, and has a limit of pairs")
    func form() throws {
        let type = "Content-Type: Application/X-WWW-Form-Urlencoded; charset=utf-8"
        try withRequest(post(type, "title=a+%26+b&id=1")) { request in
            let form = try request.form()
            #expect(form["title"] == "a & b")
            #expect(request.bodySlice().string == "title=a+%26+b&id=1")
            #expect(request.withBody { $0.count } == request.bodyCount)
        }
        let others = [
            "Content-Type: multipart/form-data; boundary=x", "X: y", "Content-Type: text/plain",
            "Content-Type: application/x-www-form-urlencodedx",
            "\(type)\r\n\(type)",
        ]
        for other in others {
            try withRequest(post(other, "a=1")) { request in
                do throws(HTTPError) {
                    _ = try request.form()
                    Issue.record("read: \(other)")
                } catch {
                    #expect(error.status == .unsupportedMediaType)
                }
            }
        }
        try withRequest(post(type, String(repeating: "a&", count: 1_001))) { request in
            do throws(HTTPError) {
                _ = try request.form()
                Issue.record("read 1001 pairs")
            } catch {
                #expect(error.status == .contentTooLarge)
            }
        }
    }

    @Test("media types compare whole, parameters aside (RFC 9110 §8.3.1)")
    func mediaType() throws {
        let cases = [
            ("application/json", true), ("APPLICATION/JSON ; charset=x", true),
            ("application/jsonp", false), ("text/plain; application/json", false),
            ("application/json, text/plain", false), ("", false),
        ]
        for (value, expected) in cases {
            try withRequest(post("Content-Type: \(value)", "")) { request in
                #expect(request.hasMediaType("application/json") == expected, "\(value)")
            }
        }
    }

    @Test("cookies are found by exact name (RFC 6265 §5.4)")
    func cookies() throws {
        let fields = "Cookie: a=1; bb=\"q\";c=x=y\r\nCookie: d=4; a=5\r\n"
        try withRequest(get("/", fields)) { request in
            #expect(request.cookie("a") == "1" && request.cookie("bb") == "q")
            #expect(request.cookie("c") == "x=y" && request.cookie("d") == "4")
            #expect(request.cookie("b") == nil && request.cookie("A") == nil)
        }
    }

    @Test("a name of a file never leads out of its folder")
    func safePath() {
        func name(_ raw: String) -> String? {
            var raw = raw
            return raw.withUTF8 { SafePath.name(UnsafeRawBufferPointer($0)) }
        }
        #expect(name("css/app.css") == "css/app.css" && name("a%20b") == "a b")
        #expect(name("..a/b..") == "..a/b.." && name("%252e%252e/a") == "%2e%2e/a")
        let bad = [
            "", "..", "../a", "a/..", "a/../b", "%2e%2e/a", "%2E.%2fa", "a%2f..%2fb", "./a", "a//b",
            "/a", "a/", "a%00", "a\\b", "..%5ca", "%5c", "%", "%zz", "%ff", "a%0a", "a%7f", "%2f",
        ]
        for raw in bad { #expect(name(raw) == nil, "\(raw)") }
    }

    @Test("addresses read as RFC 5952 writes them")
    func addresses() {
        func v6(_ high: UInt64, _ low: UInt64) -> String {
            PeerAddress.v6(high: high, low: low, port: 80).text
        }
        #expect(PeerAddress.v4(address: 0x7F00_0001, port: 8_080).text == "127.0.0.1:8080")
        #expect(v6(0, 1) == "[::1]:80" && v6(0, 0) == "[::]:80")
        #expect(v6(0x2001_0db8_0000_0000, 0x0001_0000_0000_0001) == "[2001:db8::1:0:0:1]:80")
        #expect(v6(0x2001_0db8_0000_0001, 0x0001_0001_0001_0001) == "[2001:db8:0:1:1:1:1:1]:80")
        #expect(v6(0x2001_0000_0000_0000, 0) == "[2001::]:80")
        #expect(v6(0, 0xFFFF_7F00_0001) == "[127.0.0.1]:80")
        #expect(PeerAddress.local.text == "local")
    }
}
