// `app.authenticate(with:)`: one middleware for `Authorization: Bearer` and one hook for `auth`,
// which ask the authenticators that the app has, in the order in which they were given. A token
// that none of them judges is refused, as one that is wrong.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuSyncService
import Synchronization

extension App {
    /// Takes tokens: from `Authorization: Bearer`, where they set `request.user`,
    /// `request.userExpires` and `request.credential`, and from a socket's `auth`. A request with a
    /// bad one is answered 401 (`unauthenticated`, `token_expired`); one without any goes on as it
    /// is. May be called for several kinds of tokens; the first that judges a token decides.
    public func authenticate(with authenticator: some BearerAuthenticator) {
        if let bearers {
            bearers.add(authenticator)
        } else {
            let bearers = Bearers(authenticator)
            self.bearers = bearers
            use { request in bearers.authenticate(&request) }
            live(authenticate: { token in bearers.worth(of: token) })
        }
        if let jwt = authenticator as? JWTAuthenticator { keyFiles.append(jwt) }
    }

    /// Starts to watch the files that tokens' keys lie in.
    func watchKeys() throws(StartError) -> [JWKSWatch] {
        var watches: [JWKSWatch] = []
        for authenticator in keyFiles {
            guard let file = authenticator.file else { continue }
            do throws(SystemError) {
                watches.append(
                    try JWKSWatch(file, logger: logger) { authenticator.use($0) })
            } catch {
                throw StartError("cannot watch \(file.path): \(error)")
            }
        }
        return watches
    }
}

/// The authenticators of an app. Any thread.
final class Bearers: Sendable {
    private let all: Mutex<[any BearerAuthenticator]>

    init(_ first: any BearerAuthenticator) { all = Mutex([first]) }

    func add(_ authenticator: any BearerAuthenticator) {
        all.withLock { $0.append(authenticator) }
    }

    /// The middleware's part.
    func authenticate(_ request: inout Request) -> Response? {
        // Most requests have none, and pay for this look alone.
        let result = request.withHeader("authorization") { value in
            value.flatMap(Self.token).map(identity)
        }
        switch result {
        case nil: return nil
        case .success(let identity):
            var count = 0
            request.forEachValue(of: "authorization") { _ in count += 1 }
            guard count == 1 else { return Self.doubled.response }
            request.user = identity.user
            request.userExpires = identity.expires
            request.credential = identity.credential
            guard let limits = identity.limits else { return nil }
            guard request.header("Upgrade") == nil else { return Self.noSocket.response }
            request.storage[CredentialLimits.key] = limits
            return nil
        case .failure(let refusal): return refusal.response
        }
    }

    /// The socket's part.
    func worth(of token: String) -> Authentication {
        var token = token
        switch token.withUTF8({ identity(UnsafeRawBufferPointer($0)) }) {
        case .success(let identity):
            guard identity.limits == nil else {
                return .refused(code: Self.noSocket.code, message: Self.noSocket.message)
            }
            return .accepted(
                user: identity.user, until: identity.expires, credential: identity.credential)
        case .failure(let refusal):
            return .refused(code: refusal.code, message: refusal.message)
        }
    }

    private func identity(
        _ token: UnsafeRawBufferPointer
    ) -> Result<BearerIdentity, BearerRefusal> {
        let authenticators = all.withLock { $0 }
        guard let judge = authenticators.first(where: { $0.claims(token) }) else {
            return .failure(Self.unknown)
        }
        do throws(BearerRefusal) {
            return .success(try judge.identity(of: token, atMilliseconds: WallClock.milliseconds))
        } catch {
            return .failure(error)
        }
    }

    private static let unknown = BearerRefusal(
        code: "unauthenticated", message: "the token is of no kind that is known here")
    private static let noSocket = BearerRefusal(
        code: "unauthenticated", message: "a token with limits opens no socket: pull and push")
    private static let doubled = BearerRefusal(
        code: "unauthenticated", message: "the request has several fields Authorization")

    /// What stands behind "Bearer" and a space; nil for another scheme.
    private static func token(_ value: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        let scheme = "bearer".utf8.count
        guard value.count > scheme, ASCII.equalIgnoringCase(value.part(..<scheme), "bearer"),
            value[scheme] == UInt8(ascii: " ")
        else { return nil }
        let rest = value.part(scheme...)
        return rest.part(ASCII.trimmingOWS(rest))
    }
}
