// Pages that are kept by position, in a whole app: what a commit does to them, scopes and users
// apart, a crowd that asks at once, what is never shared, and development, where nothing is kept.

import Glibc
import MizuServer
import Synchronization
import Testing

@testable import Mizu

private struct NoteMutator: Mutator {
    func apply(_ mutation: Mutation, to store: inout Transaction) throws(Rejection) {
        struct Note: Codable { var id: String }
        let note: Note = try mutation.args.decode()
        try store.put("note", id: note.id, note)
    }
}

private final class PageApp: Sendable {
    let server: Server
    let sync: Sync
    /// How often a page was made.
    let makes: Counter
    let gate = Gate()
    var client: LocalClient { LocalClient(port: server.ports[0]) }

    final class Counter: Sendable {
        let value = Atomic<Int>(0)
        func next() -> Int { value.add(1, ordering: .relaxed).newValue }
        var count: Int { value.load(ordering: .relaxed) }
    }

    /// What a page waits at while it is shut; for a minute at most.
    final class Gate: Sendable {
        let isShut = Atomic<Bool>(false)
        func pass() {
            for _ in 0..<12_000 where isShut.load(ordering: .acquiring) { _ = poll(nil, 0, 5) }
        }
    }

    init(_ environment: [String: String] = [:], isDevelopment: Bool = false) throws {
        let settings = ["ADDR": "127.0.0.1:0", "DATABASE_URL": "memory:", "WORKERS": "2"]
        var configuration = try Configuration.from(
            environment: settings.merging(environment) { $1 })
        configuration.isDevelopment = isDevelopment
        // While a crowd gathers at the gate.
        configuration.reads.runMilliseconds = 120_000
        configuration.reads.waitMilliseconds = 120_000
        let app = try App(configuration, assets: .none)
        app.use { request in
            request.user = request.header("X-User")
            return nil
        }
        let sync = try app.sync(NoteMutator()) { user, scope, action in
            scope != "secret" || user == "ann"
        }
        let (makes, gate) = (Counter(), self.gate)
        app.get("/page/:scope") { request in
            let scope = Name(request.parameter("scope") ?? "") ?? .defaultScope
            return try sync.page(request, scope: scope, key: "notes", for: .everybody) { snapshot in
                let number = makes.next()
                gate.pass()
                let count = try snapshot.records("note").count
                let filling = String(repeating: ".", count: 999)
                return .html("<p>\(count) notes, made \(number)\(filling)")
            }
        }
        app.get("/mine") { request in
            let user = request.user ?? "nobody"
            return try sync.page(request, key: "mine") { _ in
                _ = makes.next()
                return .html("<p>of \(user)")
            }
        }
        app.get("/cookie") { request in
            try sync.page(request, key: "cookie") { _ in
                gate.pass()
                var response = Response.html("<p>cookie")
                try response.set("Set-Cookie", "visit=\(makes.next())")
                return response
            }
        }
        app.get("/many/:key") { request in
            try sync.page(request, key: request.parameter("key") ?? "") { _ in
                _ = makes.next()
                return .html(String(repeating: "x", count: 100_000))
            }
        }
        app.get("/missing") { request in
            try sync.page(request, key: "missing") { _ in
                _ = makes.next()
                throw HTTPError(.notFound, code: "not_found", message: "no such note")
            }
        }
        app.post("/note/:scope/:id") { request in
            let scope = Name(request.parameter("scope") ?? "") ?? .defaultScope
            let intent = try Intent("note.put", ["id": request.parameter("id") ?? ""])
            return try sync.push(request, scope: scope, [intent]) { _ in .status(.noContent) }
        }
        server = try Server.start(app.serverConfiguration(), on: app.workers)
        self.sync = sync
        self.makes = makes
    }

    deinit {
        server.drain()
        while !server.hasFinished { _ = poll(nil, 0, 5) }
        sync.service.stop()
    }

    func get(_ path: String, _ fields: String...) throws -> String {
        try client.ask("GET", path, fields: fields)
    }

    func add(_ id: String, to scope: String) throws {
        #expect(try client.ask("POST", "/note/\(scope)/\(id)").hasPrefix("HTTP/1.1 204"))
    }

    /// Asks `count` times at once, shuts the gate until all of them wait, and returns the answers.
    func crowd(_ path: String, _ count: Int) throws -> [String] {
        gate.isShut.store(true, ordering: .releasing)
        let answers = Box()
        let threads = (0..<count).map { _ in
            Running { [self] in
                let answer = (try? get(path)) ?? ""
                answers.list.withLock { $0.append(answer) }
            }
        }
        for _ in 0..<12_000 where (sync.pages?.waiterCount ?? 0) < count { _ = poll(nil, 0, 5) }
        gate.isShut.store(false, ordering: .releasing)
        for thread in threads { thread.join() }
        return answers.list.withLock { $0 }
    }

    private final class Box: Sendable {
        let list = Mutex<[String]>([])
    }
}

/// A thread of the test's own.
private final class Running: Sendable {
    private let thread: Mutex<pthread_t>

    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    init(_ run: @escaping @Sendable () -> Void) {
        var id = pthread_t()
        let body = Unmanaged.passRetained(Body(run)).toOpaque()
        pthread_create(
            &id, nil,
            { body in
                if let body { Unmanaged<Body>.fromOpaque(body).takeRetainedValue().run() }
                return nil
            }, body)
        thread = Mutex(id)
    }

    func join() { _ = thread.withLock { pthread_join($0, nil) } }
}

