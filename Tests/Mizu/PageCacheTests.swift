// What is kept of pages and who gets it, without a server: keys, positions, memory, the order in
// which pages give way, who waits for a page that is being made, and which answers are kept at all.

import Testing

@testable import Mizu

private func key(
    _ name: String, scope: Name = "s", route: Int32 = 1, user: Name? = nil
) -> PageKey {
    PageKey(scope: scope, route: route, user: user, name: name)
}

private func position(_ cursor: Int, _ epoch: Name = "e") -> Position {
    Position(cursor: cursor, epoch: epoch)
}

private func page(_ text: String, at position: Position) throws -> KeptPage {
    try #require(KeptPage(.html(text), position: position, tagName: "t-\(position.cursor)"))
}

/// A request of these field lines, as a page is asked for it.
private func asked(_ fields: String = "", method: String = "GET") throws -> AskedRepresentation {
    let head = Array("\(method) / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n".utf8)
    return try head.withUnsafeBytes { bytes in
        var (parser, parsed) = (RequestParser(), RequestHead())
        let outcome = parser.parse(bytes, into: &parsed, limits: HTTPLimits())
        guard case .head = outcome else { throw NoRequest() }
        return withUnsafePointer(to: parsed) { parsed in
            AskedRepresentation(
                Request(
                    head: parsed, headBytes: bytes, body: .init(start: nil, count: 0),
                    exchange: ExchangeID(worker: 0, connection: 0, sequence: 0), peer: .local))
        }
    }
}

private struct NoRequest: Error {}

private func text(_ response: Response) -> String? {
    guard case .slice(let body) = response.body else { return nil }
    return body.string
}

@Suite("Pages that are kept")
struct PageCacheTests {
    @Test("a page is found at exactly its position, and by its whole key")
    func keys() throws {
        var cache = PageCache(byteCountMax: 1 << 20)
        cache.keep(try page("five", at: position(5)), as: key("home"))
        let found = cache.page(key("home"), at: position(5))
        let kept = try #require(found)
        #expect(text(kept.response(to: try asked())) == "five")
        #expect(cache.page(key("home"), at: position(4)) == nil)
        #expect(cache.page(key("home"), at: position(6)) == nil)
        #expect(cache.page(key("home"), at: position(5, "f")) == nil)
        for other in [
            key("homE"), key("home", scope: "r"), key("home", route: 2), key("home", user: "ann"),
        ] {
            #expect(cache.page(other, at: position(5)) == nil, "\(other)")
        }
        cache.keep(try page("six", at: position(6)), as: key("home"))
        #expect(cache.page(key("home"), at: position(5)) == nil && cache.count == 1)
    }

    @Test("two spellings of one letter are two pages")
    func spellings() throws {
        var cache = PageCache(byteCountMax: 1 << 20)
        cache.keep(try page("one", at: position(1)), as: key("\u{E9}"))
        #expect(cache.page(key("\u{E9}"), at: position(1)) != nil)
        #expect(cache.page(key("e\u{301}"), at: position(1)) == nil)
    }

    @Test("what was not asked for longest goes first, and the bytes stay below the limit")
    func recency() throws {
        let one = try page(String(repeating: "x", count: 3_000), at: position(1))
        var cache = PageCache(byteCountMax: 8 * one.byteCount)
        for number in 0..<8 { cache.keep(one, as: key("\(number)")) }
        #expect(cache.count == 8 && cache.byteCount == 8 * one.byteCount)
        #expect(cache.page(key("0"), at: position(1)) != nil)
        cache.keep(one, as: key("8"))
        cache.keep(one, as: key("9"))
        let left = (0..<10).filter { cache.page(key("\($0)"), at: position(1)) != nil }
        #expect(left == [0, 3, 4, 5, 6, 7, 8, 9])
        #expect(cache.byteCount <= cache.byteCountMax)
    }

    @Test("a page that would put many others out is not kept")
    func large() throws {
        var cache = PageCache(byteCountMax: 48_000)
        cache.keep(try page("small", at: position(1)), as: key("a"))
        cache.keep(try page(String(repeating: "x", count: 20_000), at: position(1)), as: key("b"))
        #expect(cache.page(key("b"), at: position(1)) == nil && cache.count == 1)
        // The one of before is none of the present: it goes in any case.
        cache.keep(try page(String(repeating: "x", count: 20_000), at: position(2)), as: key("a"))
        #expect(cache.count == 0 && cache.byteCount == 0)
    }

    @Test("against a plain model, whatever is kept and asked for in which order")
    func model() throws {
        var generator = SystemRandomNumberGenerator()
        let pages = try (0..<4).map { size in
            try page(String(repeating: "x", count: 100 << size), at: position(1))
        }
        var cache = PageCache(byteCountMax: 4 * pages[3].byteCount)
        var model: [(name: Int, page: KeptPage)] = []  // the newest last
        for _ in 0..<4_000 {
            let name = Int.random(in: 0..<12, using: &generator)
            let place = model.firstIndex { $0.name == name }
            if Bool.random(using: &generator) {
                let page = pages[Int.random(in: 0..<4, using: &generator)]
                cache.keep(page, as: key("\(name)"))
                if let place { model.remove(at: place) }
                model.append((name, page))
                while model.reduce(0, { $0 + $1.page.byteCount }) > cache.byteCountMax {
                    model.removeFirst()
                }
            } else {
                let found = cache.page(key("\(name)"), at: position(1)) != nil
                #expect(found == (place != nil))
                if let place { model.append(model.remove(at: place)) }
            }
            #expect(cache.count == model.count)
            #expect(cache.byteCount == model.reduce(0) { $0 + $1.page.byteCount })
        }
    }
}

