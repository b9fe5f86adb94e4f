// Signed messages: those of the RFCs are taken, and each of them with any one thing changed is not.

import MizuBytes
import MizuTestSupport
import Testing

@testable import MizuJOSE

@Suite("JWS in compact form (RFC 7515, 7520, 8037)")
struct JWSTests {
    private func verify(
        _ token: [UInt8], _ keys: JWKS, bytesMax: Int = 8_192
    ) -> Result<JWS, JWTRefusal> {
        token.withUnsafeBytes { bytes in
            do throws(JWTRefusal) {
                return .success(try JWS.verify(bytes, by: keys, bytesMax: bytesMax))
            } catch {
                return .failure(error)
            }
        }
    }

    private func isTaken(_ token: String, _ keys: JWKS) -> Bool {
        if case .success = verify(Array(token.utf8), keys) { true } else { false }
    }

    private func refusal(_ token: String, _ keys: JWKS) -> JWTRefusal? {
        if case .failure(let refusal) = verify(Array(token.utf8), keys) { refusal } else { nil }
    }

    @Test("a message that an RFC prints is taken, its payload as it was", arguments: Vector.all)
    func vectors(vector: Vector) throws {
        let message = try verify(Array(vector.token.utf8), Signing.keys(vector.key)).get()
        let parts = vector.token.split(separator: ".")
        #expect(Signing.base64(message.payload.array) == String(parts[1]))
    }

    @Test("a message is refused if any character of it is another", arguments: Vector.all)
    func changed(vector: Vector) throws {
        let keys = try Signing.keys(vector.key)
        let token = Array(vector.token.utf8)
        // Each character of the header and the signature, and some of a long payload.
        let step = max(1, token.count / 150)
        for index in stride(from: 0, to: token.count, by: step) where token[index] != 0x2E {
            var changed = token
            changed[index] = token[index] == 0x41 ? 0x42 : 0x41
            if case .success = verify(changed, keys) { Issue.record("taken, changed at \(index)") }
        }
    }

    @Test("a message that was cut anywhere is refused", arguments: Vector.all)
    func truncated(vector: Vector) throws {
        let keys = try Signing.keys(vector.key)
        let token = Array(vector.token.utf8)
        let step = max(1, token.count / 200)
        for count in stride(from: 0, to: token.count, by: step) {
            if case .success = verify(Array(token.prefix(count)), keys) {
                Issue.record("taken with \(count) bytes")
            }
        }
        #expect(!isTaken(vector.token + "AA", keys) && !isTaken(vector.token + "AAAA", keys))
        #expect(refusal(vector.token + "=", keys) == .malformed("signature"))
        #expect(refusal(vector.token + ".", keys) == .malformed("form"))
        #expect(refusal(vector.token + "\n", keys) == .malformed("signature"))
    }

