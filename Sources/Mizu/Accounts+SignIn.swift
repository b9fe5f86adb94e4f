// Signing in and up. An unknown address costs what a known one does: the same look-ups, one hash,
// the same words; tries are counted before anything is compared. The session is new each time, and
// the one that the browser had before ends with it (session fixation).

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuIdentity
import MizuSync

extension Accounts {
    /// What is known of a person who has typed an address and a password.
    struct Credentials: Sendable {
        let account: Account
        let phc: String?
    }

    // MARK: Signing in

    /// Signs in by address and password.
    /// - Parameter visitor: who asks, `Accounts.Visitor(request)`.
    /// - Throws: `AccountError`: wrong, too many tries, busy.
    public func signIn(
        email typed: String, password: String, from visitor: Visitor
    ) async throws -> SignedIn {
        let email = EmailAddress(typed)
        let (name, addresses) = subjects(of: visitor, email: email, typed: typed)
        let subjects = [name] + addresses
        try begin(subjects)
        let found = try await credentials(of: email, orCancel: subjects)
        // Read for a stranger, too, so that nothing is done for people alone.
        let stored = PasswordHash(found?.phc ?? Stranger.phc)
        let hash = found?.phc == nil ? nil : stored
        guard try await isRight(password, hash, for: visitor, orCancel: subjects),
            let found, let email, let phc = found.phc
        else { throw AccountError.wrongPassword }
        limiter.withLock { $0.succeed(clearing: [name], easing: addresses) }
        var raised: String?
        if let hash, hash.parameters != options.hashing {
            // At the next sign-in after the parameters have changed: only now is the password here.
            raised = try? await make(password, for: visitor).text
        }
        return try await startSession(
            of: found.account.id, email: email, from: visitor, proof: phc, raised: raised)
    }

    /// Signs somebody in whom something else has proved: a passkey, another service.
    /// - Parameter user: an account's id.
    /// - Throws: `AccountError.noAccount`.
    public func signIn(user: String, from visitor: Visitor) async throws -> SignedIn {
        guard let account = try await account(user), let email = EmailAddress(account.email)
        else { throw AccountError.noAccount }
        return try await startSession(of: user, email: email, from: visitor, proof: nil)
    }

    private func startSession(
        of user: String, email: EmailAddress, from visitor: Visitor, proof: String?,
        raised: String? = nil
    ) async throws -> SignedIn {
        let (token, session) = newSession(for: visitor)
        let before = try await allSessions(of: user)
        try await push(
            AccountMutations.startSession,
            AccountMutations.StartSession(
                user: user, session: session, proof: proof, raised: raised))
        if before.count >= options.sessions.countMax {
            // One of them has given its place up.
            let left = Set(try await allSessions(of: user).map(\.credential))
            forget(Set(before.map(\.credential)).subtracting(left))
        }
        try await endEarlier(visitor)
        return signedIn(user, email, token, visitor)
    }

    func newSession(
        for visitor: Visitor
    ) -> (token: SessionToken, session: AccountMutations.NewSession) {
        let token = SessionToken.random()
        return (
            token,
            AccountMutations.NewSession(
                hash: token.hash, device: visitor.device, address: visitor.place)
        )
    }

    /// The session that the browser had before ends, whoever's it was.
    func endEarlier(_ visitor: Visitor) async throws {
        guard let token = visitor.token, let known = try await session(of: token, visitor.peer)
        else { return }
        try await end([(token.hash, known.credential)], of: known.user)
    }

    func signedIn(
        _ user: String, _ email: EmailAddress, _ token: SessionToken, _ visitor: Visitor
    ) -> SignedIn {
        let seconds = Int(clamping: max(0, options.sessions.absoluteMilliseconds) / 1_000)
        return SignedIn(
            user: user,
            cookies: [
                SessionCookie.set(token, isSecure: visitor.isSecure, seconds: seconds),
                deviceCookie(of: email, for: visitor),
            ])
    }

    // MARK: Signing up

