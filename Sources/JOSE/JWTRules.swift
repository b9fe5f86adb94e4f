// What a server asks of tokens of others (RFC 7519 §4, RFC 8725 §3). Issuer and audience have no
// default and cannot be left out: a token that was made for somebody else must not open this door
// (RFC 8725 §3.8, §3.9). The same is true of the end of a token.

/// The rules by which a token is taken.
public struct JWTRules: Sendable {
    /// What `iss` must be, byte for byte.
    public var issuer: String
    /// What `aud` must be or hold, byte for byte.
    public var audience: String
    /// The claim that says who it is.
    public var userClaim = "sub"
    /// Seconds by which clocks may differ, for `exp`, `nbf` and `iat`.
    public var leewaySeconds = 30
    /// What `typ` may be, compared without case and without `application/`. A token without `typ`
    /// is taken unless `requiresType`.
    public var types = ["JWT", "at+jwt"]
    /// Whether a token without `typ` is refused (RFC 8725 §3.11).
    public var requiresType = false
    /// A longer token is refused before anything is done.
    public var tokenBytesMax = 8_192

    public init(issuer: String, audience: String) {
        self.issuer = issuer
        self.audience = audience
    }

    /// Whether a header's `typ` is one of `types` (RFC 7515 §4.1.9).
    func takes(type: String) -> Bool {
        let name = type.utf8.map(Self.lowercased)
        let prefix = Array("application/".utf8)
        let short = name.starts(with: prefix) ? Array(name.dropFirst(prefix.count)) : name
        return types.contains { $0.utf8.map(Self.lowercased) == short }
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 {
        byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
    }
}
