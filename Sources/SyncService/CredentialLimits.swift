// What a token may do less than the person whose it is: only read, or only certain scopes. It
// comes with the request, and the doors ask it before they ask the app, so that no `authorize` has
// to know of tokens. A socket has no such token: it would have to ask with each message.

import MizuHTTP
import MizuSync

/// Bounds of a credential, which middleware leaves in a request's `storage`.
public struct CredentialLimits: Sendable, Equatable {
    /// Whether it may push.
    public var writes: Bool
    /// The only scopes that it is good for; nil: all.
    public var scopes: Set<Name>?

    /// Under which name `Request.storage` has them.
    public static let key = "mizu.credential.limits"

    public init(writes: Bool, scopes: Set<Name>?) {
        self.writes = writes
        self.scopes = scopes
    }

    /// No bounds at all.
    public var isUnlimited: Bool { writes && scopes == nil }

    /// Whether it may be used for this.
    public func allows(_ action: SyncAction, in scope: Name) -> Bool {
        (writes || action != .push) && scopes?.contains(scope) ?? true
    }

    /// Refuses what the credential of a request may not be used for.
    /// - Throws: `scope_denied`.
    package static func check(
        _ request: borrowing Request, _ action: SyncAction, in scope: Name
    ) throws(Refusal) {
        guard !request.storage.isEmpty,
            let limits = request.storage[key] as? CredentialLimits
        else { return }
        guard limits.allows(action, in: scope) else { throw Refusal.scopeDenied(scope) }
    }
}
