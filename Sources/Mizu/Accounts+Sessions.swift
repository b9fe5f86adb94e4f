// Who a request is from, and how sessions end. The usual request is answered from memory, without a
// wait and without an allocation beyond a reference to the user's id. Only a session that this
// process has not seen yet is looked up.
//
// An ending is durable first; then memory forgets it, then its sockets are closed, and only then is
// it told to whoever wanted it. So nothing that begins after the answer passes for that session.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuIdentity
import MizuSync
import MizuSyncService

extension Accounts {
    /// What the cookie of a request says without a wait.
    enum Recognition {
        /// The request has its user by now, or is nobody's.
        case done
        /// The session must be looked up.
        case lookUp
    }

    /// Sets the request's user if memory knows its session. What another middleware has found out
    /// stands.
    func recognize(_ request: inout Request) -> Recognition {
        guard request.user == nil, let token = SessionCookie.token(in: request) else {
            return .done
        }
        // It may have ended on another node.
        guard !sync.service.isShared else { return .lookUp }
        switch cache.find(token) {
        case .refused: return .done
        case .unknown: return .lookUp
        case .known(let session):
            admit(session, token, &request)
            return .done
        }
    }

    /// The same with a wait, for a session that memory does not know yet.
    nonisolated(nonsending) func lookUp(_ request: OwnedRequest) async throws {
        guard request.user == nil, let token = SessionCookie.token(in: request.view),
            let session = try await session(of: token, request.peer)
        else { return }
        admit(session, token, &request.view)
    }

    /// Sets the request's user, unless the session is past its limits.
    func admit(_ session: KnownSession, _ token: SessionToken, _ request: inout Request) {
        let (rules, now) = (options.sessions, WallClock.milliseconds)
        guard now < session.endMilliseconds(rules) else { return expire(session, token) }
        request.user = session.user
        request.credential = session.credential
        request.userExpires = Expiry(unixMilliseconds: session.lastMilliseconds(rules))
        guard session.takeTouch(rules, now: now) else { return }
        touch(token, request.peer)
    }

    /// Writes "last seen", behind the request's back. If it fails, the session ends a little
    /// earlier than it might.
    private func touch(_ token: SessionToken, _ peer: PeerAddress) {
        let touch = AccountMutations.Touch(hash: token.hash, address: peer.host)
        guard let intent = try? Intent(AccountMutations.touchSession, touch) else { return }
        sync.push(as: .server, scope: AccountRecords.scope, [intent]) { _ in }
    }

    /// Writes "last seen" of sessions with an open socket: a page that is open and quiet sends no
    /// request for days, and its session is in use all the same. Every `touchMilliseconds`; sockets
    /// are those of the run before, so that nobody waits for the workers.
    func touchOpenSessions() async {
        let open = openCredentials.withLock { $0 }
        sync.live.openCredentials { found in self.openCredentials.withLock { $0 = found } }
        guard let open, !open.isEmpty else { return }
        let (rules, now) = (options.sessions, WallClock.milliseconds)
        let due = cache.use { open.contains($0.credential) }
            .filter { $1.takeTouch(rules, now: now) }
        for start in stride(from: 0, to: due.count, by: Self.touchesMax) {
            let touches = due[start..<min(start + Self.touchesMax, due.count)]
            let intents = touches.compactMap { token, _ in
                try? Intent(
                    AccountMutations.touchSession,
                    AccountMutations.Touch(hash: token.hash, address: nil))
            }
            // As with a request's: if it fails, sessions end a little earlier than they might.
            _ = try? await sync.push(as: .server, scope: AccountRecords.scope, intents)
        }
    }

    /// Sessions whose "last seen" is written with one push.
    private static let touchesMax = 500

    /// Ends a session that is past its limits; a second time is no harm.
    private func expire(_ session: KnownSession, _ token: SessionToken) {
        let end = AccountMutations.End(user: session.user, hashes: [token.hash])
        guard let intent = try? Intent(AccountMutations.endSessions, end) else { return }
        let (accounts, credential) = (self, session.credential)
        sync.push(as: .server, scope: AccountRecords.scope, [intent]) { _ in
            accounts.forget([credential])
        }
    }

    /// Looks a session up that memory does not know.
    /// - Parameter peer: on whose behalf: reads of one address take turns.
    /// - Returns: nil if there is none, or it is past its limits.
    /// - Throws: `HTTPError` 429 or 503 if it cannot be read now. It is not known then who asks,
    ///   which is not the same as that nobody does.
    func session(of token: SessionToken, _ peer: PeerAddress) async throws -> KnownSession? {
        // A session that ends meanwhile makes one more look necessary; twice in a row is rare, and
        // who is ended all the time may be told to come again.
        try await catchUp()
        for _ in 0..<4 {
            switch cache.find(token) {
            case .refused: return nil
            case .known(let session):
                let isOver = WallClock.milliseconds >= session.endMilliseconds(options.sessions)
                return isOver ? nil : session
            case .unknown(let ticket):
                let session = try await read(token, onBehalfOf: peer)
                if cache.keep(session, for: token, ticket) { continue }
                // It was read after the request had come; others change it all the time.
                guard !sync.service.isShared else {
                    return session.flatMap {
                        WallClock.milliseconds < $0.endMilliseconds(options.sessions) ? $0 : nil
                    }
                }
            }
        }
        throw HTTPError(
            .serviceUnavailable, code: "unavailable", message: "the session cannot be looked up")
    }

