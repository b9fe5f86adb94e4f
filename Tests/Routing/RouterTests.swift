// Which handler a request reaches, and what stands around it.

import MizuHTTP
import MizuRouting
import Testing

/// What `router` answers to a request line: status, and body or `Allow`.
private func ask(_ router: Router, _ method: String, _ target: String) throws -> Response {
    try withRequest(method, target) { router.respond(to: &$0) }
}

private func withRequest<Result>(
    _ method: String, _ target: String, _ body: (inout Request) -> Result
) throws -> Result {
    let bytes = Array("\(method) \(target) HTTP/1.1\r\nHost: h\r\n\r\n".utf8)
    return try bytes.withUnsafeBytes { whole in
        var (parser, head) = (RequestParser(), RequestHead())
        let outcome = parser.parse(whole, into: &head, limits: .default)
        guard case .head = outcome else { throw NotARequest() }
        return withUnsafePointer(to: head) { head in
            var request = Request(
                head: head, headBytes: whole, body: UnsafeRawBufferPointer(start: nil, count: 0),
                exchange: ExchangeID(worker: 0, connection: 0, sequence: 0), peer: .local)
            return body(&request)
        }
    }
}

private struct NotARequest: Error {}

private func body(_ response: Response) -> String {
    guard case .slice(let slice) = response.body else { return "" }
    return slice.string
}

/// A handler that says `name` and what its parameters matched.
private func echo(_ name: String, _ parameters: String...) -> Handler {
    { request in
        let values = parameters.map { request.parameter($0) ?? "nil" }
        return .text(([name] + values).joined(separator: " "))
    }
}

@Suite("Routes: what they cost")
struct CostTests {
    @Test("a route says what it costs, most cost one, and what is no route costs one, too")
    func costs() throws {
        let router = Router { routes in
            routes.get("/", echo("root"))
            routes.get("/free", cost: .free, echo("free"))
            routes.group("/api") { $0.post("/large/:id", cost: 8, echo("large", "id")) }
            routes.get("/files/*path", cost: .file, echo("file", "path"))
        }
        let costs: [(String, String, RouteCost)] = [
            ("GET", "/", 1), ("HEAD", "/free", .free), ("POST", "/api/large/x", 8),
            ("GET", "/files/a/b", .file), ("GET", "/nothing", 1), ("PUT", "/free", 1),
            ("OPTIONS", "*", 1), ("TRACE", "/", 1),
        ]
        for (method, target, cost) in costs {
            let found = try withRequest(method, target) { router.destination(of: &$0).cost }
            #expect(found == cost, "\(method) \(target)")
        }
    }

    @Test("a limit of users is asked behind the middleware that says who it is, with the cost")
    func users() throws {
        let router = Router { routes in
            routes.use { request in
                request.user = request.parameter("user")
                return nil
            }
            routes.get("/of/:user", cost: 3, echo("of", "user"))
            routes.get("/nobody", echo("nobody"))
            routes.limitUsers { _, user, cost in
                user == "ann" ? .text("\(user) \(cost.parts)", status: .tooManyRequests) : nil
            }
        }
        #expect(try body(ask(router, "GET", "/of/ann")) == "ann 48")
        #expect(try body(ask(router, "GET", "/of/ben")) == "of ben")
        #expect(try body(ask(router, "GET", "/nobody")) == "nobody")
    }
}

@Suite("Routes: patterns and precedence")
struct PatternTests {
    private let router = Router { routes in
        routes.get("/", echo("root"))
        routes.get("/todos", echo("list"))
        routes.post("/todos", echo("create"))
        routes.get("/todos/:id", echo("show", "id"))
        routes.put("/todos/:id", echo("replace", "id"))
        routes.get("/todos/new", echo("form"))
        routes.post("/todos/special", echo("special"))
        routes.get("/todos/:id/tags/:tag", echo("tag", "id", "tag"))
        routes.get("/todos/new/tags", echo("tags"))
        routes.get("/files/*path", echo("file", "path"))
        routes.get("/files/readme", echo("readme"))
        routes.get("/files/:name/raw", echo("raw", "name"))
        routes.get("/slash/", echo("slash"))
        routes.get("/a b", echo("space"))
        routes.delete("/only/delete", echo("deleted"))
        routes.on(.options, "/own", echo("own options"))
    }

