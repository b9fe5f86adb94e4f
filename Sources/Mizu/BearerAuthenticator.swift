// Who somebody is by a token in `Authorization: Bearer` (RFC 6750 §2.1) or in the message `auth`
// of a socket: what authenticators are asked, and what a refusal looks like. A request without a
// token is nobody's so far and goes on; one with a bad token ends here, whatever it asked for.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuJOSE
import MizuSyncService

/// Whose a token is.
public struct BearerIdentity: Sendable, Equatable {
    /// What becomes `request.user`.
    public var user: String
    /// Until when; nil: without end.
    public var expires: Expiry?
    /// A public name of the token, which becomes `request.credential`.
    public var credential: String?
    /// What it may do less than its user; nil: nothing. A token with limits opens no socket.
    public var limits: CredentialLimits?

    public init(
        user: String, expires: Expiry? = nil, credential: String? = nil,
        limits: CredentialLimits? = nil
    ) {
        self.user = user
        self.expires = expires
        self.credential = credential
        self.limits = limits
    }
}

/// Why a token is not taken.
public struct BearerRefusal: Error, Sendable, Equatable {
    /// `unauthenticated` or `token_expired` (protocol.md).
    public let code: String
    /// For people; holds nothing of the token.
    public let message: String
    /// Nobody can say now what the token is worth.
    static let unreadable = BearerRefusal(
        code: "unavailable", message: "the token cannot be looked up now; try again")

    public init(code: String, message: String) {
        self.code = code
        self.message = message
    }

    init(_ refusal: JWTRefusal) {
        self.init(code: refusal.code, message: refusal.description)
    }

    /// 401 with the challenge of RFC 6750 §3.
    public var response: Response {
        guard self != .unreadable else {
            return Response(HTTPError(.serviceUnavailable, code: code, message: message))
        }
        var response = Response(HTTPError(.unauthorized, code: code, message: message))
        let words = message.filter { $0.isASCII && $0 != "\"" && $0 != "\\" }
        do throws(FieldError) {
            try response.set(
                "WWW-Authenticate",
                "Bearer error=\"invalid_token\", error_description=\"\(words)\"")
        } catch {
            // Words with control characters: the challenge alone.
            response.set("WWW-Authenticate", literal: "Bearer error=\"invalid_token\"")
        }
        return response
    }
}

/// Says whose tokens are. Called on workers' threads: it must not wait.
public protocol BearerAuthenticator: Sendable {
    /// Whether a token is of the kind that this one judges.
    func claims(_ token: UnsafeRawBufferPointer) -> Bool
    /// Whose it is.
    /// - Parameter now: milliseconds since 1970.
    func identity(
        of token: UnsafeRawBufferPointer, atMilliseconds now: Int64
    ) throws(BearerRefusal) -> BearerIdentity
    /// Whether `identity` may be behind, because other processes change what it stands on. Then
    /// `currentIdentity` is asked.
    var isShared: Bool { get }
    /// Whose it is by all that was changed before this was called.
    /// - Parameter answer: called once, now or on another thread, where it must not wait.
    func currentIdentity(
        of token: [UInt8],
        _ answer: @escaping @Sendable (Result<BearerIdentity, BearerRefusal>) -> Void
    )
}

extension BearerAuthenticator {
    /// What it knows nobody else changes.
    public var isShared: Bool { false }

    /// The same as `identity`.
    public func currentIdentity(
        of token: [UInt8],
        _ answer: @escaping @Sendable (Result<BearerIdentity, BearerRefusal>) -> Void
    ) {
        answer(known(of: token))
    }

    func known(of token: [UInt8]) -> Result<BearerIdentity, BearerRefusal> {
        token.withUnsafeBytes { bytes in
            do throws(BearerRefusal) {
                return .success(try identity(of: bytes, atMilliseconds: WallClock.milliseconds))
            } catch {
                return .failure(error)
            }
        }
    }
}
