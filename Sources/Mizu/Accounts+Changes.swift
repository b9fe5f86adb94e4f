// Changing an account: its name, its password, a password that was forgotten, and its end. A change
// of password ends every other session and gives the browser that made it a new one, because rights
// have changed; so does the link of a reset, for all of them.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuIdentity
import MizuSync

extension Accounts {
    /// Changes the name that others are shown.
    /// - Throws: `AccountError`.
    public func rename(_ user: String, to name: String) async throws {
        let name = try Self.checked(name: name)
        try await push(
            AccountMutations.rename, AccountMutations.Rename(user: user, name: name))
    }

    // MARK: A password that is known

    /// Changes the password of who is signed in. All other sessions end; tokens for scripts and
    /// passkeys stay (people.md, "What ends what").
    /// - Returns: a new session for the browser; the old one has ended.
    /// - Throws: `AccountError`; `wrongPassword` if `old` is not the present one, `signInAnew` if
    ///   there is none and the session is older than ten minutes. `HTTPError` 401 if no session
    ///   says who it is: a token does not do.
    public func changePassword(
        from old: String, to new: String, by visitor: Visitor
    ) async throws -> SignedIn {
        guard let account = try await account(try visitor.userOfSession()),
            let email = EmailAddress(account.email)
        else { throw AccountError.noAccount }
        let proof = try await prove(old, email, visitor)
        try check(new, of: account)
        return try await set(new, of: account, replacing: proof, visitor)
    }

    /// Whether `password` is that of who is signed in: before what cannot be undone.
    /// - Throws: `AccountError.wrongPassword` if it is not, `signInAnew` if there is none and the
    ///   session is older than ten minutes; `HTTPError` 401 if no session says who it is.
    public func confirm(_ password: String, by visitor: Visitor) async throws {
        guard let account = try await account(try visitor.userOfSession()),
            let email = EmailAddress(account.email)
        else { throw AccountError.noAccount }
        _ = try await prove(password, email, visitor)
    }

    /// - Returns: the hash that was compared; nil if the account has no password.
    private func prove(
        _ password: String, _ email: EmailAddress, _ visitor: Visitor
    ) async throws -> String? {
        let (name, addresses) = subjects(of: visitor, email: email, typed: email.key)
        let subjects = [name] + addresses
        try begin(subjects)
        do {
            guard let phc = try await credentials(of: email)?.phc else {
                limiter.withLock { $0.cancel(subjects) }
                // Nothing can be asked for: a session that was stolen must not do instead.
                guard try await isFresh(visitor) else { throw AccountError.signInAnew }
                return nil
            }
            let isRight = try await isRight(password, PasswordHash(phc), for: visitor)
            guard isRight else { throw AccountError.wrongPassword }
            limiter.withLock { $0.succeed(clearing: [name], easing: addresses) }
            return phc
        } catch let error as AccountError where error == .wrongPassword {
            throw error
        } catch {
            limiter.withLock { $0.cancel(subjects) }
            throw error
        }
    }

    /// How long after a sign-in its session does where there is no password to ask for.
    private static let freshMilliseconds: Int64 = 600_000

    /// Whether who is signed in has come in just now: the way in was proved with this session.
    func isFresh(_ visitor: Visitor) async throws -> Bool {
        guard visitor.hasSession, let user = visitor.user else { return false }
        let session = try await sessions(of: user).first { $0.credential == visitor.credential }
        return session.map {
            WallClock.milliseconds - $0.createdMilliseconds < Self.freshMilliseconds
        } ?? false
    }

    private func check(_ password: String, of account: Account) throws(AccountError) {
        let local = EmailAddress(account.email)?.localPart
        let personal = [account.name] + (local.map { [$0] } ?? [])
        if let objection = options.passwords.objection(to: password, personal: personal) {
            throw .password(objection)
        }
    }

    private func set(
        _ password: String, of account: Account, replacing proof: String?, _ visitor: Visitor
    ) async throws -> SignedIn {
        guard let email = EmailAddress(account.email) else { throw AccountError.noAccount }
        let hash = try await make(password, for: visitor)
        let before = try await sync.read(AccountRecords.scope) { snapshot in
            try Self.sessions(of: account.id, in: snapshot)
        }
        let (token, session) = newSession(for: visitor)
        try await push(
            AccountMutations.setPassword,
            AccountMutations.SetPassword(
                user: account.id, phc: hash.text,
                replaces: proof ?? AccountMutations.noPassword, session: session))
        forgetAll(of: account.id, before)
        return signedIn(account.id, email, token, visitor)
    }

    // MARK: A password that was forgotten

