// The rules of claims: what an issuer says is taken as it says it, and every other token is refused
// for the reason that is named.

import MizuBytes
import MizuJOSE
import Testing

@Suite("JWT claims (RFC 7519, RFC 8725)")
struct JWTTests {
    private func outcome(
        claims: String, header: String = #"{"alg":"HS256"}"#, rules: JWTRules = Signing.rules
    ) throws -> Result<String, JWTRefusal> {
        try Signing.outcome(Signing.token(header: header, claims: claims), rules: rules)
    }

    @Test("a good token says who it is and until when")
    func good() throws {
        let verifier = try Signing.verifier()
        let token = Signing.token(claims: Signing.claims(more: #","name":"Ann","scope":"a b""#))
        let claims = try verifier.verify(token, atMilliseconds: Signing.now)
        #expect(claims.user == "ann")
        #expect(claims.untilMilliseconds == Signing.now + 90_000)
        #expect(claims.json.member("name")?.string == "Ann")
    }

    @Test("a claim that is missing, of another type or of another value has its refusal")
    func table() throws {
        let good = #""iss":"https://id.example","aud":"shop","sub":"ann""#
        let table: [(String, JWTRefusal)] = [
            (Signing.claims(iss: #""https://evil.example""#), .wrongIssuer),
            (Signing.claims(iss: #""https://id.example/""#), .wrongIssuer),
            (Signing.claims(iss: #"["https://id.example"]"#), .badClaim("iss")),
            (#"{"aud":"shop","sub":"ann","exp":99999999999}"#, .badClaim("iss")),
            (Signing.claims(aud: #""bank""#), .wrongAudience),
            (Signing.claims(aud: #"["bank","shops"]"#), .wrongAudience),
            (Signing.claims(aud: #"["shop",1]"#), .badClaim("aud")),
            (Signing.claims(aud: "[]"), .wrongAudience),
            (Signing.claims(aud: "{}"), .badClaim("aud")),
            (#"{"iss":"https://id.example","sub":"ann","exp":99999999999}"#, .badClaim("aud")),
            (Signing.claims(exp: "\(Signing.seconds - 31)"), .expired),
            (Signing.claims(exp: "0"), .expired),
            (Signing.claims(exp: "-1"), .badClaim("exp")),
            (Signing.claims(exp: #""\#(Signing.seconds + 60)""#), .badClaim("exp")),
            (Signing.claims(exp: "1e999"), .badClaim("exp")),
            (Signing.claims(exp: "null"), .badClaim("exp")),
            ("{\(good)}", .badClaim("exp")),
            (Signing.claims(more: #","nbf":\#(Signing.seconds + 31)"#), .notYetValid),
            (Signing.claims(more: #","nbf":"soon""#), .badClaim("nbf")),
            (Signing.claims(more: #","iat":\#(Signing.seconds + 31)"#), .notYetValid),
            (Signing.claims(more: #","iat":[]"#), .badClaim("iat")),
            (Signing.claims(sub: "7"), .badClaim("sub")),
            (Signing.claims(sub: #""""#), .badClaim("sub")),
            (Signing.claims(sub: "null"), .badClaim("sub")),
            (Signing.claims(more: #","sub":"bob""#), .malformed("payload")),
            (Signing.claims(more: #","s\u0075b":"bob""#), .malformed("payload")),
            (Signing.claims(more: #","x":[{"y":1,"y":2}]"#), .malformed("payload")),
            (
                Signing.claims(more: #","x":"# + String(repeating: "[", count: 40)),
                .malformed("payload")
            ),
            ("[]", .malformed("payload")),
            ("", .malformed("payload")),
        ]
        for (claims, refusal) in table {
            #expect(try outcome(claims: claims) == .failure(refusal), "\(claims)")
        }
    }

    @Test("what the rules allow is taken")
    func taken() throws {
        let table = [
            Signing.claims(aud: #"["bank","shop"]"#),
            Signing.claims(exp: "\(Signing.seconds - 29)"),
            Signing.claims(exp: "\(Signing.seconds + 1).5"),
            Signing.claims(exp: "1e300"),
            Signing.claims(more: #","nbf":\#(Signing.seconds + 29),"iat":0"#),
        ]
        for claims in table {
            #expect(try outcome(claims: claims) == .success("ann"), "\(claims)")
        }
        var rules = Signing.rules
        rules.userClaim = "email"
        let claims = Signing.claims(more: #","email":"ann@shop.example""#)
        #expect(try outcome(claims: claims, rules: rules) == .success("ann@shop.example"))
        #expect(
            try outcome(claims: Signing.claims(), rules: rules) == .failure(.badClaim("email")))
    }

    @Test("the type of a token is compared without case, and another type is refused")
    func types() throws {
        func outcome(_ typ: String, _ rules: JWTRules) throws -> Result<String, JWTRefusal> {
            try self.outcome(
                claims: Signing.claims(), header: #"{"alg":"HS256"\#(typ)}"#, rules: rules)
        }
        var strict = Signing.rules
        strict.types = ["at+jwt"]
        strict.requiresType = true
        for typ in ["", #","typ":"JWT""#, #","typ":"jwt""#, #","typ":"application/at+JWT""#] {
            #expect(try outcome(typ, Signing.rules) == .success("ann"), "\(typ)")
        }
        #expect(try outcome(#","typ":"AT+JWT""#, strict) == .success("ann"))
        for typ in ["", #","typ":"JWT""#, #","typ":"application/jwt""#] {
            #expect(try outcome(typ, strict) == .failure(.wrongType), "\(typ)")
        }
        for typ in [#","typ":"logout+jwt""#, #","typ":"dpop+jwt""#, #","typ":"""#] {
            #expect(try outcome(typ, Signing.rules) == .failure(.wrongType), "\(typ)")
        }
        #expect(try outcome(#","typ":7"#, Signing.rules) == .failure(.malformed("header")))
        #expect(try outcome(#","cty":"JWT""#, Signing.rules) == .failure(.wrongType))
        #expect(try outcome(#","zip":"DEF""#, Signing.rules) == .failure(.wrongType))
    }

    @Test("only the end of a token has a code of its own")
    func codes() {
        #expect(JWTRefusal.expired.code == "token_expired")
        for refusal in [JWTRefusal.badSignature, .notYetValid, .tooLarge, .unknownKey] {
            #expect(refusal.code == "unauthenticated")
        }
    }
}
