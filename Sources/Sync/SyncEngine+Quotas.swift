// Asking the quotas before a mutation's changes are written, and booking what was written to the
// account that made the scope: in the transaction of the change, like everything that is counted.

import MizuBytes

extension SyncEngine {
    /// Whose scope it is if this push makes it. The default scope is the app's own, and belongs to
    /// nobody.
    func maker(_ push: PushRequest) -> Account? {
        guard push.scope != .defaultScope, push.authority != .server else { return nil }
        if let user = push.user { return Account(user: user) }
        guard let origin = push.origin else { return nil }
        return Account(addressHash: origin.hash(salt: store.salt))
    }

    /// Why `changes` may not be written; nil if they may. Nothing is stored of such a refusal: it
    /// is given again to whoever asks again, as long as it is true.
    func quotaRefusal(
        of growth: Growth, in state: ScopeState, _ run: BatchRun
    ) throws(StoreError) -> Rejection? {
        let newScopes = state.head.cursor == 0 ? 1 : 0
        guard growth.records > 0 || growth.bytes > 0 || newScopes > 0 else { return nil }
        if let refusal = limits.quotas.refusal(of: growth, in: state) { return refusal }
        guard let owner = state.owner else { return nil }
        return limits.quotas.refusal(
            of: growth, newScopes: newScopes, by: owner, try account(owner, run))
    }

    private func account(_ account: Account, _ run: BatchRun) throws(StoreError) -> AccountState {
        if let known = run.accounts[account] { return known }
        return try store.accountState(account)
    }

    /// The owner's sums with what a scope went through from `before` to `after`; nil where they
    /// stay what they are.
    /// - Parameter known: the sums as the same mutation has left them in another scope.
    func booked(
        from before: ScopeState, to after: ScopeState, in run: BatchRun,
        behind known: Booking? = nil
    ) throws(StoreError) -> Booking? {
        let isNew = before.head.cursor == 0 && after.head.cursor > 0
        guard let owner = after.owner, isNew || before.byteCount != after.byteCount else {
            return nil
        }
        var state = AccountState.none
        if let known { state = known.state } else { state = try account(owner, run) }
        state.scopeCount += isNew ? 1 : 0
        state.byteCount += after.byteCount - before.byteCount
        return (owner, state)
    }
}