    /// Makes an account and signs it in.
    /// - Parameters:
    ///   - password: nil for an account that signs in by something else.
    ///   - invitation: the token of `invitation(for:validMilliseconds:)`; not looked at if sign-up
    ///     is open.
    ///   - visitor: who asks.
    /// - Throws: `AccountError`.
    public func signUp(
        email typed: String, name: String, password: String?, invitation: String? = nil,
        from visitor: Visitor
    ) async throws -> SignedIn {
        let used = try checkInvitation(invitation, email: typed)
        let (email, name) = try check(typed, name, password)
        // Whoever signs up a hundred times from one address guesses at addresses, or is a robot.
        try begin(addresses(of: visitor, for: "sign-up"))
        let hash = try await password.asyncMap { try await make($0, for: visitor) }
        let (token, session) = newSession(for: visitor)
        let user = try Self.freshUser()
        try await push(
            AccountMutations.create,
            AccountMutations.Create(
                user: user, email: email, name: name, phc: hash?.text, invitation: used?.nonce,
                invitationUntil: used?.untilMilliseconds,
                session: session))
        try await endEarlier(visitor)
        return signedIn(user, email, token, visitor)
    }

    /// Makes an account without signing it in: for imports, for the first administrator.
    /// - Returns: its id.
    /// - Throws: `AccountError`.
    public func create(email typed: String, name: String, password: String?) async throws -> String
    {
        let (email, name) = try check(typed, name, password)
        let hash = try await password.asyncMap { try await make($0, source: 0) }
        let user = try Self.freshUser()
        try await push(
            AccountMutations.create,
            AccountMutations.Create(
                user: user, email: email, name: name, phc: hash?.text, invitation: nil,
                session: nil))
        return user
    }

    private static func freshUser() throws -> String {
        guard let user = Intent.orderedID() else {
            throw HTTPError(.internalServerError, code: "internal_error", message: "no id")
        }
        return user.string
    }

    private func check(
        _ typed: String, _ name: String, _ password: String?
    ) throws(AccountError) -> (email: EmailAddress, name: String) {
        // One that looks like somebody else's in a list, and is not, is nobody's.
        guard let email = EmailAddress(typed), email.text.isDisplayable else {
            throw .emailMalformed
        }
        let name = try Self.checked(name: name)
        if let password,
            let objection = options.passwords.objection(
                to: password, personal: [name, email.localPart])
        {
            throw .password(objection)
        }
        return (email, name)
    }

    /// A name as it is kept: without white space around it. Others see it beside their own words,
    /// so it has no characters that turn these around or hide.
    static func checked(name: String) throws(AccountError) -> String {
        let name = name.trimmingWhitespace
        guard (1...80).contains(name.count), name.utf8.count <= 320 else { throw .nameMalformed }
        guard name.isDisplayable else { throw .nameHidden }
        return name
    }

    // MARK: Invitations to sign up

    /// Returns the token of a link that lets one person sign up: the page is `prefix` and
    /// `/sign-up?invitation=`.
    /// - Parameters:
    ///   - email: for whom; nil: for whoever has the link.
    ///   - validMilliseconds: how long it is good; 7 days by default.
    public func invitation(
        for email: String? = nil, validMilliseconds: Int64 = 7 * 86_400_000
    ) -> String {
        let nonce = String(decoding: Hex.encode(Randomness.bytes(16)), as: UTF8.self)
        let now = WallClock.milliseconds
        let until = now.addingReportingOverflow(max(0, validMilliseconds))
        return keys.sign(
            [nonce, email.flatMap { EmailAddress($0)?.hash } ?? ""], for: .invitation,
            untilMilliseconds: until.overflow ? .max : until.partialValue)
    }

    /// - Returns: what is used up; nil if nobody needs an invitation.
    private func checkInvitation(
        _ token: String?, email typed: String
    ) throws(AccountError) -> (nonce: String, untilMilliseconds: Int64)? {
        switch options.signUp {
        case .open: return nil
        case .closed: throw .signUpClosed
        case .invitation:
            guard let token else { throw .signUpClosed }
            guard
                let (fields, until) = keys.open(
                    token, for: .invitation, now: WallClock.milliseconds),
                fields.count == 2,
                fields[1].isEmpty || fields[1] == EmailAddress(typed)?.hash
            else { throw .invitationOver }
            return (fields[0], until)
        }
    }

