// Who wants what is not theirs: internal scopes, another's own scope, the framework's records and
// mutations, and what an id of somebody else's tells. On every wire, in an app that itself allows
// everything.

import Mizu
import MizuTesting
import Testing

@Suite("Attacks on scopes")
struct ScopeAttackTests {
    @Sendable private static func makeApp(_ configuration: Configuration) throws -> App {
        let app = try App(configuration, assets: .none)
        let sync = try app.sync(NoteMutator()) { user, scope, action in scope != "closed" }
        app.presence { session, topic, info in
            .join(PresenceMember(id: session.user ?? session.id, info: info))
        }
        mountHandlers(on: app, sync)
        return app
    }

    @Test("no wire serves an internal scope, to nobody and not to a user", arguments: Wire.allCases)
    func internalScopes(wire: Wire) async throws {
        let app = try TestApp(Self.makeApp)
        for user in [nil, "bob", "mizu:accounts"] {
            for scope in ["mizu:accounts", "mizu:", "mizu:tokens"] {
                let code = try await wire.refusal(app, scope, as: user)
                #expect(code == "scope_denied", "\(scope) as \(user ?? "nobody")")
            }
        }
    }

    @Test("a user's own scope is that user's alone, on every wire", arguments: Wire.allCases)
    func ownScopes(wire: Wire) async throws {
        let app = try TestApp(Self.makeApp)
        for (scope, user) in [
            ("user:ann", nil), ("user:ann", "bob"), ("user:ann", "an"), ("user:ann", "anna"),
            ("user:ann", "user:ann"), ("user:ann", "Ann"), ("user:", nil), ("user:", "bob"),
        ] as [(String, String?)] {
            let code = try await wire.refusal(app, scope, as: user)
            #expect(code == "scope_denied", "\(scope) as \(user ?? "nobody")")
        }
        let presence = wire == .subscribeWithPresence
        let own = try await wire.refusal(app, "user:ann", as: "ann")
        #expect(own == nil || presence, "her own is hers: \(own ?? "")")
    }

    @Test(
        "the framework's mutations cannot be pushed, and its records not be written",
        arguments: ["mizu.session.create", "mizu.account.create", "mizu.grant", "mizu.x"])
    func frameworkMutations(name: String) async throws {
        let app = try TestApp(Self.makeApp)
        for scope in ["user:ann", "list"] {
            let outcome = try await app.push(
                name, json: #"{"user":"ann"}"#, as: "ann", scope: scope)
            #expect(!outcome.isApplied, "\(outcome)")
            let changes = try await app.pull(as: "ann", scope: scope).changes
            #expect(changes.isEmpty)
        }
    }

    @Test("a mutation id of another user tells nothing to who may not see the scope")
    func ids() async throws {
        let app = try TestApp(Self.makeApp)
        let note = Note(id: "n", text: "secret")
        let hers = try await app.push("note.write", note, as: "ann", scope: "hers", id: "known")
        #expect(hers.isApplied)
        // In a scope of one's own the id is as new as any other.
        let his = try await app.push(
            "note.write", Note(id: "n", text: "his"), as: "bob", scope: "his", id: "known")
        #expect(his.isApplied && !his.isDuplicate && his.changes.count == 1)
        // Where one may not write, a known id and an unknown one are answered alike.
        let writer = try await app.push("note.write", note, as: "ann", scope: "closed", id: "known")
        #expect(writer.code == "scope_denied")
        let answers = try await [
            app.push("note.write", note, as: "bob", scope: "user:ann", id: "known"),
            app.push("note.write", note, as: "bob", scope: "user:ann", id: "unknown"),
        ]
        #expect(Set(answers.map { "\($0.json.bytes.array)" }).count == 1)
        // Who pushes another's id where both may write is not told what the other's did.
        let again = try await app.push("note.write", note, as: "bob", scope: "hers", id: "known")
        #expect(again.changes.isEmpty)
        let other = try await app.push(
            "note.write", Note(id: "n", text: "guess"), as: "bob", scope: "hers", id: "known")
        #expect(!other.isApplied && other.code == "id_reused")
        #expect(other.error?.contains("secret") == false)
    }

    @Test("another origin's form, push and socket are refused, with cookies and without")
    func origins() async throws {
        let app = try TestApp(Self.makeApp)
        for foreign in ["https://evil.example", "null", "http://localhost:81"] {
            let headers = ["Origin": foreign, "Sec-Fetch-Site": "cross-site"]
            for path in ["/push/list", "/_sync/push", "/_sync/pull", "/_sync/snapshot"] {
                let answer = try await app.send(
                    "POST", path, as: "ann", headers: headers, type: "application/json",
                    body: Array("{}".utf8))
                #expect(
                    answer.status == 403 && answer.code == "origin_denied", "\(foreign) \(path)")
            }
            await #expect(throws: TestError.self, "\(foreign)") {
                try await app.socket(as: "ann", headers: headers)
            }
        }
        let noOrigin = try await app.send(
            "POST", "/push/list", as: "ann",
            headers: ["Origin": "", "Sec-Fetch-Site": "cross-site"])
        #expect(noOrigin.status == 403)
    }

    @Test("names that are none, and names of the greatest length, are answered and nothing more")
    func names() async throws {
        let app = try TestApp(Self.makeApp)
        for scope in ["", String(repeating: "x", count: 129), "a\\u0000b", "mizu:\\u0000"] {
            let json = #"{"scope":"\#(scope)","cursor":0}"#
            let answer = try await app.post("/_sync/pull", json: json, as: "bob")
            #expect(answer.status == 400, "\(answer)")
        }
        let long = "user:" + String(repeating: "x", count: 123)
        #expect(try await app.pull(as: "bob", scope: long).code == "scope_denied")
    }
}
