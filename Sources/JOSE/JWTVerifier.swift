// Takes or refuses a JSON Web Token (RFC 7519 §7.2): the signature first, then its claims by the
// rules. A value: it knows no clock, no file and no server, and another set of keys is another
// verifier.

import MizuBytes

/// What a token says that was found good.
public struct JWTClaims: Sendable {
    /// Who it is, as the rules' claim says.
    public let user: String
    /// Until when the verifier takes it: `exp` and the leeway. Milliseconds since 1970.
    public let untilMilliseconds: Int64
    /// All claims, as they were signed; each member once.
    public let json: JSONValue
    /// The `kid` of its key.
    public let keyID: String?
}

/// Verifies tokens by a set of keys and rules. Any thread.
public struct JWTVerifier: Sendable {
    public let keys: JWKS
    public let rules: JWTRules

    private static let claimsDepthMax = 16
    /// The last second of the year 9999: a token that says more is good until then.
    private static let secondsMax = 253_402_300_799.0
    /// A longer leeway is taken for a day.
    private static let leewaySecondsMax = 86_400

    public init(keys: JWKS, rules: JWTRules) {
        self.keys = keys
        self.rules = rules
    }

    /// What `token` says.
    /// - Parameters:
    ///   - token: the compact form.
    ///   - now: milliseconds since 1970.
    /// - Throws: the first rule that the token breaks.
    public func verify(
        _ token: UnsafeRawBufferPointer, atMilliseconds now: Int64
    ) throws(JWTRefusal) -> JWTClaims {
        let message = try JWS.verify(token, by: keys, bytesMax: rules.tokenBytesMax)
        try checkHeader(message.header)
        guard
            let claims = StrictJSON.object(message.payload, depthMax: Self.claimsDepthMax),
            let found = try? claims.members(named: ["iss", "aud", "exp", "nbf", "iat"])
        else { throw .malformed("payload") }
        guard let issuer = found[0], issuer.kind == .string else { throw .badClaim("iss") }
        guard issuer.isString(rules.issuer) else { throw .wrongIssuer }
        try checkAudience(found[1])
        let until = try checkTimes(end: found[2], start: found[3], issued: found[4], now)
        guard let user = claims.member(named: ByteSlice(rules.userClaim))?.string, !user.isEmpty
        else {
            throw .badClaim(rules.userClaim)
        }
        return JWTClaims(
            user: user, untilMilliseconds: until, json: claims, keyID: message.keyID)
    }

    /// The same for text.
    public func verify(
        _ token: String, atMilliseconds now: Int64
    ) throws(JWTRefusal) -> JWTClaims {
        try ByteSlice(token).withUnsafeBytes { (bytes) throws(JWTRefusal) in
            try verify(bytes, atMilliseconds: now)
        }
    }

    private func checkHeader(_ header: JSONValue) throws(JWTRefusal) {
        // A token in a token (RFC 7519 §5.2), and one that is compressed, are not taken.
        guard header.member("cty") == nil, header.member("zip") == nil else { throw .wrongType }
        guard let type = header.member("typ") else {
            if rules.requiresType { throw .wrongType }
            return
        }
        guard let text = type.string else { throw .malformed("header") }
        guard rules.takes(type: text) else { throw .wrongType }
    }

    private func checkAudience(_ claim: JSONValue?) throws(JWTRefusal) {
        guard let claim else { throw .badClaim("aud") }
        switch claim.kind {
        case .string:
            guard claim.isString(rules.audience) else { throw .wrongAudience }
        case .array:
            guard claim.elements.allSatisfy({ $0.kind == .string }) else { throw .badClaim("aud") }
            guard claim.elements.contains(where: { $0.isString(rules.audience) }) else {
                throw .wrongAudience
            }
        case .object, .number, .true, .false, .null: throw .badClaim("aud")
        }
    }

    /// Returns until when it is good, with the leeway.
    private func checkTimes(
        end: JSONValue?, start: JSONValue?, issued: JSONValue?, _ now: Int64
    ) throws(JWTRefusal) -> Int64 {
        let leeway = Int64(min(max(rules.leewaySeconds, 0), Self.leewaySecondsMax)) * 1000
        let until = try Self.milliseconds(end, "exp") + leeway
        guard now < until else { throw .expired }
        let latest = now + leeway
        if let start {
            guard try Self.milliseconds(start, "nbf") <= latest else { throw .notYetValid }
        }
        if let issued {
            guard try Self.milliseconds(issued, "iat") <= latest else { throw .notYetValid }
        }
        return until
    }

    /// A NumericDate (RFC 7519 §2): seconds since 1970, perhaps with a fraction.
    private static func milliseconds(
        _ claim: JSONValue?, _ name: String
    ) throws(JWTRefusal) -> Int64 {
        guard let seconds = claim?.double, seconds >= 0 else { throw .badClaim(name) }
        // At most 2.6 · 10^14, so the product and what is added to it are exact and fit.
        return Int64(min(seconds, secondsMax) * 1000)
    }
}
