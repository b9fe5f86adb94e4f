// JSON Web Tokens that are wrong in every way that RFC 8725 warns of, end to end: in a request's
// field on a page and on a push, and by `auth` on a socket. A refusal says one of two codes and
// nothing of the token.

import Mizu
import MizuTesting
import Testing

@Suite("Attacks with tokens (RFC 8725)")
struct TokenAttackTests {
    private static let secret = [UInt8](repeating: 0x5A, count: 32)
    /// The clock of an app under test.
    private static let now: Int64 = 1_767_225_600

    @Sendable private static func makeApp(_ configuration: Configuration) throws -> App {
        let app = try App(configuration, assets: .none)
        let keys = JWKS([try JWK(secret: secret)])
        let rules = JWTRules(issuer: "https://id.example", audience: "shop")
        app.authenticate(with: JWTAuthenticator(keys: keys, rules: rules))
        let sync = try app.sync(NoteMutator()) { user, scope, action in user != nil }
        mountHandlers(on: app, sync)
        return app
    }

    private static func base64(_ bytes: [UInt8]) -> String {
        String(decoding: Base64.encode(bytes, alphabet: .url), as: UTF8.self)
    }

    private static func token(
        header: String = #"{"alg":"HS256","typ":"JWT"}"#, _ claims: String? = nil,
        secret: [UInt8] = secret
    ) -> String {
        let claims = claims ?? self.claims()
        let input = base64(Array(header.utf8)) + "." + base64(Array(claims.utf8))
        let code = SHA256.authenticationCode(of: Array(input.utf8), key: secret).bytes
        return input + "." + base64(code)
    }

    private static func claims(
        iss: String = "https://id.example", aud: String = "shop", exp: Int64 = now + 60,
        more: String = ""
    ) -> String {
        #"{"iss":"\#(iss)","aud":"\#(aud)","sub":"ann","exp":\#(exp)\#(more)}"#
    }

    struct Attack: Sendable, CustomTestStringConvertible {
        let name: String
        let token: String
        var code = "unauthenticated"
        var testDescription: String { name }
    }

