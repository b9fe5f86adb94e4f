// Tokens of an app's own users: what they open, what they do not, and that a revoked one opens
// nothing from that moment on.

import Foundation
import MizuTesting
import Synchronization
import Testing

@testable import Mizu

private struct PutMutator: Mutator {
    func apply(_ mutation: Mutation, to store: inout Transaction) throws(Rejection) {
        struct Arguments: Decodable { var id: String }
        let arguments: Arguments = try mutation.args.decode()
        try store.put("note", id: arguments.id, ["by": mutation.user?.string])
    }
}

@Suite("Tokens of our own")
struct AccessTokenTests {
    /// The handle of the tokens, which the app's thread leaves for the test's.
    private final class Made: Sendable {
        let tokens = Mutex<AccessTokens?>(nil)
    }

    private static func app(
        _ made: Made, settings: [String: String] = [:]
    ) throws -> TestApp {
        try TestApp(settings: settings) { configuration in
            let app = try App(configuration, assets: .none)
            let sync = try app.sync(PutMutator()) { user, _, _ in user != nil }
            let tokens = try app.accessTokens(sync)
            made.tokens.withLock { $0 = tokens }
            app.get("/me") { request in .text(request.user ?? "nobody") }
            app.get("/waits/:scope") { (request: OwnedRequest) async throws -> Response in
                let scope = Name(request.parameter("scope") ?? "") ?? .defaultScope
                let count = try await sync.read(request, scope: scope) { snapshot in
                    try snapshot.records("note").count
                }
                return .text("\(count)")
            }
            app.post("/waits/:scope") { (request: OwnedRequest) async throws -> Response in
                let scope = Name(request.parameter("scope") ?? "") ?? .defaultScope
                let intent = try Intent("note.put", ["id": "waited"])
                try await sync.push(request, scope: scope, [intent])
                return .text("done")
            }
            return app
        }
    }

    private static func bearer(_ token: AccessToken) -> [String: String] {
        ["Authorization": "Bearer \(token.text)"]
    }

    private func push(
        _ app: TestApp, _ id: String, _ headers: [String: String], scope: String = "home"
    ) async throws -> TestStatus {
        let body =
            #"{"scope":"\#(scope)","mutations":[{"id":"\#(id)","name":"note.put","#
            + #""args":{"id":"\#(id)"}}]}"#
        return try await app.post("/_sync/push", json: body, headers: headers).status
    }