    static let cases: [(String, String, String)] = [
        ("GET", "/", "root"), ("GET", "http://h", "root"), ("GET", "/?x=/todos", "root"),
        ("GET", "/todos", "list"), ("HEAD", "/todos", "list"), ("POST", "/todos", "create"),
        ("GET", "/todos?x", "list"), ("GET", "/todos/1", "show 1"),
        ("GET", "/todos/a%20b%2Fc", "show a b/c"), ("GET", "/todos/%ff", "show nil"),
        ("GET", "/todos/%zz", "show nil"), ("GET", "/todos/new", "form"),
        ("GET", "/todos/ne%77", "form"), ("GET", "/%74odos", "list"),
        // Text that lacks the method gives way to a parameter that has it.
        ("GET", "/todos/special", "show special"), ("PUT", "/todos/new", "replace new"),
        ("GET", "/todos/new/tags", "tags"), ("GET", "/todos/new/tags/x", "tag new x"),
        ("GET", "/todos/1/tags/y", "tag 1 y"), ("GET", "/files/readme", "readme"),
        ("GET", "/files/a", "file a"), ("GET", "/files/a/b/", "file a/b/"),
        ("GET", "/files/", "file "), ("GET", "/files/a/raw", "raw a"),
        ("GET", "/files/readme/raw", "raw readme"), ("GET", "/files/a/raw/x", "file a/raw/x"),
        ("GET", "/files//raw", "file /raw"), ("GET", "/slash/", "slash"),
        ("GET", "/a%20b", "space"), ("OPTIONS", "/own", "own options"),
    ]

    @Test("text beats a parameter beats a wildcard", arguments: cases)
    func reached(method: String, target: String, expected: String) throws {
        let response = try ask(router, method, target)
        #expect(response.status == .ok && body(response) == expected)
    }

    static let missing = [
        "/todo", "/todos/", "/todos//", "//", "//todos", "/todos/1/tags", "/todos/1/tags/",
        "/files",
        "/slash", "/TODOS", "/todos/1/2", "/todos%2F1", "/%", "/%7", "/todos/../todos", "/./",
    ]

    @Test("a path that no pattern has is 404", arguments: missing)
    func notFound(target: String) throws {
        #expect(try ask(router, "GET", target).status == .notFound)
        #expect(try ask(router, "OPTIONS", target).status == .notFound)
    }

    @Test("other methods are 405 with Allow, OPTIONS 204 with it, unknown ones 501")
    func methods() throws {
        let refused = try ask(router, "DELETE", "/todos")
        #expect(refused.status == .methodNotAllowed)
        #expect(refused.field("Allow") == "GET, HEAD, POST, OPTIONS")
        let asked = try ask(router, "OPTIONS", "/todos/special")
        #expect(asked.status == .noContent)
        #expect(asked.field("Allow") == "GET, HEAD, POST, PUT, OPTIONS")
        #expect(try ask(router, "HEAD", "/only/delete").status == .methodNotAllowed)
        let all = try ask(router, "OPTIONS", "*")
        #expect(all.field("Allow") == "GET, HEAD, POST, PUT, DELETE, OPTIONS")
        for (method, target) in [("BREW", "/"), ("get", "/"), ("TRACE", "/"), ("CONNECT", "h:1")] {
            #expect(try ask(router, method, target).status == .notImplemented)
        }
    }

