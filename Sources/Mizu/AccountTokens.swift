// The app's tokens for scripts, as the pages of accounts know them: neither a new password nor a
// sign-out everywhere ends one, so a person sees there which they have, and ends them (people.md,
// "What ends what"). Tokens and accounts may be declared in either order. Any thread.

import MizuHTTP
import MizuSync
import Synchronization

/// Where the pages find the tokens; empty in an app that has none.
final class AccountTokens: Sendable {
    /// What the form of a person says to end all that they have.
    static let all = "all"

    private let tokens = Mutex<AccessTokens?>(nil)

    /// Whether the app has tokens.
    var isThere: Bool { tokens.withLock { $0 != nil } }

    func set(_ tokens: AccessTokens) { self.tokens.withLock { $0 = tokens } }

    /// Those of `user`; none in an app without tokens.
    func list(of user: String) async throws -> [AccessTokens.Info] {
        try await tokens.withLock { $0 }?.list(of: user) ?? []
    }

    /// Ends `which` of `user`'s tokens: the public name of one, or `all`. One that is theirs no
    /// more, as in a form that is sent twice, is no error.
    func revoke(_ which: String, of user: String) async throws {
        guard let tokens = tokens.withLock({ $0 }) else { return }
        if which == Self.all { return try await tokens.revokeAll(of: user) }
        guard try await tokens.list(of: user).contains(where: { $0.id == which }) else { return }
        try await tokens.revoke(which, of: user)
    }
}

extension AccessTokens.Info {
    /// What it is good for, in plain words.
    var reach: String {
        let right = writes ? "reads and writes" : "reads"
        guard let scopes else { return right }
        return right + (scopes.count == 1 ? ", in \(scopes[0])" : ", in \(scopes.count) scopes")
    }
}
