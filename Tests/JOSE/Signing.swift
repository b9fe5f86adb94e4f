// Tokens for tests, signed by a secret (HS256): what a test changes is the text of the header or of
// the claims, so that the text may be as odd as it likes.

import MizuBytes
import MizuJOSE

enum Signing {
    static let secret = [UInt8](repeating: 0x5A, count: 32)
    static let now: Int64 = 1_790_000_000_000
    static let seconds = now / 1000

    /// `header.claims.code`, whatever the first two are.
    static func token(
        header: String = #"{"alg":"HS256","typ":"JWT"}"#, claims: String,
        secret: [UInt8] = secret
    ) -> String {
        let input = base64(header) + "." + base64(claims)
        let code = SHA256.authenticationCode(of: Array(input.utf8), key: secret).bytes
        return input + "." + base64(code)
    }

    static func base64(_ text: String) -> String { base64(Array(text.utf8)) }

    static func base64(_ bytes: [UInt8]) -> String {
        String(decoding: Base64.encode(bytes, alphabet: .url), as: UTF8.self)
    }

    /// Claims that are good, but for what is given.
    static func claims(
        iss: String = #""https://id.example""#, aud: String = #""shop""#, sub: String = #""ann""#,
        exp: String = "\(seconds + 60)", more: String = ""
    ) -> String {
        #"{"iss":\#(iss),"aud":\#(aud),"sub":\#(sub),"exp":\#(exp)\#(more)}"#
    }

    static var rules: JWTRules { JWTRules(issuer: "https://id.example", audience: "shop") }

    static func verifier(_ rules: JWTRules = rules, keys: JWKS? = nil) throws -> JWTVerifier {
        JWTVerifier(keys: try keys ?? JWKS([JWK(secret: secret)]), rules: rules)
    }

    /// What becomes of a token: its user, or why it is refused.
    static func outcome(
        _ token: String, rules: JWTRules = rules, keys: JWKS? = nil, at now: Int64 = now
    ) throws -> Result<String, JWTRefusal> {
        let verifier = try verifier(rules, keys: keys)
        do throws(JWTRefusal) {
            return .success(try verifier.verify(token, atMilliseconds: now).user)
        } catch {
            return .failure(error)
        }
    }

    static func keys(_ members: String...) throws -> JWKS {
        try JWKS(parsing: ByteSlice(#"{"keys":[\#(members.joined(separator: ","))]}"#))
    }
}
