// `Authorization: Bearer` and `auth`: what a token makes of a request, what a bad one is answered,
// and that good ones are remembered no longer than they and their keys are good.

import Glibc
import MizuBytes
import MizuCrypto
import MizuJOSE
import Testing

@testable import Mizu

@Suite("Bearer tokens (RFC 6750)")
struct BearerTests {
    private static let secret = [UInt8](repeating: 0x5A, count: 32)
    private static let now: Int64 = 1_790_000_000_000
    private static let rules = JWTRules(issuer: "https://id.example", audience: "shop")

    private static func token(
        _ user: String = "ann", secret: [UInt8] = secret, end: Int64 = now / 1000 + 60
    ) -> String {
        let claims = #"{"iss":"https://id.example","aud":"shop","sub":"\#(user)","exp":\#(end)}"#
        let parts = [#"{"alg":"HS256"}"#, claims].map { base64(Array($0.utf8)) }
        let input = parts.joined(separator: ".")
        let code = SHA256.authenticationCode(of: Array(input.utf8), key: secret).bytes
        return input + "." + base64(code)
    }

    private static func base64(_ bytes: [UInt8]) -> String {
        String(decoding: Base64.encode(bytes, alphabet: .url), as: UTF8.self)
    }

    private static func jwks(_ secret: [UInt8]) -> String {
        #"{"keys":[{"kty":"oct","k":"\#(base64(secret))"}]}"#
    }

    private func outcome(
        _ jwt: JWTAuthenticator, _ token: String, at now: Int64 = now
    ) -> Result<BearerIdentity, BearerRefusal> {
        ByteSlice(token).withUnsafeBytes { bytes in
            do throws(BearerRefusal) {
                return .success(try jwt.identity(of: bytes, atMilliseconds: now))
            } catch {
                return .failure(error)
            }
        }
    }

    @Test("a token is remembered until its end, and forgotten when the keys change")
    func remembered() throws {
        let jwt = JWTAuthenticator(keys: JWKS([try JWK(secret: Self.secret)]), rules: Self.rules)
        let token = Self.token()
        let first = try outcome(jwt, token).get()
        #expect(first.user == "ann")
        #expect(first.expires == Expiry(unixMilliseconds: Self.now + 90_000))
        #expect(first.credential?.hasPrefix("jwt:") == true)
        #expect(first.credential?.contains(token) == false)
        #expect(try outcome(jwt, token).get() == first)
        // Remembered or not, it ends at its end.
        #expect(try outcome(jwt, token, at: Self.now + 89_999).get() == first)
        let late = outcome(jwt, token, at: Self.now + 90_000)
        #expect(throws: BearerRefusal(.expired)) { try late.get() }
        let other = [UInt8](repeating: 1, count: 32)
        jwt.use(JWKS([try JWK(secret: other)]))
        #expect(throws: BearerRefusal(.badSignature)) { try outcome(jwt, token).get() }
        #expect(try outcome(jwt, Self.token(secret: other)).get().user == "ann")
    }

    @Test("what is remembered is bounded, and what is used stays")
    func bounded() {
        var recent = RecentTokens<Int>(countMax: 100)
        func digest(_ number: Int) -> MessageDigest {
            Array("\(number)".utf8).withUnsafeBytes { MessageDigest(sha256: $0) }
        }
        recent.keep(-1, of: digest(-1))
        for number in 0..<1_000 {
            recent.keep(number, of: digest(number))
            #expect(recent.worth(of: digest(-1)) == -1)
            #expect(recent.count <= 101)
        }
        #expect(recent.worth(of: digest(0)) == nil)
        recent.removeAll { $0 == -1 }
        #expect(recent.worth(of: digest(-1)) == nil)
    }

    @Test("a file is read again when it changes; a bad one keeps the old keys")
    func file() throws {
        let folder = "/tmp/mizu-jwks-\(getpid())-\(UInt64.random(in: 0 ... .max))"
        try #require(mkdir(folder, 0o700) == 0)
        let path = folder + "/keys.json"
        defer {
            unlink(path)
            rmdir(folder)
        }
        func write(_ text: String) throws {
            let file = try #require(fopen(path + ".new", "w"))
            fputs(text, file)
            fclose(file)
            try #require(rename(path + ".new", path) == 0)
        }
        #expect(throws: StartError.self) {
            try JWTAuthenticator(keys: path, rules: Self.rules)
        }
        try write("{}")
        let refused = #expect(throws: StartError.self) {
            try JWTAuthenticator(keys: path, rules: Self.rules)
        }
        #expect(refused?.description.hasPrefix(path + ": ") == true)
        try write(Self.jwks(Self.secret))
        let jwt = try JWTAuthenticator(
            keys: path, issuer: "https://id.example", audience: "shop")
        #expect(try outcome(jwt, Self.token()).get().user == "ann")

        var file = try #require(jwt.file)
        #expect(file.look() == nil)
        try write("[]")
        guard case .failure(let error) = file.look() else {
            Issue.record("a bad file was taken")
            return
        }
        #expect(!error.description.contains("\n"))
        #expect(file.look() == nil, "a bad file is reported once")
        try write(Self.jwks([UInt8](repeating: 1, count: 32)))
        guard case .success(let keys) = file.look() else {
            Issue.record("a good file was not taken")
            return
        }
        jwt.use(keys)
        #expect(throws: BearerRefusal.self) { try outcome(jwt, Self.token()).get() }
    }

    @Test("our own tokens are told by prefix and checksum")
    func ownForm() {
        let token = AccessToken.random()
        #expect(token.text.hasPrefix("mizu_") && token.text.utf8.count == AccessToken.textBytes)
        func read(_ text: String) -> AccessToken? {
            ByteSlice(text).withUnsafeBytes { AccessToken($0) }
        }
        #expect(read(token.text) == token)
        #expect(read(token.text.uppercased()) == nil && read("mizu_") == nil)
        for index in token.text.utf8.indices {
            var changed = Array(token.text.utf8)
            let at = token.text.utf8.distance(from: token.text.startIndex, to: index)
            changed[at] = changed[at] == 0x41 ? 0x42 : 0x41
            #expect(read(String(decoding: changed, as: UTF8.self)) == nil)
        }
        #expect(!"\(token)".contains(token.text))
        let jwt = JWTAuthenticator(keys: JWKS([]), rules: Self.rules)
        #expect(!ByteSlice(token.text).withUnsafeBytes { jwt.claims($0) })
    }

    @Test("a refusal is protocol.md's 401 with the challenge of RFC 6750 §3")
    func refusals() {
        let response = BearerRefusal(.expired).response
        #expect(response.status == .unauthorized)
        #expect(
            response.field("WWW-Authenticate")
                == #"Bearer error="invalid_token", error_description="the token has expired""#)
        #expect(response.problem?.code == "token_expired")
        let odd = BearerRefusal(code: "unauthenticated", message: "a \"b\"\r\nX: y")
        #expect(odd.response.field("X") == nil)
    }
}