    @Test("a token is its user's, in requests and in sockets, until it is revoked")
    func life() async throws {
        let made = Made()
        let app = try Self.app(made)
        let tokens = try #require(made.tokens.withLock { $0 })
        let (token, info) = try await tokens.create(for: "ann", name: "backup")
        let headers = Self.bearer(token)
        #expect(try await app.get("/me", headers: headers).text == "ann")
        #expect(try await app.get("/me").text == "nobody")
        #expect(try await push(app, "m1", headers) == 200)
        let opened = try await app.socket(headers: headers)
        let socket = try await app.socket()
        try await socket.send(#"{"type":"auth","ref":"1","token":"\#(token.text)"}"#)
        #expect(try await socket.next("ack").ref == "1")
        #expect(try await tokens.list(of: "ann") == [info])
        #expect(try await tokens.list(of: "bob").isEmpty)
        #expect(info.name == "backup" && info.writes && info.scopes == nil)

        await #expect(throws: HTTPError.self) { try await tokens.revoke(info.id, of: "bob") }
        try await tokens.revoke(info.id, of: "ann")
        #expect(try await tokens.list(of: "ann").isEmpty)
        let refused = try await app.get("/me", headers: headers)
        #expect(refused.status == 401 && refused.code == "unauthenticated")
        #expect(refused.header("WWW-Authenticate")?.hasPrefix("Bearer error=") == true)
        #expect(try await opened.next("error").code == "token_expired")
        #expect(try await socket.next("error").code == "token_expired")
        #expect(try await push(app, "m2", headers) == 401)
    }

    @Test("a token with limits reads and writes within them, and opens no socket")
    func limits() async throws {
        let made = Made()
        let app = try Self.app(made)
        let tokens = try #require(made.tokens.withLock { $0 })
        let reader = Self.bearer(
            try await tokens.create(for: "ann", name: "reader", right: .read).token)
        let home = Self.bearer(
            try await tokens.create(for: "ann", name: "home", scopes: ["home"]).token)
        func pull(_ scope: String, _ headers: [String: String]) async throws -> TestStatus {
            try await app.post(
                "/_sync/pull", json: ["scope": scope], headers: headers
            ).status
        }
        #expect(try await pull("home", reader) == 200)
        #expect(try await pull("work", reader) == 200)
        #expect(try await push(app, "m1", reader) == 403)
        #expect(try await pull("home", home) == 200)
        #expect(try await push(app, "m2", home) == 200)
        #expect(try await pull("work", home) == 403)
        #expect(try await push(app, "m3", home, scope: "work") == 403)
        let snapshot = try await app.post(
            "/_sync/snapshot", json: ["scope": "work"], headers: home)
        #expect(snapshot.status == 403)
        // The same where the app's own handlers wait.
        for (scope, status) in [("home", TestStatus(200)), ("work", 403)] {
            #expect(try await app.get("/waits/\(scope)", headers: home).status == status)
            let pushed = try await app.post("/waits/\(scope)", form: [:], headers: home)
            #expect(pushed.status == status)
        }
        #expect(try await app.get("/waits/work", headers: reader).status == 200)
        let pushed = try await app.post("/waits/home", form: [:], headers: reader)
        #expect(pushed.code == "scope_denied")
        await #expect(throws: TestError.self) { try await app.socket(headers: reader) }
        let text = try #require(home["Authorization"]?.dropFirst("Bearer ".count))
        let socket = try await app.socket()
        try await socket.send(#"{"type":"auth","ref":"1","token":"\#(text)"}"#)
        #expect(try await socket.next("error").code == "unauthenticated")
    }

    @Test("a token ends at its end, and one that was never made is refused")
    func end() async throws {
        let made = Made()
        let app = try Self.app(made)
        let tokens = try #require(made.tokens.withLock { $0 })
        let until: Int64 = 1_767_225_600_000 + 60_000
        let token = try await tokens.create(
            for: "ann", name: "short", untilMilliseconds: until
        ).token
        #expect(try await app.get("/me", headers: Self.bearer(token)).text == "ann")
        try await app.advance(.seconds(61))
        #expect(try await app.get("/me", headers: Self.bearer(token)).code == "token_expired")
        let invented = try await app.get("/me", headers: Self.bearer(AccessToken.random()))
        #expect(invented.code == "unauthenticated")
        let torn = ["Authorization": "Bearer \(token.text.dropLast(3))"]
        #expect(try await app.get("/me", headers: torn).code == "unauthenticated")
        let basic = try await app.get("/me", headers: ["Authorization": "Basic YTpi"])
        #expect(basic.text == "nobody", "another scheme is not ours")
    }

    @Test("tokens survive a restart, and no text of one is in the database's files")
    func restart() async throws {
        let folder = NSTemporaryDirectory() + "mizu-tokens-" + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let settings = ["DATABASE_URL": "sqlite:\(folder)/app.db"]
        let made = Made()
        let first = try Self.app(made, settings: settings)
        let tokens = try #require(made.tokens.withLock { $0 })
        let (kept, _) = try await tokens.create(for: "ann", name: "kept")
        let (gone, info) = try await tokens.create(for: "ann", name: "gone")
        try await tokens.revoke(info.id, of: "ann")
        first.stop()
        made.tokens.withLock { $0 = nil }
        let second = try Self.app(made, settings: settings)
        #expect(try await second.get("/me", headers: Self.bearer(kept)).text == "ann")
        #expect(try await second.get("/me", headers: Self.bearer(gone)).status == 401)
        let again = try #require(made.tokens.withLock { $0 })
        #expect(try await again.list(of: "ann").map(\.name) == ["kept"])
        try await again.revokeAll(of: "ann")
        #expect(try await second.get("/me", headers: Self.bearer(kept)).status == 401)
        second.stop()
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
            let bytes = FileManager.default.contents(atPath: folder + "/" + name)
            #expect(bytes?.range(of: Data(kept.text.utf8)) == nil, "\(name)")
        }
    }

    @Test("a user has a hundred tokens at most, with names")
    func bounds() async throws {
        let made = Made()
        let app = try Self.app(made)
        defer { app.stop() }
        let tokens = try #require(made.tokens.withLock { $0 })
        for number in 0..<100 { _ = try await tokens.create(for: "ann", name: "\(number)") }
        await #expect(throws: HTTPError.self) { try await tokens.create(for: "ann", name: "x") }
        _ = try await tokens.create(for: "bob", name: "x")
        for name in ["", String(repeating: "a", count: 201)] {
            await #expect(throws: HTTPError.self) {
                try await tokens.create(for: "bob", name: name)
            }
        }
        await #expect(throws: HTTPError.self) {
            try await tokens.create(for: "bob", name: "none", scopes: [])
        }
    }
}
