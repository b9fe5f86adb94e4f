// What an answer looks like on the wire, and that nothing added to it can break out of its line.

import MizuBytes
import MizuHTTP
import Testing

@Suite("RFC 9112 §4, §6.3, §9.3: writing answers")
struct ResponseWriterTests {
    private let hello = Response.text("Hello, World!")
    private let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"

    @Test("a small answer is one run of bytes")
    func small() {
        #expect(
            written(hello) == "HTTP/1.1 200 OK\r\n" + date
                + "Content-Length: 13\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
                + "Hello, World!")
    }

    @Test("Connection says what the peer cannot know")
    func connection() {
        #expect(!written(hello).contains("Connection"))
        #expect(written(hello, persistence: .close).contains("\r\nConnection: close\r\n"))
        #expect(
            written(hello, minorVersion: 0, persistence: .keepAliveTold)
                .contains("\r\nConnection: keep-alive\r\n"))
        var last = hello
        last.connection = .close
        #expect(written(last, minorVersion: 0).contains("\r\nConnection: close\r\n"))
        #expect(
            written(.upgradeRequired(to: "websocket"))
                .contains("Connection: upgrade\r\nUpgrade: websocket\r\n"))
    }

    @Test("HEAD is told the length and sent nothing; 204 and 304 have neither")
    func withoutContent() {
        let head = written(hello, method: .head)
        #expect(head.contains("Content-Length: 13\r\n") && head.hasSuffix("\r\n\r\n"))
        for status in [HTTPStatus.noContent, .notModified] {
            let text = written(Response(status: status, body: .slice("x")))
            #expect(!text.contains("Content-Length") && text.hasSuffix("\r\n\r\n"))
        }
        #expect(written(.status(.created)).contains("Content-Length: 0\r\n"))
    }

    @Test("a prepared answer is the same bytes, however it is asked for")
    func prepared() throws {
        for count in [0, 1, 8_192, 9_000] {
            let text = String(repeating: "y", count: count)
            var page = Response.html(text)
            try page.set("ETag", "\"a\"")
            var same = Response(status: .notModified)
            try same.set("ETag", "\"a\"")
            for response in [page, same, .text(text), Response(status: .ok)] {
                for method in [HTTPMethod.get, .head] {
                    for persistence in [
                        ResponseContext.Persistence.keepAlive, .close, .keepAliveTold,
                    ] {
                        let context = ResponseContext(
                            method: method, minorVersion: 1, persistence: persistence)
                        try expectSame(response, in: context, policy: nil)
                        try expectSame(response, in: context, policy: "max-age=1")
                    }
                }
            }
        }
    }

    private func expectSame(
        _ response: Response, in context: ResponseContext, policy: String?
    ) throws {
        let ready = response.preparing()
        let prepared = try #require(ready.prepared)
        #expect(prepared.isUnchanged(in: ready))
        var expected = response
        let name = "Strict-Transport-Security"
        if let policy { try expected.set(name, policy) }
        var ordinary = ByteBuffer(capacity: 16)
        let first = ResponseWriter.write(expected, for: context, date: someDate, into: &ordinary)
        if first.owesBody, case .slice(let slice) = expected.body { ordinary.append(slice) }
        var quick = ByteBuffer(capacity: 16)
        let second = prepared.write(
            for: context, date: someDate,
            policy: policy.map { Array("\(name): \($0)\r\n".utf8) } ?? [], into: &quick)
        if second.owesBody { quick.append(prepared.owedBody) }
        #expect(first.persistence == second.persistence)
        #expect([UInt8](ordinary.readable) == [UInt8](quick.readable))
    }

    @Test("what was changed after it was prepared is known, and what cannot be prepared is not")
    func changedAfterPreparing() throws {
        let ready = Response.html("x").preparing()
        let prepared = try #require(ready.prepared)
        let changes: [(inout Response) throws -> Void] = [
            { $0.status = .created }, { $0.mediaType = .text }, { $0.body = .slice("x") },
            { try $0.set("X-A", "b") }, { $0.connection = .close }, { $0.mediaType = nil },
        ]
        for change in changes {
            var response = ready
            try change(&response)
            #expect(!prepared.isUnchanged(in: response))
        }
        var pending = ready
        pending.kind = .pending
        #expect(pending.prepared == nil)
        var last = Response.text("x")
        last.connection = .close
        for response in [last, .status(.notFound), .pending, .json(["[", "]"])] {
            #expect(response.preparing().prepared == nil)
        }
    }

    @Test("a large body is handed back, not copied")
    func large() {
        let slice = ByteSlice([UInt8](repeating: 0x61, count: 5_000))
        var output = ByteBuffer(capacity: 16)
        let context = ResponseContext(method: .get, minorVersion: 1, persistence: .keepAlive)
        let result = ResponseWriter.write(
            .json(["[", slice, "]"]), for: context, date: someDate, into: &output)
        #expect(result.persistence == .keepAlive && result.owesBody)
        #expect(String(decoding: output.readable, as: UTF8.self).hasSuffix("\r\n\r\n"))
        #expect(
            String(decoding: output.readable, as: UTF8.self).contains("Content-Length: 5002"))
    }

    @Test("safe defaults stand in every answer, the policy in pages; a handler may replace them")
    func defaults() throws {
        let plain = written(hello, defaults: .web)
        #expect(plain.contains("X-Content-Type-Options: nosniff\r\n"))
        #expect(plain.contains("Referrer-Policy: same-origin\r\n"))
        #expect(plain.contains("Cross-Origin-Resource-Policy: same-origin\r\n"))
        #expect(!plain.contains("Content-Security-Policy") && !plain.contains("Opener"))
        let page = written(.html("<p>"), defaults: .web)
        #expect(page.contains("Content-Security-Policy: default-src 'self';"))
        #expect(page.contains("frame-ancestors 'none'\r\n"))
        #expect(page.contains("Cross-Origin-Opener-Policy: same-origin\r\n"))
        var own = Response.html("<p>")
        try own.set("referrer-policy", "no-referrer")
        try own.set("Content-Security-Policy", "default-src 'none'")
        try own.set("Cross-Origin-Resource-Policy", "cross-origin")
        try own.set("Cross-Origin-Opener-Policy", "unsafe-none")
        let text = written(own, defaults: .web)
        #expect(text.contains("nosniff"))
        #expect(!text.contains("same-origin") && !text.contains("'self'"))
    }

    @Test("answers that are written are read back the same, however they arrive")
    func roundTrip() throws {
        for status in [200, 201, 206, 303, 404, 431, 500, 799] {
            var response = Response.text("body", status: HTTPStatus(UInt16(status)))
            try response.add("X-One", "1")
            try response.add("x-one", "2")
            let bytes = Array(written(response).utf8)
            for cut in 0...bytes.count {
                try bytes.withUnsafeBytes { whole in
                    var head = ResponseHead()
                    let part = UnsafeRawBufferPointer(rebasing: whole[0..<cut])
                    let outcome = ResponseParser.parse(part, into: &head, answering: .get)
                    guard case .head(let consumed) = outcome else {
                        #expect(outcome == .needMore)
                        #expect(cut < bytes.count - 4)
                        return
                    }
                    #expect(head.status.code == UInt16(status) && head.framing == .length(4))
                    let value = try #require(head.first("x-one", in: part)).bytes(in: part)
                    #expect(value.elementsEqual("1".utf8))
                    #expect(whole[consumed...].elementsEqual("body".utf8))
                }
            }
        }
    }

    static let heads: [(String, HTTPMethod, BodyFraming?)] = [
        ("HTTP/1.1 200 OK\r\n\r\n", .get, .untilClose),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", .head, BodyFraming.none),
        ("HTTP/1.1 304\r\nContent-Length: 3\r\n\r\n", .get, BodyFraming.none),
        ("HTTP/1.1 100 Continue\r\n\r\n", .post, BodyFraming.none),
        ("HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n", .get, .chunked),
        ("HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", .get, nil),
        ("HTTP/2.0 200 OK\r\n\r\n", .get, nil), ("HTTP/1.1 20 OK\r\n\r\n", .get, nil),
        ("HTTP/1.1 099 OK\r\n\r\n", .get, nil), ("HTTP/1.1  200\r\n\r\n", .get, nil),
        ("ICY 200 OK\r\n\r\nxxxxxx", .get, nil), ("HTTP/1.1 200 OK\n\n", .get, nil),
    ]

    @Test("an answer's framing follows status, method and fields (§6.3)", arguments: heads)
    func framing(text: String, method: HTTPMethod, framing: BodyFraming?) {
        var head = ResponseHead()
        var text = text
        let outcome = text.withUTF8 {
            ResponseParser.parse(UnsafeRawBufferPointer($0), into: &head, answering: method)
        }
        if let framing {
            #expect(outcome == .head(consumed: text.utf8.count))
            #expect(head.framing == framing)
        } else if case .reject = outcome {
        } else {
            Issue.record("\(outcome)")
        }
    }
}