    /// Forgets what is in memory if another process has changed something of the accounts since.
    private func catchUp() async throws {
        guard sync.service.isShared else { return }
        let service = sync.service
        let end: Position? = await handedOver { waiting in
            service.learnEnd(of: AccountRecords.scope) { waiting.resume(returning: $0) }
        }
        guard let end else { throw HTTPError(Refusal.unavailable("the store cannot be read now")) }
        let moved = cachedAt.withLock { at in
            guard end.epoch != at.epoch || end.cursor > at.cursor else { return false }
            at = end
            return true
        }
        if moved { cache.clear() }
    }

    private func read(
        _ token: SessionToken, onBehalfOf peer: PeerAddress
    ) async throws -> KnownSession? {
        let hash = token.hash
        return try await sync.read(AccountRecords.scope, onBehalfOf: peer) { snapshot in
            guard
                let record = try snapshot.record(AccountRecords.session, id: hash)?
                    .decode(AccountRecords.Session.self)
            else { return nil }
            return KnownSession(
                user: record.user, credential: SessionToken.credential(ofHash: hash),
                createdMilliseconds: record.createdMilliseconds,
                seenMilliseconds: record.seenMilliseconds)
        }
    }

    // MARK: Ending

    /// Ends a session of `user` by its public name.
    /// - Throws: `AccountError.noAccount` if they have no such session.
    public func endSession(_ credential: String, of user: String) async throws {
        let sessions = try await allSessions(of: user)
        guard let session = sessions.first(where: { $0.credential == credential }) else {
            throw AccountError.noAccount
        }
        try await end([(session.hash, session.credential)], of: user)
    }

    /// Ends the sessions of `user`, and closes their sockets.
    /// - Parameter kept: the public name of one that stays; nil: none does.
    public func endSessions(of user: String, except kept: String? = nil) async throws {
        let sessions = try await allSessions(of: user).filter { $0.credential != kept }
        try await end(sessions.map { ($0.hash, $0.credential) }, of: user)
    }

    /// Those that are past their limits, too.
    func allSessions(of user: String) async throws -> [Session] {
        try await sync.read(AccountRecords.scope) { snapshot in
            try Self.sessions(of: user, in: snapshot)
        }
    }

    /// Ends sessions; those of other users are left alone.
    func end(_ sessions: [(hash: String, credential: String)], of user: String) async throws {
        guard !sessions.isEmpty else { return }
        try await push(
            AccountMutations.endSessions,
            AccountMutations.End(user: user, hashes: sessions.map(\.hash)))
        forget(Set(sessions.map(\.credential)))
    }

    /// Lets memory forget sessions whose end is durable, and closes their sockets.
    func forget(_ credentials: Set<String>) {
        cache.end { credentials.contains($0.credential) }
        for credential in credentials { closeSockets(of: credential) }
    }

    /// The same for all that `user` had.
    /// - Parameter sessions: what the store knew of before: memory may have forgotten some.
    func forgetAll(of user: String, _ sessions: [Session]) {
        let known = cache.end { $0.user == user }
        let credentials = Set(known.map(\.credential) + sessions.map(\.credential))
        for credential in credentials { closeSockets(of: credential) }
    }

    private func closeSockets(of credential: String) {
        sync.live.close(credential: credential)
    }

    /// Signs out.
    /// - Parameters:
    ///   - visitor: whose session ends.
    ///   - isEverywhere: whether all others of the same person end, too.
    public func signOut(_ visitor: Visitor, everywhere isEverywhere: Bool = false) async throws {
        guard let token = visitor.token,
            let session = try await session(of: token, visitor.peer)
        else { return }
        if isEverywhere { return try await endSessions(of: session.user) }
        try await end([(token.hash, session.credential)], of: session.user)
    }

    /// Marks the answer to a sign-out: the cookie goes, and browsers drop what they have kept. If
    /// sealed edits of others lie in the browser, and no script has taken what is the visitor's, it
    /// stays for the next script that runs there, which is told whose it is by a cookie.
    /// - Parameter keepsStorage: whether the client has taken from the browser what must not stay.
    public func signedOut(
        _ visitor: Visitor, keepsStorage: Bool = false, _ response: inout Response
    ) throws {
        try response.set(SessionCookie.clear(isSecure: visitor.isSecure))
        let stays = keepsStorage || visitor.hasSealedEdits
        try response.set("Clear-Site-Data", stays ? "\"cache\"" : "\"cache\", \"storage\"")
        guard stays, !keepsStorage, let user = visitor.user else { return }
        var left = SetCookie("mizu-left", PercentCoding.encode(user))
        left.maxAgeSeconds = 400 * 86_400
        left.sameSite = .lax
        left.attributes = visitor.isSecure ? [.secure] : []
        try response.set(left)
    }
}