    /// Sends a link to choose a new password, if somebody has this address. Returns at once and
    /// says the same in any case: the rest is done behind its back.
    /// - Throws: `AccountError.tooManyTries`.
    public func requestReset(email typed: String, from visitor: Visitor) throws(AccountError) {
        let email = EmailAddress(typed)
        try begin(mailSubjects(of: visitor, email: email, typed: typed))
        guard let email, let sendsReset = options.sendsReset, mayMail(visitor) else { return }
        let until = WallClock.milliseconds + options.resetMilliseconds
        let (hash, logger) = (email.hash, logger)
        sync.read(AccountRecords.scope, onBehalfOf: visitor.peer) { snapshot in
            try Self.credentials(of: hash, in: snapshot)
        } completion: { result in
            guard case .success(let found?) = result else { return }
            let mail = self.resetMail(found, until, visitor)
            Task {
                do {
                    try await sendsReset(mail)
                } catch {
                    logger.error(
                        "the mail with a link to choose a new password failed: \(error)")
                }
            }
        }
    }

    /// Whether a mail may lead to where the visitor has found the server. Whoever asks for somebody
    /// else's mail writes the Host: without HOSTS it may be an address of their own, and the link
    /// would bring the secret there.
    private func mayMail(_ visitor: Visitor) -> Bool {
        guard hasNoHosts, visitor.asksByAddress else { return true }
        if unsentMails.withLock({ $0.occurs(at: .now) }) == .isNews {
            logger.error(
                """
                no mail with a link to choose a new password: it was asked for by an address, \
                which may be anybody's; set HOSTS to the names or addresses of this server
                """)
        }
        return false
    }

    /// Who is counted for a mail. A browser that is known asks its owner's own mails of itself:
    /// strangers who ask for them do not keep the owner from one.
    private func mailSubjects(
        of visitor: Visitor, email: EmailAddress?, typed: String
    ) -> [SignInLimiter.Subject] {
        if let device = knownDevice(of: visitor, for: email) {
            return [SignInLimiter.Subject(Self.mixed("mail of", device), .mail)]
        }
        return [SignInLimiter.Subject(Self.mixed("mail", email?.key ?? typed), .mail)]
            + addresses(of: visitor, for: "mails")
    }

    /// The link itself, in development and if nobody sends a mail: for the log, the page and
    /// the panel of `mizu dev`.
    /// Elsewhere neither may hold it.
    func resetLink(email typed: String, from visitor: Visitor) async throws -> String? {
        guard options.showsResetLinks, options.sendsReset == nil,
            let email = EmailAddress(typed)
        else { return nil }
        let until = WallClock.milliseconds + options.resetMilliseconds
        guard let found = try await credentials(of: email) else { return nil }
        let mail = resetMail(found, until, visitor)
        logger.notice("a link to choose a new password for \(email.text): \(mail.link)")
        tellsDeveloper("Choose a new password for \(email.text)", mail.path)
        return mail.link
    }

    private func resetMail(
        _ found: Credentials, _ untilMilliseconds: Int64, _ visitor: Visitor
    ) -> ResetMail {
        let token = keys.sign(
            [found.account.id, Self.mark(of: found.phc)], for: .reset,
            untilMilliseconds: untilMilliseconds)
        let path = options.prefix + "/reset/new?token=" + token
        return ResetMail(account: found.account, path: path, link: visitor.origin + path)
    }

    /// What a link says of the password that it replaces: a link is good once, because the
    /// password is another one then.
    private static func mark(of phc: String?) -> String {
        String(SHA256.digest(phc ?? "").hex.prefix(32))
    }

    /// Whether a link holds, before its page is shown.
    public func holds(resetToken token: String) async throws -> Bool {
        try await found(byReset: token) != nil
    }

    private func found(byReset token: String) async throws -> Credentials? {
        guard let fields = keys.verify(token, for: .reset, now: WallClock.milliseconds),
            fields.count == 2, let account = try await account(fields[0]),
            let found = try await credentials(of: EmailAddress(account.email)),
            Self.mark(of: found.phc) == fields[1]
        else { return nil }
        return found
    }

    /// Sets the password that somebody has chosen by a link, and signs them in. All other sessions
    /// end; tokens for scripts and passkeys stay.
    /// - Throws: `AccountError`; `linkOver` if the link does not hold.
    public func resetPassword(
        token: String, to new: String, from visitor: Visitor
    ) async throws -> SignedIn {
        guard let found = try await found(byReset: token) else { throw AccountError.linkOver }
        try check(new, of: found.account)
        do {
            let signedIn = try await set(new, of: found.account, replacing: found.phc, visitor)
            try await endEarlier(visitor)
            return signedIn
        } catch AccountError.wrongPassword {
            // Somebody was faster with the same link.
            throw AccountError.linkOver
        }
    }
}
