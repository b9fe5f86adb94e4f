// People with accounts: the handle that `App.accounts` returns. It knows who a request is from, and
// has a function for everything that the built-in pages do, for apps that bring their own.
//
// Everything about people is records of the scope `mizu:accounts`, written by mutations through the
// one engine (MizuIdentity: AccountRecords, AccountMutations). What is here joins that to
// passwords, limits and sockets. Any thread.

import Logging
import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuIdentity
import MizuSync
import MizuSyncService
import Synchronization

/// The accounts of an app, and the sessions of those who are signed in.
public final class Accounts: Sendable {
    /// Somebody who has an account.
    public struct Account: Sendable, Equatable {
        /// Random; what `request.user` holds.
        public let id: String
        /// By which they sign in.
        public let email: String
        /// What others are shown.
        public let name: String
        /// Since 1970.
        public let createdMilliseconds: Int64

        init(_ id: String, _ record: AccountRecords.Account) {
            self.id = id
            email = record.email
            name = record.name
            createdMilliseconds = record.createdMilliseconds
        }
    }

    /// A browser that is signed in.
    public struct Session: Sendable, Equatable {
        /// Its public name, as in `request.credential`; it proves nothing.
        public let credential: String
        /// In plain words: "Firefox on Linux".
        public let device: String
        /// Where it was seen last.
        public let address: String
        /// Since 1970.
        public let createdMilliseconds: Int64
        /// Since 1970; exact to `SessionRules.touchMilliseconds`.
        public let seenMilliseconds: Int64
        let hash: String
    }

    /// The proof of a sign-in: hand its cookies to the browser.
    public struct SignedIn: Sendable {
        /// Who has signed in.
        public let user: String
        let cookies: [SetCookie]

        /// Sets the cookies of the session.
        public func apply(to response: inout Response) throws {
            for cookie in cookies { try response.set(cookie) }
        }
    }

    /// A mail that lets somebody choose a new password, for the app's hook to send.
    public struct ResetMail: Sendable {
        /// Whose password it is.
        public let account: Account
        /// The link's path and query. It is a secret, and good once.
        public let path: String
        /// The link with the scheme and the host by which the reset was asked for. HOSTS decides
        /// which hosts that can be; without it, an address is none.
        public let link: String
    }

    /// What `App.accounts` was given.
    let options: AccountOptions
    let sync: Sync
    let keys: SecretKeys
    let hasher: PasswordHasher
    let cache = SessionCache()
    /// Where the accounts' scope was when `cache` was emptied last, in a store that other processes
    /// write to: what is in it was read there, or later.
    let cachedAt = Mutex<Position>(.start)
    /// What else ends with an account: its tokens, its passkeys.
    let atDeletion: UserHooks
    /// The path of the script by which the built-in pages have passkeys; nil: they have none.
    let passkeyScript = Mutex<String?>(nil)
    let limiter = Mutex(SignInLimiter())
    /// Who had an open socket when it was looked last.
    let openCredentials = Mutex<OpenCredentials?>(nil)
    let logger: Logger
    /// Shows a link to who develops the app; nothing elsewhere.
    let tellsDeveloper: @Sendable (_ text: String, _ path: String) -> Void
    /// HOSTS names nobody: requests may ask by any address, which is whose they like.
    let hasNoHosts: Bool
    /// When a mail was not sent for that reason.
    let unsentMails = Mutex(LogEpisode())
    /// Whose addresses have no limits (LIMIT_EXEMPT).
    let isExempt: @Sendable (PeerAddress) -> Bool

    init(
        _ options: AccountOptions, sync: Sync, keys: SecretKeys, hasher: PasswordHasher,
        logger: Logger, hasNoHosts: Bool, isExempt: @escaping @Sendable (PeerAddress) -> Bool,
        atDeletion: UserHooks,
        tellsDeveloper: @escaping @Sendable (_ text: String, _ path: String) -> Void
    ) {
        self.options = options
        self.sync = sync
        self.keys = keys
        self.hasher = hasher
        self.logger = logger
        self.hasNoHosts = hasNoHosts
        self.isExempt = isExempt
        self.atDeletion = atDeletion
        self.tellsDeveloper = tellsDeveloper
        // Sessions that have ended on another node: memory forgets them here, too.
        sync.live.onCredentialEnd { [cache] ended in cache.end { $0.credential == ended } }
    }

    // MARK: Looking

    /// The account with this id; nil if there is none.
    public func account(_ user: String) async throws -> Account? {
        try await sync.read(AccountRecords.scope) { snapshot in
            try Self.account(user, in: snapshot)
        }
    }

