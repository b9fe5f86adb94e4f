// Reads and pushes of the server's own code, without a request: as a user and as the server, with
// completions and as `async` functions, bounded, cancelled, and at the database's end.

import Glibc
import MizuServer
import Synchronization
import Testing

@testable import Mizu

private struct Note: Codable, Sendable, Equatable { var id, by: String }

private struct NoteMutator: Mutator {
    func apply(_ mutation: Mutation, to store: inout Transaction) throws(Rejection) {
        guard mutation.name == "note.put" else { throw .unknownMutation }
        struct Args: Codable { var id: String }
        let args: Args = try mutation.args.decode()
        let by = mutation.user?.string ?? "nobody"
        try store.put("note", id: args.id, Note(id: args.id, by: by))
    }
}

/// An app that does not serve: its store is open, as it is before `run`.
private final class Bench: Sendable {
    let sync: Sync

    init() throws {
        let configuration = try Configuration.from(
            environment: ["ADDR": "127.0.0.1:0", "DATABASE_URL": "memory:", "WORKERS": "1"])
        let app = try App(configuration, assets: .none)
        sync = try app.sync(NoteMutator()) { user, scope, action in
            scope != "secret" && (action != .push || user == "ann")
        }
    }

    deinit { sync.service.stop() }

    func put(_ id: String) throws -> Intent { try Intent("note.put", id: "m-\(id)", ["id": id]) }
}

@Suite("Data from anywhere") struct DataFromAnywhereTests {
    @Test("a user's push is authorized like a request's, the server's own is not asked")
    func authors() async throws {
        let bench = try Bench()
        let outcomes = try await bench.sync.push(
            as: .user("ann"), scope: "home", [bench.put("a"), bench.put("b")])
        #expect(outcomes.compactMap(\.error).isEmpty && outcomes.count == 2)
        let refused = await #expect(throws: HTTPError.self) {
            try await bench.sync.push(as: .user("bob"), scope: "home", [bench.put("c")])
        }
        #expect(refused?.status == .forbidden && refused?.code == "scope_denied")
        try await bench.sync.push(as: .server, scope: "secret", [bench.put("d")])
        let notes = try await bench.sync.read("home") { try $0.records("note", as: Note.self) }
        #expect(notes == [Note(id: "a", by: "ann"), Note(id: "b", by: "ann")])
        // Nobody's permission is asked for a read of the server's own.
        let secret = try await bench.sync.read("secret") { try $0.records("note", as: Note.self) }
        #expect(secret == [Note(id: "d", by: "nobody")])
    }

    @Test("a user that is no name is refused, and an intent's refusal is its outcome")
    func refusals() async throws {
        let bench = try Bench()
        let refused = await #expect(throws: HTTPError.self) {
            try await bench.sync.push(as: .user(""), [bench.put("a")])
        }
        #expect(refused?.status == .badRequest)
        let unknown = try Intent("note.eat", ["id": "a"])
        let outcomes = try await bench.sync.push(as: .server, [unknown, bench.put("a")])
        #expect(outcomes.map { $0.error?.code } == ["unknown_mutation", nil])
        // A job that is repeated gives its intents the same ids.
        let again = try await bench.sync.push(as: .server, [bench.put("a")])
        #expect(again.first?.error == nil)
        let count = try await bench.sync.read { try $0.records("note").count }
        #expect(count == 1)
    }

    @Test("the forms with a completion say the same")
    func completions() async throws {
        let bench = try Bench()
        let pushed = await withCheckedContinuation { continuation in
            do {
                bench.sync.push(as: .server, [try bench.put("a")]) {
                    continuation.resume(returning: $0)
                }
            } catch { continuation.resume(returning: .failure(error)) }
        }
        #expect(try pushed.get().count == 1)
        let read = await withCheckedContinuation { continuation in
            bench.sync.read {
                try $0.record("note", id: "a") != nil
            } completion: {
                continuation.resume(returning: $0)
            }
        }
        #expect(try read.get())
    }

    @Test("what the closure throws is thrown, and a store that is closed answers")
    func errors() async throws {
        struct Mishap: Error {}
        let bench = try Bench()
        await #expect(throws: Mishap.self) {
            try await bench.sync.read { _ -> Int in throw Mishap() }
        }
        bench.sync.service.stop()
        let read = await #expect(throws: HTTPError.self) { try await bench.sync.read { _ in 1 } }
        #expect(read?.status == .serviceUnavailable)
        let push = await #expect(throws: HTTPError.self) {
            try await bench.sync.push(as: .server, [bench.put("a")])
        }
        #expect(push?.status == .serviceUnavailable)
    }

    @Test("a cancelled task's read is not begun, or its snapshot ends it")
    func cancellation() async throws {
        let bench = try Bench()
        let sync = bench.sync
        let began = Atomic<Bool>(false)
        await confirmation(expectedCount: 0) { confirm in
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    withUnsafeCurrentTask { $0?.cancel() }
                    await #expect(throws: CancellationError.self) {
                        try await sync.read { _ in confirm() }
                    }
                }
            }
        }
        let reading = Task {
            try await sync.read { snapshot in
                began.store(true, ordering: .releasing)
                while true { _ = try snapshot.records("note") }
            }
        }
        while !began.load(ordering: .acquiring) { await Task.yield() }
        reading.cancel()
        await #expect(throws: CancellationError.self) { try await reading.value }
    }
}