    @Test("a message of an algorithm that is not taken is refused (RFC 7520 §4.2, RFC 7515 A.5)")
    func otherAlgorithms() throws {
        let vector = Vector.cookbookPS384
        #expect(try refusal(vector.token, Signing.keys(vector.key)) == .wrongAlgorithm)
        let payload = Vector.hs256.token.split(separator: ".")[1]
        for none in ["none", "None", "NONE", "nOnE", "", "HS384", "hs256", "RS256 ", "ES256K"] {
            let header = Signing.base64(#"{"alg":"\#(none)"}"#)
            for vector in Vector.all {
                let keys = try Signing.keys(vector.key)
                #expect(refusal("\(header).\(payload).", keys) == .wrongAlgorithm)
            }
        }
    }

    @Test("the algorithm is the key's: a token that names another is refused by every key")
    func swapped() throws {
        let payload = Vector.hs256.token.split(separator: ".")[1]
        for vector in Vector.all {
            let keys = try Signing.keys(vector.key)
            let own = keys.keys[0].algorithm
            for other in JWSAlgorithm.allCases where other != own {
                let header = Signing.base64(#"{"alg":"\#(other.rawValue)"}"#)
                let signature = vector.token.split(separator: ".")[2]
                #expect(refusal("\(header).\(payload).\(signature)", keys) == .wrongAlgorithm)
            }
        }
    }

    @Test("a public key in whatever form is no secret for HMAC (RFC 8725 §2.1)")
    func publicKeyAsSecret() throws {
        let keys = try Signing.keys(Vector.rs256.key)
        let modulus = try #require(
            JSON.parse(ByteSlice(Vector.rs256.key)).member("n")?.base64URL(limit: 4_096))
        for secret in [modulus, Array(Vector.rs256.key.utf8)] {
            let forged = Signing.token(
                header: #"{"alg":"HS256"}"#, claims: Signing.claims(), secret: secret)
            #expect(refusal(forged, keys) == .wrongAlgorithm)
        }
    }

    @Test("`kid` finds the key; without one there must be no doubt")
    func keyIDs() throws {
        let claims = Signing.claims()
        func key(_ id: String, _ byte: UInt8) -> String {
            let secret = Signing.base64([UInt8](repeating: byte, count: 32))
            return #"{"kty":"oct","kid":"\#(id)","k":"\#(secret)"}"#
        }
        let keys = try Signing.keys(key("a", 0x5A), key("b", 1))
        func token(_ kid: String) -> String {
            Signing.token(header: #"{"alg":"HS256"\#(kid)}"#, claims: claims)
        }
        #expect(isTaken(token(#","kid":"a""#), keys))
        #expect(refusal(token(#","kid":"b""#), keys) == .badSignature)
        #expect(refusal(token(#","kid":"c""#), keys) == .unknownKey)
        #expect(refusal(token(#","kid":1"#), keys) == .malformed("header"))
        #expect(refusal(token(#","kid":["a"]"#), keys) == .malformed("header"))
        #expect(refusal(token(#","kid":null"#), keys) == .malformed("header"))
        #expect(refusal(token(""), keys) == .unnamedKey)
        // A key of another type may have the name, and then it is not this token's.
        let mixed = try Signing.keys(
            key("a", 0x5A), Vector.es256.key.replacing(#""crv""#, with: #""kid":"e","crv""#))
        #expect(refusal(token(#","kid":"e""#), mixed) == .wrongAlgorithm)
        #expect(isTaken(token(""), mixed))
        // Text that only looks the same is another name.
        let accented = try Signing.keys(key("\u{E9}", 0x5A), key("b", 1))
        #expect(isTaken(token(",\"kid\":\"\u{E9}\""), accented))
        #expect(refusal(token(",\"kid\":\"e\u{301}\""), accented) == .unknownKey)
    }

    @Test("a header that asks for anything, or says anything twice, is refused")
    func headers() throws {
        let keys = try Signing.keys(Vector.hs256.key, Vector.es256.key)
        let claims = Signing.claims()
        let table: [(String, JWTRefusal)] = [
            (#"{"alg":"HS256","crit":["exp"],"exp":1}"#, .criticalExtension),
            (#"{"alg":"HS256","crit":[]}"#, .criticalExtension),
            (#"{"alg":"HS256","b64":false,"crit":["b64"]}"#, .criticalExtension),
            (#"{"alg":"HS256","alg":"none"}"#, .malformed("header")),
            (#"{"alg":"HS256","\u0061lg":"none"}"#, .malformed("header")),
            (#"{"alg":"HS256","x":{"y":1,"y":2}}"#, .malformed("header")),
            (#"{"alg":["HS256"]}"#, .malformed("header")),
            (#"{"alg":null}"#, .malformed("header")),
            (#"{"typ":"JWT"}"#, .malformed("header")),
            (#"["HS256"]"#, .malformed("header")),
            (#"{"alg":"HS256"} x"#, .malformed("header")),
            (#"{"alg":"HS256","x":[[[[[[1]]]]]]}"#, .malformed("header")),
            ("\u{FEFF}{\"alg\":\"HS256\"}", .malformed("header")),
            ("", .malformed("header")),
        ]
        for (header, refusal) in table {
            let token = Signing.token(header: header, claims: claims)
            #expect(self.refusal(token, keys) == refusal, "\(header)")
        }
        // A key that the token brings itself means nothing.
        let jwk = #"{"alg":"ES256","jwk":\#(Vector.es256.key),"jku":"https://evil.example"}"#
        #expect(refusal(Signing.token(header: jwk, claims: claims), keys) == .badSignature)
    }

    @Test("garbage is refused, and a token that is too long is not read at all")
    func garbage() throws {
        let keys = try Signing.keys(Vector.hs256.key)
        for text in ["", ".", "..", "...", "a.b", "a.b.c", "é.é.é", "\0.\0.\0", "eyJ.eyJ.eyJ"] {
            #expect(!isTaken(text, keys), "\(text)")
        }
        let header = Signing.base64(#"{"alg":"HS256"}"#)
        for bad in ["=", "==", " ", "\n", "+", "/", "%3D"] {
            #expect(refusal(header + bad + ".e30.AA", keys) == .malformed("header"))
            #expect(refusal(header + ".e30.AA" + bad, keys) == .malformed("signature"))
        }
        let long = header + "." + String(repeating: "A", count: 8_192) + ".AA"
        #expect(refusal(long, keys) == .tooLarge)
        let nested = String(repeating: "[", count: 900)
        let deep = Signing.base64(#"{"alg":"HS256","x":\#(nested)"#)
        #expect(refusal(deep + ".e30.AA", keys) == .malformed("header"))
    }

    @Test("10,000 tokens changed at random trap nothing, and none of them is taken")
    func fuzz() throws {
        let keys = try Signing.keys(Vector.rs256.key, Vector.es256.key, Vector.edDSA.key)
        var random = SeededGenerator(seed: 7515)
        for _ in 0..<10_000 {
            let vector = Vector.all[random.next(below: Vector.all.count)]
            var token = Array(vector.token.utf8)
            for _ in 0...random.next(below: 4) {
                let at = random.next(below: token.count)
                switch random.next(below: 3) {
                case 0: token[at] = UInt8(truncatingIfNeeded: random.next())
                case 1: token.remove(at: at)
                default: token.insert(UInt8(ascii: "."), at: at)
                }
            }
            if case .success = verify(token, keys) {
                #expect(String(decoding: token, as: UTF8.self) == vector.token)
            }
        }
    }
}
