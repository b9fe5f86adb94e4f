// The five algorithms that are taken (RFC 7518 §3, RFC 8037 §3.1), by the names that tokens and
// keys give them. `none`, SHA-1 and the longer digests are not among them, and no name turns one
// into another.

import MizuBytes

/// How a token is signed. A key has exactly one.
public enum JWSAlgorithm: String, Sendable, CaseIterable {
    /// HMAC with SHA-256 (RFC 7518 §3.2).
    case hs256 = "HS256"
    /// RSASSA-PKCS1-v1_5 with SHA-256 (§3.3).
    case rs256 = "RS256"
    /// RSASSA-PSS with SHA-256 (§3.5).
    case ps256 = "PS256"
    /// ECDSA with P-256 and SHA-256 (§3.4).
    case es256 = "ES256"
    /// Ed25519 (RFC 8037 §3.1); RFC 9864 calls it "Ed25519".
    case edDSA = "EdDSA"

    /// The algorithm that is named so; nil for every other name. Case counts (RFC 7515 §4.1.1).
    init?(_ value: JSONValue) {
        guard let text = value.string else { return nil }
        if text.utf8.elementsEqual("Ed25519".utf8) {
            self = .edDSA
        } else {
            self.init(rawValue: text)
        }
    }
}