    @Test("a router finds what a plain search finds, for generated routes and paths")
    func model() throws {
        var state: UInt64 = 11
        func next(_ bound: UInt64) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % bound)
        }
        let texts = ["a", "b", "ab"]
        var patterns: Set<[String]> = []
        while patterns.count < 40 {
            var pattern = (0...next(4)).map { _ in next(3) == 0 ? ":" : texts[next(3)] }
            if next(4) == 0 { pattern[pattern.count - 1] = "*" }
            patterns.insert(pattern)
        }
        let router = Router { routes in
            for pattern in patterns {
                let named = pattern.enumerated().map { index, segment in
                    segment == ":" ? ":p\(index)" : segment == "*" ? "*rest" : segment
                }
                routes.get(
                    "/" + named.joined(separator: "/"), echo(pattern.joined(separator: "/")))
            }
        }
        for _ in 0..<500 {
            let path = (0...next(5)).map { _ in texts[next(3)] }
            let fitting = patterns.filter { fits($0, path) }
            // At the first segment where two differ, text beats ":" beats "*".
            let best = fitting.min { left, right in
                for (a, b) in zip(left, right) where a != b { return rank(a) < rank(b) }
                return false
            }
            let response = try ask(router, "GET", "/" + path.joined(separator: "/"))
            #expect(response.status == (best == nil ? .notFound : .ok))
            if let best { #expect(body(response) == best.joined(separator: "/")) }
        }
    }

    private func rank(_ segment: String) -> Int { segment == ":" ? 1 : segment == "*" ? 2 : 0 }

    private func fits(_ pattern: [String], _ path: [String]) -> Bool {
        for (index, segment) in pattern.enumerated() {
            if segment == "*" { return path.count > index }
            guard index < path.count, segment == ":" || segment == path[index] else {
                return false
            }
        }
        return pattern.count == path.count
    }
}

@Suite("Routes: what runs around a handler")
struct MiddlewareTests {
    private struct Secret: Error {}

    private let router = Router { routes in
        routes.use { request in
            request.user = "ann"
            return nil
        }
        routes.after { _, response in response.set("X-Outer", literal: "1") }
        routes.get("/who") { request in .text(request.user ?? "nobody") }
        routes.get("/fails") { _ in throw Secret() }
        routes.get("/refuses") { _ in
            throw HTTPError(.conflict, code: "conflict", message: "Taken.")
        }
        routes.get("/later") { _ in .pending }
        routes.group("/api") { api in
            api.get("/", { _ in .text("api") })
            api.get("/x") { request in .text("\(request.storage["k"] as? Int ?? 0)") }
            api.use { request in
                request.storage["k"] = 7
                return request.header("Host") == "h" && request.path.hasSuffix("stop")
                    ? .text("stopped \(request.user ?? "")", status: .forbidden) : nil
            }
            api.get("/stop") { _ in .text("reached") }
            api.after { _, response in
                response.set(
                    "X-Inner", literal: response.field("X-Outer") == nil ? "first" : "second")
            }
            api.group("/v2") { inner in inner.get("/:id", echo("v2", "id")) }
        }
    }

    @Test("middleware runs from the outside in, hooks from the inside out")
    func order() throws {
        #expect(body(try ask(router, "GET", "/who")) == "ann")
        #expect(body(try ask(router, "GET", "/api/x")) == "7")
        #expect(body(try ask(router, "GET", "/api")) == "api")
        #expect(body(try ask(router, "GET", "/api/v2/5")) == "v2 5")
        let stopped = try ask(router, "GET", "/api/stop")
        #expect(stopped.status == .forbidden && body(stopped) == "stopped ann")
        #expect(stopped.field("X-Inner") == "first" && stopped.field("X-Outer") == "1")
        #expect(try ask(router, "GET", "/none").field("X-Outer") == "1")
        #expect(try ask(router, "GET", "/none").field("X-Inner") == nil)
    }

    @Test("what is thrown becomes an answer: its own, or a 500 that tells nothing")
    func errors() throws {
        let refused = try ask(router, "GET", "/refuses")
        #expect(refused.status == .conflict)
        #expect(body(refused) == #"{"code":"conflict","error":"Taken."}"#)
        let failed = try ask(router, "GET", "/fails")
        #expect(failed.status == .internalServerError && failed.field("X-Outer") == "1")
        #expect(!body(failed).contains("Secret") && body(failed).contains("internal_error"))
    }

    @Test("an answer that comes later passes by unchanged")
    func pending() throws {
        let response = try ask(router, "GET", "/later")
        guard case .pending = response.kind else {
            Issue.record("\(response.kind)")
            return
        }
        #expect(response.field("X-Outer") == nil)
    }