    // MARK: Passwords

    /// What is decoded in the place of records that there are not: an unknown address, and an
    /// account without a password, cost what others do. Each is as long as a real one.
    private enum Stranger {
        static let account = JSONValue(
            validated: #"{"email":"stranger@example.org","name":"Nobody","created":1767225600000}"#)
        static let email = JSONValue(validated: #"{"user":"019b76da-a800-7000-8000-000000000000"}"#)
        static let password = JSONValue(validated: ByteSlice(#"{"phc":"\#(phc)"}"#))
        static let phc =
            "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA"
            + "$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    }

    /// Looks an address up; an unknown one takes the same three look-ups, and as much decoding.
    func credentials(of email: EmailAddress?) async throws -> Credentials? {
        let hash = email?.hash ?? "-"
        return try await sync.read(AccountRecords.scope) { snapshot in
            try Self.credentials(of: hash, in: snapshot)
        }
    }

    static func credentials(
        of hash: String, in snapshot: borrowing Snapshot
    ) throws -> Credentials? {
        let email = try snapshot.record(AccountRecords.email, id: hash)
        let user = try (email ?? Stranger.email).decode(AccountRecords.Email.self).user
        let record = try snapshot.record(AccountRecords.account, id: user)
        let password = try snapshot.record(AccountRecords.password, id: user)
        let account = Account(
            user, try (record ?? Stranger.account).decode(AccountRecords.Account.self))
        let phc = try (password ?? Stranger.password).decode(AccountRecords.Password.self).phc
        guard email != nil, record != nil else { return nil }
        return Credentials(account: account, phc: password == nil ? nil : phc)
    }

    private func credentials(
        of email: EmailAddress?, orCancel subjects: [SignInLimiter.Subject]
    ) async throws -> Credentials? {
        do {
            return try await credentials(of: email)
        } catch {
            limiter.withLock { $0.cancel(subjects) }
            throw error
        }
    }

    /// Compares a password on the hasher's thread; nil matches none, after the same work.
    private func isRight(
        _ password: String, _ hash: PasswordHash?, for visitor: Visitor,
        orCancel subjects: [SignInLimiter.Subject]
    ) async throws -> Bool {
        do {
            return try await isRight(password, hash, for: visitor)
        } catch {
            limiter.withLock { $0.cancel(subjects) }
            throw error
        }
    }

    func isRight(
        _ password: String, _ hash: PasswordHash?, for visitor: Visitor
    ) async throws -> Bool {
        // One that is too long to be anybody's costs a hash all the same.
        let isTooLong = password.utf8.count > PasswordHash.passwordBytesMax
        let result: Result<Bool, PasswordHasher.Refusal> = await handedOver { waiting in
            hasher.verify(
                isTooLong ? "" : password, against: isTooLong ? nil : hash, for: visitor.source
            ) { waiting.resume(returning: $0) }
        }
        return try Self.value(of: result)
    }

    func make(_ password: String, for visitor: Visitor) async throws -> PasswordHash {
        try await make(password, source: visitor.source)
    }

    private func make(_ password: String, source: UInt64) async throws -> PasswordHash {
        let result: Result<PasswordHash, PasswordHasher.Refusal> = await handedOver { waiting in
            hasher.make(password, for: source) { waiting.resume(returning: $0) }
        }
        return try Self.value(of: result)
    }

    private static func value<Value>(
        of result: Result<Value, PasswordHasher.Refusal>
    ) throws(AccountError) -> Value {
        switch result {
        case .success(let value): return value
        case .failure(.busy(let seconds)): throw .busy(retryAfterSeconds: seconds)
        case .failure(.noMemory): throw .busy(retryAfterSeconds: 5)
        }
    }
}

extension Optional where Wrapped: Sendable {
    /// `map` with something that waits.
    fileprivate func asyncMap<Value>(
        _ transform: (Wrapped) async throws -> Value
    ) async rethrows -> Value? {
        guard let self else { return nil }
        return try await transform(self)
    }
}

extension String {
    fileprivate var trimmingWhitespace: String {
        var text = Substring(self)
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