private func tag(_ answer: String) throws -> String {
    let start = try #require(answer.firstRange(of: "ETag: ")).upperBound
    return String(answer[start...].prefix { $0 != "\r\n" })
}

@Suite("Pages by position in an app", .serialized)
struct SyncPageTests {
    @Test("a page is made once for each position, and each commit makes the next one new")
    func position() throws {
        let app = try PageApp()
        for round in 0..<4 {
            for _ in 0..<3 {
                let answer = try app.get("/page/s")
                #expect(answer.hasPrefix("HTTP/1.1 200") && answer.contains(">\(round) notes"))
            }
            #expect(app.makes.count == round + 1)
            try app.add("n\(round)", to: "s")
        }
    }

    @Test("a tag is of one position; whoever has the page is told so")
    func tags() throws {
        let app = try PageApp()
        let first = try app.get("/page/s")
        let tag1 = try tag(first)
        #expect(tag1.hasPrefix("\"") && tag1.hasSuffix("-0\""))
        let known = try app.get("/page/s", "If-None-Match: \(tag1)")
        #expect(known.hasPrefix("HTTP/1.1 304") && known.hasSuffix("\r\n\r\n"))
        #expect(try app.get("/page/s", "If-None-Match: W/\(tag1)").hasPrefix("HTTP/1.1 304"))
        #expect(try app.get("/page/s", "If-Match: \"x\"").hasPrefix("HTTP/1.1 412"))
        try app.add("n", to: "s")
        let next = try app.get("/page/s", "If-None-Match: \(tag1)")
        #expect(try next.hasPrefix("HTTP/1.1 200") && tag(next).hasSuffix("-1\""))
        let gzip = try app.get("/page/s", "Accept-Encoding: gzip")
        #expect(gzip.contains("Content-Encoding: gzip") && gzip.contains("-1-gzip\""))
        #expect(app.makes.count == 2)
    }

    @Test("scopes stand for themselves, and permission is asked each time")
    func scopes() throws {
        let app = try PageApp()
        _ = try app.get("/page/a")
        _ = try app.get("/page/b")
        try app.add("n", to: "a")
        #expect(try app.get("/page/a").contains(">1 notes"))
        #expect(try app.get("/page/b").contains(">0 notes"))
        #expect(app.makes.count == 3)
        #expect(try app.get("/page/secret", "X-User: ann").hasPrefix("HTTP/1.1 200"))
        #expect(try app.get("/page/secret", "X-User: ann").hasPrefix("HTTP/1.1 200"))
        #expect(try app.get("/page/secret", "X-User: bob").hasPrefix("HTTP/1.1 403"))
        #expect(try app.get("/page/secret").hasPrefix("HTTP/1.1 403"))
    }

    @Test("each user has pages of their own, unless the app says otherwise")
    func users() throws {
        let app = try PageApp()
        for _ in 0..<2 {
            #expect(try app.get("/mine", "X-User: ann").contains("of ann"))
            #expect(try app.get("/mine", "X-User: bob").contains("of bob"))
            #expect(try app.get("/mine").contains("of nobody"))
        }
        #expect(app.makes.count == 3)
        let ann = try tag(app.get("/mine", "X-User: ann"))
        let bob = try app.get("/mine", "X-User: bob", "If-None-Match: \(ann)")
        #expect(bob.hasPrefix("HTTP/1.1 200"), "another's page is no page of one's own")
    }

    @Test("a crowd is shown one page, made once")
    func crowd() throws {
        let app = try PageApp()
        _ = try app.get("/page/s")
        try app.add("n", to: "s")
        let answers = try app.crowd("/page/s", 20)
        #expect(answers.count == 20 && Set(answers.map { $0.hasPrefix("HTTP/1.1 200") }) == [true])
        #expect(answers.allSatisfy { $0.contains(">1 notes, made 2.") })
        #expect(app.makes.count == 2)
    }

    @Test("an answer with a cookie is nobody else's, not even in a crowd")
    func cookies() throws {
        let app = try PageApp()
        let answers = try app.crowd("/cookie", 8)
        let cookies = answers.compactMap { answer in
            answer.firstRange(of: "visit=").map { answer[$0.upperBound...].prefix { $0 != "\r\n" } }
        }
        #expect(Set(cookies).count == 8 && app.makes.count == 8)
    }

    @Test("an error is not kept")
    func errors() throws {
        let app = try PageApp()
        for round in 1...2 {
            let answer = try app.get("/missing")
            #expect(answer.hasPrefix("HTTP/1.1 404") && !answer.contains("ETag"))
            #expect(app.makes.count == round)
        }
    }

    @Test("PAGE_CACHE bounds what is kept, and `off` keeps nothing")
    func memory() throws {
        let app = try PageApp(["PAGE_CACHE": "1"])
        for key in 0..<12 { _ = try app.get("/many/\(key)") }
        #expect(app.makes.count == 12)
        _ = try app.get("/many/11")
        #expect(app.makes.count == 12)
        _ = try app.get("/many/0")
        #expect(app.makes.count == 13)
        let off = try PageApp(["PAGE_CACHE": "off"])
        for _ in 0..<2 { #expect(try !off.get("/page/s").contains("ETag")) }
        #expect(off.makes.count == 2)
    }

    @Test("in development every page is made anew")
    func development() throws {
        let app = try PageApp(isDevelopment: true)
        for round in 1...2 { #expect(try app.get("/page/s").contains("made \(round).")) }
    }
}
