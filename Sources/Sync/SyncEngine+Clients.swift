// Who may push with which client (protocol.md, `wrong_user`, and "Limits": clients of a user).

import MizuBytes

extension SyncEngine {
    enum ClientCheck {
        /// With what is to be known of the client from now on; nil for a push without a client.
        case admitted(ClientState?)
        case refused(Refusal)
    }

    /// A client's last push is noted with this precision, so that a busy client does not rewrite
    /// an index with every push.
    private static let pushPrecisionMilliseconds: Int64 = 3_600_000

    /// Checks the client's owner, and makes the one who signs in the owner of an anonymous client.
    func admit(_ push: PushRequest, at time: Int64) throws(StoreError) -> ClientCheck {
        guard let client = push.client else { return .admitted(nil) }
        let known = try store.client(client, in: push.scope)
        // A client is one queue on one device and has one owner, whatever scopes it pushes to.
        let owner: Name?? = if let known { .some(known.user) } else { try store.owner(of: client) }
        if case .some(let owner) = owner, owner != push.user {
            guard owner == nil, let user = push.user else { return .refused(.wrongUser) }
            // A push of nothing decides nothing, not even whose client it is.
            if !push.mutations.isEmpty { try store.claim(client, for: user) }
        }
        if var state = known {
            state.user = push.user
            if time - state.lastPushMilliseconds >= Self.pushPrecisionMilliseconds {
                state.lastPushMilliseconds = time
            }
            return .admitted(state)
        }
        guard !push.mutations.isEmpty else { return .admitted(nil) }
        if let refusal = try makeRoom(for: push.user, in: push.scope, at: time) {
            return .refused(refusal)
        }
        return .admitted(
            ClientState(user: push.user, lastPushMilliseconds: time, outcomeCount: 0))
    }

    /// Sees to it that clients do not grow without end. Those of nobody are many people's: there
    /// the longest silent one gives way, which costs it no more than the long life of its last
    /// outcomes. A user's own are refused.
    private func makeRoom(
        for user: Name?, in scope: Name, at time: Int64
    ) throws(StoreError) -> Refusal? {
        let count = try store.clientCount(of: user, in: scope)
        guard count >= (user == nil ? limits.anonymousClientsMax : limits.userClientsMax) else {
            return nil
        }
        if let silent = try store.longestSilentClient(of: user, in: scope),
            user == nil || isPastRetention(silent.state, at: time)
        {
            try store.removeClient(silent.client, in: scope)
            return nil
        }
        return .rateLimited(
            "a user has at most \(limits.userClientsMax) clients in a scope",
            retryAfterSeconds: 3600)
    }

    /// Whether nothing need be kept for a client any more.
    func isPastRetention(_ state: ClientState, at time: Int64) -> Bool {
        time - state.lastPushMilliseconds
            > limits.clientMilliseconds + Self.pushPrecisionMilliseconds
    }
}