    @Test("an app may answer 404 and errors itself")
    func own() throws {
        let router = Router { routes in
            routes.notFound { request in .text("no \(request.path)", status: .notFound) }
            routes.mapErrors { _, _ in .text("mapped", status: .serviceUnavailable) }
            routes.get("/fails") { _ in throw Secret() }
        }
        #expect(body(try ask(router, "GET", "/x")) == "no /x")
        #expect(try ask(router, "GET", "/fails").status == .serviceUnavailable)
    }

    @Test("two routes that would answer the same requests end the process at start")
    func conflict() async {
        await #expect(processExitsWith: .failure) {
            _ = Router { routes in
                routes.get("/a/:x") { _ in .text("") }
                routes.get("/a/:y") { _ in .text("") }
            }
        }
        await #expect(processExitsWith: .failure) {
            _ = Router { routes in routes.get("/*rest/more") { _ in .text("") } }
        }
    }
}

@Suite("Routes: paths without parameters")
struct LiteralPathTests {
    /// Sixty paths that differ in one byte or are parts of each other, and longer ones.
    private static let paths: [String] = {
        var paths = ["/"]
        for index in 0..<60 { paths.append("/a/" + String(index)) }
        for length in [60, 62, 63, 64, 65, 200] {
            paths.append("/" + String(repeating: "x", count: length - 1))
        }
        return paths
    }()

    private let router = Router { routes in
        for (index, path) in Self.paths.enumerated() {
            routes.get(path) { _ in .text("get \(index)") }
            routes.post(path) { _ in .text("post \(index)") }
        }
        routes.get("/a/:id") { _ in .text("parameter") }
        routes.get("/*rest") { _ in .text("rest") }
    }

    @Test("each is found by its own method and nothing else is")
    func all() throws {
        for (index, path) in Self.paths.enumerated() {
            #expect(body(try ask(router, "GET", path)) == "get \(index)")
            #expect(body(try ask(router, "HEAD", path)) == "get \(index)")
            #expect(body(try ask(router, "POST", path)) == "post \(index)")
            #expect(try ask(router, "DELETE", path).status == .methodNotAllowed)
        }
        #expect(body(try ask(router, "GET", "/a/60")) == "parameter")
        #expect(body(try ask(router, "GET", "/%61/7")) == "get 8")
        #expect(body(try ask(router, "GET", "/a")) == "rest")
        #expect(body(try ask(router, "GET", "/a/1/")) == "rest")
        #expect(body(try ask(router, "GET", "/xx")) == "rest")
    }
}

@Suite("Routes: shortcuts")
struct ShortcutTests {
    @Test("a shortcut answers on its path and nowhere else, with what stands around its route")
    func shortcuts() throws {
        let router = Router { routes in
            routes.group("/static") { routes in
                routes.use { request in
                    request.user = "u"
                    return nil
                }
                routes.get(
                    "/*path", cost: .file,
                    shortcuts: ["/a.css", "/own", "/x/b", "/%41"].map { path in
                        Shortcut(path) { .text("short \(path) \($0.user ?? "-")") }
                    }, echo("file", "path"))
                routes.get("/own", echo("own"))
                routes.get("/x/:name", echo("x", "name"))
            }
        }
        for (method, target, text) in [
            ("GET", "/static/a.css", "short /a.css u"), ("GET", "/static/own", "own"),
            ("GET", "/static/x/b", "x b"), ("GET", "/static/b.css", "file b.css"),
            ("HEAD", "/static/a.css", "file a.css"), ("GET", "/static/%61.css", "file a.css"),
            ("GET", "/static/A", "file A"), ("GET", "/static/%41", "file A"),
        ] {
            #expect(body(try ask(router, method, target)) == text, "\(target)")
        }
        #expect(try ask(router, "POST", "/static/a.css").status == .methodNotAllowed)
        let route = try withRequest("GET", "/static/a.css") { request in
            _ = router.respond(to: &request)
            return router.pattern(of: request.route)
        }
        #expect(route == "/static/*path")
    }
}
