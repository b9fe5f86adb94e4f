// Why a token is not taken: one case for each rule, with the words that its sender may read. None
// of them tells anything of the keys or repeats a byte of the token.

/// Why a token is refused.
public enum JWTRefusal: Error, Equatable, Sendable {
    /// Longer than `JWTRules.tokenBytesMax`; nothing of it was read.
    case tooLarge
    /// Not three parts of base64url with JSON in the first two; says which.
    case malformed(String)
    /// `crit` asks for an extension, and none is known (RFC 7515 §4.1.11).
    case criticalExtension
    /// `alg` is no algorithm of this server's, `none` among them, or not the key's.
    case wrongAlgorithm
    /// No key has this `kid`.
    case unknownKey
    /// Several keys fit and the token has no `kid`.
    case unnamedKey
    case badSignature
    /// `typ` is of another kind of token (RFC 8725 §3.11).
    case wrongType
    case wrongIssuer
    case wrongAudience
    /// `exp` has passed.
    case expired
    /// `nbf` or `iat` is still to come.
    case notYetValid
    /// A claim that is asked for is not there, or is not of its type.
    case badClaim(String)

    /// The code of protocol.md.
    public var code: String { self == .expired ? "token_expired" : "unauthenticated" }
}

extension JWTRefusal: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tooLarge: "the token is too long"
        case .malformed(let part): "the token's \(part) cannot be read"
        case .criticalExtension: "the token asks for extensions that are not supported"
        case .wrongAlgorithm: "the token is not signed as its key signs"
        case .unknownKey: "the token's key is not known"
        case .unnamedKey: "the token does not say which key it is signed with"
        case .badSignature: "the token's signature is wrong"
        case .wrongType: "the token is of another type"
        case .wrongIssuer: "the token is of another issuer"
        case .wrongAudience: "the token is for another audience"
        case .expired: "the token has expired"
        case .notYetValid: "the token is not valid yet"
        case .badClaim(let name): "the token's claim \(name) is missing or malformed"
        }
    }
}