@Suite("RFC 9110 §5.5: fields of an answer")
struct ResponseFieldTests {
    @Test(
        "nothing that is added can end its line",
        arguments: [
            ("X", "a\r\nSet-Cookie: b"), ("X", "a\nb"), ("X", "a\rb"), ("X", "a\u{0}"),
            ("X", "\u{7f}"), ("X", " a"), ("X", "a\t"), ("X\r\nY", "a"), ("X:", "a"), ("", "a"),
            ("X Y", "a"), ("X\u{0}", "a"), ("é", "a"), ("Content-Type", "a\r\nb: c"),
            ("Content-Length", "1"), ("transfer-encoding", "chunked"), ("Connection", "close"),
            ("DATE", "now"),
        ])
    func injection(name: String, value: String) {
        var response = Response.text("x")
        let before = written(response)
        #expect(throws: FieldError.self) { try response.add(name, value) }
        #expect(throws: FieldError.self) { try response.set(name, value) }
        #expect(written(response) == before)
    }

    @Test("set replaces every line of a name, add keeps them, remove drops them")
    func setAndAdd() throws {
        var response = Response.text("x")
        try response.add("X-A", "1")
        try response.add("X-AB", "2")
        try response.add("x-a", "3")
        #expect(response.field("X-a") == "1" && response.field("x-ab") == "2")
        try response.set("X-A", "")
        #expect(response.field("x-a") == "")
        #expect(written(response).contains("\r\nX-AB: 2\r\nX-A: \r\n"))
        response.remove("x-A")
        #expect(response.field("X-A") == nil && response.has("x-ab") && !response.has("x-a"))
        try response.set("content-type", "text/x")
        #expect(written(response).contains("Content-Type: text/x\r\n"))
        response.set("Cache-Control", literal: "no-store")
        #expect(response.field("cache-control") == "no-store")
    }