@Suite("Pages that are being made")
struct PageMakesTests {
    @Test("all who come before it is read get the one page; the first leads")
    func together() {
        var makes = PageMakes<Int>(waitersMax: 100)
        #expect(makes.join(key("a"), 1, seen: position(3)) == .lead)
        #expect(makes.join(key("a"), 2, seen: nil) == .wait)
        #expect(makes.join(key("b"), 3, seen: nil) == .lead)
        makes.begin(key("a"))
        let end = makes.end(key("a"), at: position(3))
        #expect(end.served == [1, 2] && end.next == nil && makes.waiterCount == 1)
        #expect(makes.join(key("a"), 4, seen: nil) == .lead)
    }

    @Test("who comes while it is read gets it only if it shows all that was there to be seen")
    func late() {
        var makes = PageMakes<Int>(waitersMax: 100)
        _ = makes.join(key("a"), 1, seen: nil)
        makes.begin(key("a"))
        _ = makes.join(key("a"), 2, seen: position(7))
        _ = makes.join(key("a"), 3, seen: position(8))
        _ = makes.join(key("a"), 4, seen: position(7, "f"))
        _ = makes.join(key("a"), 5, seen: nil)
        let end = makes.end(key("a"), at: position(7))
        #expect(end.served == [1, 2] && end.next == 3)
        // Those who are left came before the next reading, so that one is new enough for all.
        #expect(makes.join(key("a"), 6, seen: position(9)) == .wait)
        makes.begin(key("a"))
        let second = makes.end(key("a"), at: position(9))
        #expect(second.served == [3, 4, 5, 6] && second.next == nil && makes.waiterCount == 0)
    }

    @Test("a leader who leaves takes nobody along, and a failure is told to all")
    func leaving() {
        var makes = PageMakes<Int>(waitersMax: 3)
        _ = makes.join(key("a"), 1, seen: nil)
        _ = makes.join(key("a"), 2, seen: nil)
        makes.begin(key("a"))
        _ = makes.join(key("a"), 3, seen: nil)
        #expect(makes.join(key("a"), 4, seen: nil) == .refused)
        #expect(makes.abandon(key("a")) == 2)
        #expect(makes.fail(key("a")) == [2, 3] && makes.waiterCount == 0)
        #expect(makes.join(key("a"), 5, seen: nil) == .lead)
        #expect(makes.abandon(key("a")) == nil && makes.waiterCount == 0)
    }
}

@Suite("A kept page as an answer (RFC 9110 §8.8.3, §13)")
struct KeptPageTests {
    private let long = "<p>" + String(repeating: "all the same ", count: 200)

    @Test("its tag is strong, and whoever has it gets a 304 without content")
    func notModified() throws {
        let page = try page("short", at: position(5))
        let whole = page.response(to: try asked())
        #expect(whole.status == .ok && whole.field("ETag") == "\"t-5\"")
        for list in ["\"t-5\"", "W/\"t-5\"", "\"x\", \"t-5\"", "*"] {
            let answer = page.response(to: try asked("If-None-Match: \(list)\r\n"))
            #expect(answer.status == .notModified && answer.field("ETag") == "\"t-5\"", "\(list)")
            #expect(answer.body.count == 0)
        }
        let other = page.response(to: try asked("If-None-Match: \"t-4\"\r\n"))
        #expect(other.status == .ok)
        let failed = page.response(to: try asked("If-Match: \"t-4\"\r\n"))
        #expect(failed.status == .preconditionFailed)
    }

    @Test("the packed form is made when it is asked for, and has a tag of its own")
    func packed() throws {
        let page = try page(long, at: position(5))
        #expect(page.awaitsPacking)
        let both = page.packing
        let gzip = both.response(to: try asked("Accept-Encoding: gzip\r\n"))
        #expect(gzip.field("Content-Encoding") == "gzip" && gzip.field("ETag") == "\"t-5-gzip\"")
        #expect(gzip.body.count < 200 && both.byteCount > page.byteCount)
        let plain = both.response(to: try asked())
        #expect(text(plain) == long && plain.field("Content-Encoding") == nil)
        #expect(plain.field("Vary") == "Accept-Encoding" && gzip.field("Vary") == "Accept-Encoding")
        let known = both.response(
            to: try asked("Accept-Encoding: gzip\r\nIf-None-Match: \"t-5-gzip\"\r\n"))
        #expect(known.status == .notModified && known.field("Content-Encoding") == nil)
    }

    @Test(
        "an answer that may be for one alone is not kept",
        arguments: [
            ("Set-Cookie", "a=b"), ("Cache-Control", "no-store"), ("Vary", "Cookie"), ("Vary", "*"),
            ("ETag", "\"own\""), ("Content-Encoding", "br"),
        ])
    func single(name: String, value: String) throws {
        var response = Response.html(long)
        try response.set(name, value)
        #expect(KeptPage(response, position: position(1), tagName: "t") == nil)
    }

    @Test("neither errors nor redirects are kept")
    func errors() {
        for response in [
            Response.notFound, .redirect(to: "/"), .status(.noContent),
            .html("x", status: .internalServerError),
        ] {
            #expect(KeptPage(response, position: position(1), tagName: "t") == nil)
        }
    }
}