@Suite("Sync in handlers that wait") struct WaitingSyncTests {
    private final class Served: Sendable {
        let server: Server
        let sync: Sync
        var client: LocalClient { LocalClient(port: server.ports[0]) }

        init() throws {
            let configuration = try Configuration.from(
                environment: ["ADDR": "127.0.0.1:0", "DATABASE_URL": "memory:", "WORKERS": "2"])
            let app = try App(configuration, assets: .none)
            app.use(
                quick: { request in
                    request.user = request.header("X-User")
                    return request.user == "session" ? .wait : .pass
                },
                waiting: { request in
                    await Task.yield()
                    request.user = "ann"
                    return nil
                })
            let sync = try app.sync(NoteMutator()) { user, scope, action in
                user == "ann" || (scope == "open" && action != .push)
            }
            app.get("/notes/:scope") { request async throws -> Response in
                let scope = Name(request.parameter("scope") ?? "") ?? .defaultScope
                let notes = try await sync.read(request, scope: scope) { snapshot in
                    try snapshot.records("note", as: Note.self).map(\.id)
                }
                return .text("notes: \(notes.joined(separator: " "))")
            }
            app.post("/notes/:scope/:id") { request async throws -> Response in
                let scope = Name(request.parameter("scope") ?? "") ?? .defaultScope
                let intent = try Intent("note.put", ["id": request.parameter("id") ?? ""])
                let outcomes = try await sync.push(request, scope: scope, [intent])
                if let error = outcomes.first?.error { throw error }
                return .text("pushed")
            }
            server = try Server.start(app.serverConfiguration(), on: app.workers)
            self.sync = sync
        }

        deinit {
            server.drain()
            while !server.hasFinished { _ = poll(nil, 0, 5) }
            sync.service.stop()
        }
    }

    @Test("reads and pushes have the rights of the request's user")
    func rights() throws {
        let served = try Served()
        let push = try served.client.ask("POST", "/notes/open/a", fields: ["X-User: ann"])
        #expect(push.hasSuffix("pushed"))
        // Who that is was found out by middleware that waits.
        let other = try served.client.ask("POST", "/notes/open/b", fields: ["X-User: session"])
        #expect(other.hasSuffix("pushed"))
        let read = try served.client.ask("GET", "/notes/open", fields: ["X-User: bob"])
        #expect(read.hasSuffix("notes: a b"))
        let denied = try served.client.ask("GET", "/notes/closed", fields: ["X-User: bob"])
        #expect(denied.hasPrefix("HTTP/1.1 403") && denied.contains("scope_denied"))
        let refused = try served.client.ask("POST", "/notes/open/c", fields: ["X-User: bob"])
        #expect(refused.hasPrefix("HTTP/1.1 403") && refused.contains("scope_denied"))
    }
}
