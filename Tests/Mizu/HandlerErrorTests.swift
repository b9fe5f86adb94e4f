// What is thrown by a handler, or by the closures that answer a read or a push later: one log line
// with the route, a page for a browser, and in development the cause in it.

import Glibc
import Logging
import MizuServer
import Synchronization
import Testing

@testable import Mizu

private struct Broken: Error, CustomStringConvertible {
    let description = "the flux is <out> of phase"
}

private struct NoMutator: Mutator {
    func apply(_ mutation: Mutation, to store: inout Transaction) throws(Rejection) {}
}

/// An app with failing routes on a port of its own, and what it logs.
private final class FailingApp: Sendable {
    let server: Server
    let service: SyncService
    private let lines: Lines
    var log: [String] { lines.lines.withLock { $0 } }

    final class Lines: Sendable {
        let lines = Mutex<[String]>([])
    }

    private struct Handler: LogHandler {
        let lines: Lines
        var logLevel = Logger.Level.info
        var metadata = Logger.Metadata()
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }
        func log(event: LogEvent) {
            lines.lines.withLock { $0.append("\(event.message)") }
        }
    }

    init(
        isDevelopment: Bool = false, runMilliseconds: UInt64 = 10_000,
        _ declare: (App) -> Void = { _ in }
    ) throws {
        var configuration = try Configuration.from(
            environment: ["ADDR": "127.0.0.1:0", "DATABASE_URL": "memory:", "WORKERS": "1"])
        configuration.isDevelopment = isDevelopment
        configuration.reads.runMilliseconds = runMilliseconds
        let app = try App(configuration, assets: .none)
        let sync = try app.sync(NoMutator())
        app.get("/handler/:id") { _ in throw Broken() }
        app.get("/read") { request in try sync.read(request) { _ in throw Broken() } }
        app.get("/gone") { request in
            try sync.read(request) { _ in
                throw HTTPError(.notFound, code: "not_found", message: "no such note")
            }
        }
        app.get("/all") { request in
            try sync.read(request) { snapshot in
                let page = try snapshot.page(of: "note", after: "")
                return .text("\(page.records.count)")
            }
        }
        app.get("/slow") { request in
            try sync.read(request) { snapshot in .text("\(try snapshot.records("note").count)") }
        }
        app.post("/push") { request in
            try sync.push(request, [Intent("x", ["a": 1])]) { _ in throw Broken() }
        }
        declare(app)
        let lines = Lines()
        var server = app.serverConfiguration()
        server.logger = Logger(label: "test") { _ in Handler(lines: lines) }
        self.server = try Server.start(server, on: app.workers)
        service = sync.service
        self.lines = lines
    }

    deinit {
        server.drain()
        while !server.hasFinished { _ = poll(nil, 0, 5) }
        service.stop()
    }

    /// One answer on a connection of its own, as text.
    func ask(_ method: String, _ path: String, accept: String? = nil) throws -> String {
        try LocalClient(port: server.ports[0]).ask(
            method, path, fields: accept.map { ["Accept: \($0)"] } ?? [])
    }
}

@Suite("What handlers throw", .serialized)
struct HandlerErrorTests {
    private static let browser = "text/html,*/*;q=0.8"

    @Test(
        "is logged once with its route, wherever it was thrown, and told without the cause",
        arguments: [
            ("GET", "/handler/7?token=secret", "/handler/:id"), ("GET", "/read", "/read"),
            ("POST", "/push", "/push"),
        ])
    func logged(method: String, path: String, pattern: String) throws {
        let app = try FailingApp()
        let json = try app.ask(method, path)
        #expect(json.hasPrefix("HTTP/1.1 500 "))
        #expect(json.contains("\"code\":\"internal_error\"") && !json.contains("flux"))
        #expect(app.log.count == 1)
        let line = try #require(app.log.first)
        #expect(line.hasPrefix("\(method) \(pattern) failed (request "))
        #expect(line.hasSuffix("): the flux is <out> of phase"))
        let id = line.dropFirst("\(method) \(pattern) failed (request ".count).prefix(16)
        #expect(json.contains("\"request_id\":\"\(id)\"") && json.contains("X-Request-Id: \(id)"))
        let page = try app.ask(method, path, accept: Self.browser)
        #expect(page.hasPrefix("HTTP/1.1 500 ") && page.contains("<h1>Internal Server Error</h1>"))
        #expect(!page.contains("flux"))
        #expect(app.log.count == 2)
    }

    @Test("in development the page shows the error and its route, and JSON says the cause")
    func development() throws {
        let app = try FailingApp(isDevelopment: true)
        for (path, pattern) in [("/handler/7", "/handler/:id"), ("/read", "/read")] {
            let page = try app.ask("GET", path, accept: Self.browser)
            #expect(page.contains("the flux is &lt;out&gt; of phase"))
            #expect(page.contains("GET \(pattern)"))
            #expect(try app.ask("GET", path).contains("\"cause\":\"the flux is <out> of phase\""))
        }
    }

    @Test("an HTTPError of a closure is its own answer and no line in the log")
    func answer() throws {
        let app = try FailingApp()
        #expect(try app.ask("GET", "/gone").contains("no such note"))
        #expect(try app.ask("GET", "/gone", accept: Self.browser).contains("<p>no such note</p>"))
        #expect(try app.ask("GET", "/all").hasPrefix("HTTP/1.1 400 "))
        #expect(app.log == [])
    }

    @Test("a read that takes longer than it may is 503 and one line in the log")
    func slow() throws {
        let app = try FailingApp(runMilliseconds: 0)
        let answer = try app.ask("GET", "/slow")
        #expect(answer.hasPrefix("HTTP/1.1 503 ") && answer.contains("Retry-After: 1"))
        #expect(answer.contains("\"code\":\"unavailable\""))
        #expect(app.log.count == 1 && app.log[0].hasPrefix("GET /slow failed (request "))
    }

    @Test("an app's own page is shown, and a plain one where it gives none")
    func ownPage() throws {
        let app = try FailingApp { app in
            app.errorPage { error in
                error.status == .notFound ? .html("<p>mine: \(error.code)</p>") : nil
            }
        }
        let missing = try app.ask("GET", "/nowhere", accept: Self.browser)
        #expect(missing.hasPrefix("HTTP/1.1 404 ") && missing.contains("<p>mine: not_found</p>"))
        #expect(try app.ask("GET", "/read", accept: Self.browser).contains("<main>"))
        #expect(try app.ask("GET", "/nowhere").contains("Not Found\n"))
    }
}