    private static let attacks: [Attack] = {
        let good = token()
        let parts = good.split(separator: ".").map(String.init)
        let (head, body, code) = (parts[0], parts[1], parts[2])
        let none = { (alg: String) in
            base64(Array(#"{"alg":"\#(alg)"}"#.utf8)) + "." + body + "."
        }
        return [
            Attack(name: "alg none", token: none("none")),
            Attack(name: "alg None", token: none("None")),
            Attack(name: "alg nOnE and a code", token: none("nOnE") + code),
            Attack(name: "no alg", token: token(header: #"{"typ":"JWT"}"#)),
            Attack(name: "RS256 with the HMAC key", token: token(header: #"{"alg":"RS256"}"#)),
            Attack(name: "ES256 with the HMAC key", token: token(header: #"{"alg":"ES256"}"#)),
            Attack(name: "HS512 in name", token: token(header: #"{"alg":"HS512"}"#)),
            Attack(name: "two algs", token: token(header: #"{"alg":"none","alg":"HS256"}"#)),
            Attack(
                name: "a key of its own",
                token: token(
                    header: #"{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}}"#,
                    secret: [0, 0, 0])),
            Attack(
                name: "a key from elsewhere",
                token: token(
                    header: #"{"alg":"HS256","jku":"https://evil.example"}"#, secret: [1])),
            Attack(
                name: "crit", token: token(header: #"{"alg":"HS256","crit":["b64"],"b64":false}"#)),
            Attack(name: "another secret", token: token(secret: [UInt8](repeating: 1, count: 32))),
            Attack(name: "an empty secret", token: token(secret: [])),
            Attack(name: "no code", token: head + "." + body + "."),
            Attack(name: "a short code", token: head + "." + body + "." + code.prefix(20)),
            Attack(name: "a changed code", token: good.dropLast() + (good.last == "A" ? "E" : "A")),
            Attack(
                name: "changed claims",
                token: head + "." + base64(Array(claims(more: #","admin":true"#).utf8)) + "." + code
            ),
            Attack(name: "expired", token: token(claims(exp: now - 31)), code: "token_expired"),
            Attack(
                name: "no end",
                token: token(#"{"iss":"https://id.example","aud":"shop","sub":"ann"}"#)),
            Attack(
                name: "an end that is text",
                token: token(
                    #"{"iss":"https://id.example","aud":"shop","sub":"ann","exp":"9999999999"}"#)),
            Attack(name: "not yet", token: token(claims(more: #","nbf":\#(now + 3600)"#))),
            Attack(name: "another audience", token: token(claims(aud: "other"))),
            Attack(name: "another issuer", token: token(claims(iss: "https://id.example.evil"))),
            Attack(
                name: "nobody",
                token: token(#"{"iss":"https://id.example","aud":"shop","exp":\#(now + 60)}"#)),
            Attack(
                name: "oversized",
                token: token(claims(more: #","x":"\#(String(repeating: "x", count: 9_000))""#))),
            Attack(name: "four parts", token: good + ".x"),
            Attack(name: "two parts", token: head + "." + body),
            Attack(name: "five parts, a JWE's", token: "a.b.c.d.e"),
            Attack(name: "dots", token: ".."),
            Attack(name: "no base64", token: "ä.ö.ü"),
            Attack(name: "padded", token: good + "="),
        ]
    }()

    @Test("a bad token opens nothing and tells nothing", arguments: attacks)
    func bad(attack: Attack) async throws {
        let app = try TestApp(Self.makeApp)
        let headers = ["Authorization": "Bearer " + attack.token]
        for (method, path) in [("GET", "/me"), ("POST", "/push/list"), ("GET", "/read/list")] {
            let answer = try await app.send(method, path, headers: headers)
            #expect(answer.status == 401)
            #expect(answer.code == attack.code)
            #expect(!answer.text.contains(attack.token))
        }
        let socket = try await app.socket()
        var writer = JSONWriter()
        writer.string(attack.token)
        let text = String(decoding: writer.finish().array, as: UTF8.self)
        try await socket.send(#"{"type":"auth","ref":"a","token":\#(text)}"#)
        let answer = try await socket.next()
        #expect(answer.type == "error" && answer.code == attack.code, "\(answer)")
        #expect(try await socket.subscribe("sync:list").code == "scope_denied")
    }

    @Test("a good token is taken, by every way, and no longer than it holds")
    func good() async throws {
        let app = try TestApp(Self.makeApp)
        let headers = ["Authorization": "Bearer " + Self.token()]
        #expect(try await app.get("/me", headers: headers).text == "ann")
        let socket = try await app.socket()
        try await socket.send(#"{"type":"auth","ref":"a","token":"\#(Self.token())"}"#)
        #expect(try await socket.next().type == "ack")
        #expect(try await socket.subscribe("sync:list").type == "ack")
        // 60 seconds, and 30 by which clocks may differ.
        try await app.advance(.seconds(95))
        let late = try await app.get("/me", headers: headers)
        #expect(late.status == 401 && late.code == "token_expired")
        #expect(try await socket.next("error").code == "token_expired")
        #expect(try await socket.next("close").closeCode == 1008)
    }

    @Test("two tokens are none, and another scheme is no token")
    func schemes() async throws {
        let app = try TestApp(Self.makeApp)
        let good = Self.token()
        for value in ["Basic YW5uOng=", "Bearer", "bearer\(good)", "Token \(good)"] {
            let answer = try await app.get("/me", headers: ["Authorization": value])
            #expect(answer.status == 401 || answer.text == "nobody", "\(value): \(answer)")
        }
        let twice = try await app.get(
            "/me", headers: ["Authorization": "Bearer \(good)", "authorization": "Bearer \(good)"])
        #expect(twice.status == 401)
    }
}