    /// The account whose address this is; nil if there is none.
    public func account(email: String) async throws -> Account? {
        guard let email = EmailAddress(email) else { return nil }
        return try await sync.read(AccountRecords.scope) { snapshot in
            guard let found = try snapshot.record(AccountRecords.email, id: email.hash) else {
                return nil
            }
            return try Self.account(try found.decode(AccountRecords.Email.self).user, in: snapshot)
        }
    }

    static func account(
        _ user: String, in snapshot: borrowing Snapshot
    ) throws -> Account? {
        try snapshot.record(AccountRecords.account, id: user).map {
            Account(user, try $0.decode(AccountRecords.Account.self))
        }
    }

    /// The sessions of `user` that have not ended, the one seen last first.
    public func sessions(of user: String) async throws -> [Session] {
        let (rules, now) = (options.sessions, WallClock.milliseconds)
        return try await sync.read(AccountRecords.scope) { snapshot in
            try Self.sessions(of: user, in: snapshot)
        }
        .filter { now < rules.end(createdAt: $0.createdMilliseconds, seenAt: $0.seenMilliseconds) }
        .sorted { $0.seenMilliseconds > $1.seenMilliseconds }
    }

    /// All of them, also those that are past their limits.
    static func sessions(
        of user: String, in snapshot: borrowing Snapshot
    ) throws -> [Session] {
        let hashes =
            try snapshot.record(AccountRecords.sessions, id: user)?
            .decode(AccountRecords.Sessions.self).hashes ?? []
        return try hashes.compactMap { hash in
            guard
                let record = try snapshot.record(AccountRecords.session, id: hash)?
                    .decode(AccountRecords.Session.self)
            else { return nil }
            return Session(
                credential: SessionToken.credential(ofHash: hash), device: record.device,
                address: record.address, createdMilliseconds: record.createdMilliseconds,
                seenMilliseconds: record.seenMilliseconds, hash: hash)
        }
    }

    // MARK: Writing

    /// Applies one of the accounts' own mutations.
    /// - Throws: `AccountError` for what a person can do something about, else what `Sync.push`
    ///   throws.
    func push(_ name: Name, _ arguments: some Encodable) async throws {
        let intent = try Intent(name, arguments)
        let outcomes = try await sync.push(as: .server, scope: AccountRecords.scope, [intent])
        guard let decision = outcomes.first?.decision else { return }
        guard case .refused(let code, let message) = decision else {
            if let error = outcomes.first?.error { throw error }
            return
        }
        switch Rejection(code: code, message: message) {
        case AccountMutations.emailTaken: throw AccountError.emailTaken
        case AccountMutations.invitationUsed: throw AccountError.invitationOver
        case AccountMutations.proofIsOld: throw AccountError.wrongPassword
        case let other where other.code == Rejection.notFound.code: throw AccountError.noAccount
        case let other:
            throw HTTPError(.badRequest, code: other.code, message: other.message)
        }
    }
}

/// How accounts behave.
public struct AccountOptions: Sendable {
    /// Who may make an account.
    public enum SignUp: Sendable {
        /// Everybody.
        case open
        /// Whoever has a link of `Accounts.invitation`.
        case invitation
        /// Nobody but the app's own code (`Accounts.signUp`).
        case closed
    }

    /// Who may make an account.
    public var signUp = SignUp.open
    /// How long sessions last.
    public var sessions = SessionRules()
    /// Which passwords are taken.
    public var passwords = PasswordRules()
    /// How passwords are hashed.
    public var hashing = PasswordParameters.recommended
    /// Where the endpoints and pages are. Without a slash at the end.
    public var prefix = "/account"
    /// Where people go who have signed in or out, unless a page says another path.
    public var home = "/"
    /// The app's name, for the built-in pages.
    public var title = "Mizu"
    /// Sends a mail with a link to choose a new password. It runs in a task of its own; what it
    /// throws is logged. Nil: passwords cannot be reset, but in development the link is in the log
    /// and on the page.
    public var sendsReset: (@Sendable (Accounts.ResetMail) async throws -> Void)?
    /// In development the link of a reset is on the page and in the log if nobody sends a mail.
    var showsResetLinks = false
    /// How long a link to choose a new password is good.
    public var resetMilliseconds: Int64 = 3_600_000

    /// - Parameter signUp: who may make an account.
    public init(signUp: SignUp = .open) { self.signUp = signUp }
}