    @Test("a list field gains a member once")
    func lists() {
        var response = Response.text("x")
        response.addToList("Vary", member: "Origin")
        response.addToList("vary", member: "Accept-Encoding")
        response.addToList("Vary", member: "accept-encoding")
        #expect(response.field("Vary") == "Origin, Accept-Encoding")
    }

    @Test("lines that answers share are changed in one answer alone, and others stay beside them")
    func sharedLines() throws {
        var first = Response.json(ByteSlice("{}")).uncached
        let second = first
        try first.add("X-Own", "1")
        #expect(first.field("Cache-Control") == "no-store" && first.field("X-Own") == "1")
        #expect(!second.has("x-own") && Response.text("x").uncached.field("X-Own") == nil)
        #expect(written(second, defaults: .web).contains("\r\nX-Content-Type-Options: nosniff\r\n"))
        var replaced = Response.text("x").uncached
        try replaced.set("Cache-Control", "max-age=1")
        #expect(replaced.uncached.field("Cache-Control") == "no-store")
        try first.set("Referrer-Policy", "no-referrer")
        first.forbidCaching()
        let text = written(first, defaults: .web)
        #expect(text.contains("no-referrer") && !text.contains("Referrer-Policy: same-origin"))
        #expect(text.contains("X-Own: 1\r\n") && text.contains("Cache-Control: no-store\r\n"))
    }

    @Test("a redirect's target cannot split the head")
    func redirect() {
        let text = written(.redirect(to: "/a b\r\nSet-Cookie: x=1\u{0}é?q=%20#f"))
        #expect(text.hasPrefix("HTTP/1.1 303 See Other\r\n"))
        #expect(
            text.contains("\r\nLocation: /a%20b%0D%0ASet-Cookie:%20x=1%00%C3%A9?q=%20#f\r\n"))
    }

    @Test("a refusal is JSON with code and error, escaped")
    func refusal() {
        let response = Response(HTTPError(.conflict, code: "conflict", message: "a \"b\"\n"))
        #expect(written(response).hasSuffix(#"{"code":"conflict","error":"a \"b\"\n"}"#))
        #expect(written(.refusal(.badHost)).contains("Connection: close\r\n"))
    }

    @Test("cookies are narrow by default, and their parts cannot leak into each other (RFC 6265)")
    func cookies() throws {
        var response = Response.text("x")
        var cookie = SetCookie("id", "a1")
        try response.set(cookie)
        #expect(response.field("Set-Cookie") == "id=a1; Path=/; SameSite=Lax; HttpOnly")
        cookie.maxAgeSeconds = 60
        cookie.domain = "a.example"
        cookie.sameSite = .none
        cookie.attributes = []
        try response.set(cookie)
        #expect(
            written(response).contains(
                "id=a1; Path=/; Domain=a.example; Max-Age=60; SameSite=None; Secure\r\n"))
        let before = response.fields
        for (name, value) in [("a b", "x"), ("", "x"), ("a", "x;y"), ("a", "x\r\n"), ("a", "x y")] {
            #expect(throws: FieldError.self) { try response.set(SetCookie(name, value)) }
        }
        cookie.path = "/; HttpOnly"
        #expect(throws: FieldError.self) { try response.set(cookie) }
        cookie.path = "/"
        cookie.domain = "a;b"
        #expect(throws: FieldError.self) { try response.set(cookie) }
        #expect(response.fields == before)
    }
}
