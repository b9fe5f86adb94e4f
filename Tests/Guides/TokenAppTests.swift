// The guide's examples of tokens, as whole apps.

import Foundation
import Mizu
import MizuTesting
import Testing

@Suite("The guide's examples of tokens")
struct TokenAppTests {
    @Test("an app takes the tokens of an issuer, and tokens of its own")
    func both() async throws {
        let path = NSTemporaryDirectory() + "mizu-guide-" + UUID().uuidString + ".json"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let keys = """
            {"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}
            """
        try keys.write(toFile: path, atomically: true, encoding: .utf8)
        let app = try TestApp { configuration in
            let app = try App(configuration, assets: .none)
            let sync = try app.sync(PutMutator()) { user, _, _ in user != nil }
            try takeTokensOfOthers(app, keys: path)
            _ = try giveTokens(app, sync)
            return app
        }
        let refused = try await app.post(
            "/tokens", form: [:], headers: ["Authorization": "Bearer a.b.c"])
        #expect(refused.status == 401 && refused.code == "unauthenticated")
        let made = try await app.post("/tokens", form: ["name": "backup"], as: "ann")
        #expect(made.status == 200 && made.text.hasPrefix("mizu_"))
        let headers = ["Authorization": "Bearer \(made.text)"]
        let pulled = try await app.post(
            "/_sync/pull", json: ["scope": "shop"], headers: headers)
        #expect(pulled.status == 200)
        let other = try await app.post(
            "/_sync/pull", json: ["scope": "other"], headers: headers)
        #expect(other.status == 403 && other.code == "scope_denied")
        let again = try await app.post("/tokens", form: ["name": "x"], headers: headers)
        #expect(again.status == 401)
    }

    @Test("stricter rules are a few lines")
    func strict() throws {
        let missing = "/nonexistent/jwks.json"
        _ = try TestApp { configuration in
            let app = try App(configuration, assets: .none)
            #expect(throws: StartError.self) { try takeStrictTokens(app, keys: missing) }
            return app
        }
    }
}
