// Tokens of others: JSON Web Tokens of an issuer whose keys lie in a file. Good tokens are
// remembered by their digest until they end, at most some thousands of them, and forgotten when
// the keys change. Any thread; a token costs a digest and a short lock, and its signature only the
// first time.

import MizuBytes
import MizuCrypto
import MizuHTTP
import MizuJOSE
import Synchronization

/// Says whose a JSON Web Token is. Hand it to `App.authenticate(with:)`.
public final class JWTAuthenticator: BearerAuthenticator {
    /// By which tokens are taken.
    public let rules: JWTRules
    /// The file of the keys, as it was read; nil where the keys were given.
    let file: JWKSFile?
    private let state: Mutex<State>

    private struct State {
        var verifier: JWTVerifier
        /// Which keys these are: what was verified by others is not remembered.
        var generation = 0
        var recent: RecentTokens<BearerIdentity>
    }

    /// Good tokens that are remembered.
    static let recentMax = 8_192

    /// Reads the keys. While the app runs, the file is read again within a second of its change.
    /// - Parameters:
    ///   - path: a JWKS file (RFC 7517 §5).
    ///   - issuer: what `iss` must be.
    ///   - audience: what `aud` must be or hold.
    ///   - userClaim: the claim that becomes `request.user`.
    ///   - leewaySeconds: by how much clocks may differ.
    /// - Throws: `StartError` if the file cannot be read or has no key that may be used.
    public convenience init(
        keys path: String, issuer: String, audience: String, userClaim: String = "sub",
        leewaySeconds: Int = 30
    ) throws(StartError) {
        var rules = JWTRules(issuer: issuer, audience: audience)
        rules.userClaim = userClaim
        rules.leewaySeconds = leewaySeconds
        try self.init(keys: path, rules: rules)
    }

    /// Reads the keys; see above.
    /// - Parameter rules: by which tokens are taken.
    public init(keys path: String, rules: JWTRules) throws(StartError) {
        let file = JWKSFile(path)
        let keys = try file.read()
        self.rules = rules
        self.file = file
        state = Mutex(Self.state(keys, rules))
    }

    /// Takes keys that lie in no file.
    public init(keys: JWKS, rules: JWTRules) {
        self.rules = rules
        file = nil
        state = Mutex(Self.state(keys, rules))
    }

    private static func state(_ keys: JWKS, _ rules: JWTRules) -> State {
        State(
            verifier: JWTVerifier(keys: keys, rules: rules),
            recent: RecentTokens(countMax: recentMax))
    }

    /// Verifies by other keys from now on, and forgets what the old ones have verified. Any thread.
    public func use(_ keys: JWKS) {
        state.withLock { state in
            state.verifier = JWTVerifier(keys: keys, rules: rules)
            state.generation += 1
            state.recent.removeAll()
        }
    }

    /// Everything that is no token of this server's own.
    public func claims(_ token: UnsafeRawBufferPointer) -> Bool {
        !token.starts(with: AccessToken.prefix.utf8)
    }

    public func identity(
        of token: UnsafeRawBufferPointer, atMilliseconds now: Int64
    ) throws(BearerRefusal) -> BearerIdentity {
        // Before anything is done with it: a digest of a megabyte is work, too.
        guard token.count <= rules.tokenBytesMax else { throw BearerRefusal(.tooLarge) }
        let digest = MessageDigest(sha256: token)
        let (known, verifier, generation) = state.withLock { state in
            (state.recent.worth(of: digest), state.verifier, state.generation)
        }
        if let known, known.expires?.millisecondsLeft(at: now) ?? 0 > 0 { return known }
        let identity: BearerIdentity
        do throws(JWTRefusal) {
            let claims = try verifier.verify(token, atMilliseconds: now)
            identity = BearerIdentity(
                user: claims.user, expires: Expiry(unixMilliseconds: claims.untilMilliseconds),
                credential: "jwt:" + String(decoding: Hex.encode(digest.bytes), as: UTF8.self))
        } catch {
            if known != nil { state.withLock { $0.recent.remove(digest) } }
            throw BearerRefusal(error)
        }
        state.withLock { state in
            if state.generation == generation { state.recent.keep(identity, of: digest) }
        }
        return identity
    }
}
