// Accounts as an app asks for them: one call, and requests know who they are from.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuIdentity
import MizuRouting
import MizuSync

extension App {
    /// Gives the app accounts: sets `request.user` and `request.credential` for who is signed in,
    /// and serves sign-up, sign-in, sign-out and all else below `/account`, with plain pages that
    /// work without JavaScript (people.md, "Accounts").
    ///
    ///     let sync = try app.sync(mutator, roles: roles)
    ///     let accounts = try app.accounts(sync, signUp: .open)
    ///
    /// Call it once, after `sync` and, if the app has templates for the pages
    /// (`views/accounts/sign-in.html` and so on), after `views`.
    /// - Parameters:
    ///   - sync: what `sync` returned; accounts are records of an internal scope of it.
    ///   - signUp: who may make an account.
    ///   - change: changes further options: `{ $0.title = "Shop" }`. The one closure of this call,
    ///     so that one behind it cannot be taken for another.
    /// - Returns: the handle by which code looks accounts up and makes pages of its own.
    /// - Throws: `StartError` if the secret cannot be read or made.
    @discardableResult
    public func accounts(
        _ sync: Sync, signUp: AccountOptions.SignUp = .open,
        _ change: (inout AccountOptions) -> Void = { _ in }
    ) throws(StartError) -> Accounts {
        precondition(!hasAccounts, "an app has one set of accounts: call accounts once")
        hasAccounts = true
        var options = AccountOptions(signUp: signUp)
        options.showsResetLinks = configuration.isDevelopment
        change(&options)
        let development = self.development
        let accounts = Accounts(
            options, sync: sync, keys: try secretKeys(), hasher: try startHasher(options.hashing),
            logger: logger, hasNoHosts: configuration.hosts == .own, isExempt: exemption,
            atDeletion: atAccountDeletion,
            tellsDeveloper: { development?.tell($0, path: $1) })
        atRestore.add { accounts.cache.clear() }
        accounts.watchEndsElsewhere()
        let mutations = AccountMutations.table(
            options.sessions, isShared: sync.service.isShared)
        for (name, apply) in mutations + DeletionMutations.table {
            systemMutations.register(name, fromWire: false, apply)
        }
        use(
            quick: { request in
                switch accounts.recognize(&request) {
                case .done: .pass
                case .lookUp: .wait
                }
            },
            waiting: { request in
                try await accounts.lookUp(request)
                return nil
            })
        let pages = AccountPages(
            options, views: errorPages.views, assets: assets,
            canReset: options.sendsReset != nil || options.showsResetLinks,
            tokens: accountTokens, passkeyScript: { accounts.passkeyScript.withLock { $0 } })
        let routes = AccountRoutes(accounts, pages, accountTokens)
        self.routes.append { routes.mount(on: &$0) }
        // When all is declared: what ends with an account may be declared behind it.
        atStart("deleted accounts") { try await accounts.finishDeletions() }
        every(JobPeriod(milliseconds: options.sessions.touchMilliseconds), "open sessions") {
            await accounts.touchOpenSessions()
        }
        return accounts
    }

    private var exemption: @Sendable (PeerAddress) -> Bool {
        let exempt = configuration.publicPort.addresses.exempt
        return { exempt.contains($0) }
    }

    private func startHasher(
        _ parameters: PasswordParameters
    ) throws(StartError) -> PasswordHasher {
        do throws(SystemError) {
            let hasher = try PasswordHasher(parameters)
            try hasher.start()
            passwordHasher = hasher
            return hasher
        } catch {
            throw StartError("cannot start: \(error)")
        }
    }

    /// The keys of SESSION_SECRET; else one that is made beside the database, or in it where nodes
    /// share it.
    private func secretKeys() throws(StartError) -> SecretKeys {
        if let keys = configuration.sessionSecret { return keys }
        if configuration.isDatabaseShared {
            guard let keys = SecretKeys(try sharedSecret(orElse: SecretKeys.freshText())) else {
                throw StartError(
                    "the database's secret holds no keys: set SESSION_SECRET to one of at least "
                        + "\(SecretKeys.textCountMin) characters")
            }
            return keys
        }
        guard configuration.database.hasPrefix("sqlite:") else {
            // Nothing outlives the process, so neither has the key to.
            return SecretKeys.fresh()
        }
        return try SecretFile(beside: configuration.database).keys()
    }
}
