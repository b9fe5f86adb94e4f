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
            if configuration.isDatabaseShared {
                use(
                    quick: { request in
                        guard !bearers.asks(of: request) else { return .wait }
                        return bearers.authenticate(&request).map { .answer($0) } ?? .pass
                    },
                    waiting: { request in await bearers.authenticateNow(request) })
                live.authenticateLater = { bearers.worth(ofNow: $0, $1) }
            } else {
                use { request in bearers.authenticate(&request) }
            }
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
        return result.flatMap { take($0, &request) }
    }

    /// Whether somebody else may have changed what the request's token is worth.
    func asks(of request: borrowing Request) -> Bool {
        request.withHeader("authorization") { value in
            value.flatMap(Self.token).flatMap(judge)?.isShared ?? false
        }
    }

    /// The middleware's part where it waits: what was changed before the request came counts.
    nonisolated(nonsending) func authenticateNow(_ request: OwnedRequest) async -> Response? {
        let token = request.view.withHeader("authorization") { value in
            value.flatMap(Self.token).map { Array($0) }
        }
        guard let token, let judge = token.withUnsafeBytes(judge) else { return nil }
        let result: Result<BearerIdentity, BearerRefusal> = await handedOver { waiting in
            judge.currentIdentity(of: token) { waiting.resume(returning: $0) }
        }
        return take(result, &request.view)
    }

    /// Makes the request its user's, or says why not.
    private func take(
        _ result: Result<BearerIdentity, BearerRefusal>, _ request: inout Request
    ) -> Response? {
        switch result {
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
        return worth(token.withUTF8({ identity(UnsafeRawBufferPointer($0)) }))
    }

    /// The same by all that was changed before.
    /// - Returns: whether `answer` is called, once; otherwise what is known is good.
    func worth(
        ofNow token: String, _ answer: @escaping @Sendable (Authentication) -> Void
    ) -> Bool {
        let token = Array(token.utf8)
        guard let judge = token.withUnsafeBytes(judge), judge.isShared else { return false }
        judge.currentIdentity(of: token) { answer(self.worth($0)) }
        return true
    }

    private func worth(_ result: Result<BearerIdentity, BearerRefusal>) -> Authentication {
        switch result {
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

    private func judge(_ token: UnsafeRawBufferPointer) -> (any BearerAuthenticator)? {
        all.withLock { $0 }.first { $0.claims(token) }
    }

    private func identity(
        _ token: UnsafeRawBufferPointer
    ) -> Result<BearerIdentity, BearerRefusal> {
        guard let judge = judge(token) else { return .failure(Self.unknown) }
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
