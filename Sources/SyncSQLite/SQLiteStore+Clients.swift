// Outcomes and clients as a transaction sees them. What is asked of many rows at once (how many
// clients, which one was silent for longest, what is due) is the union of SQLite and pending rows;
// numbers of clients are counted once and kept.

import MizuBytes
import MizuSync

/// A user's clients in a scope; nobody's where the user is nil.
struct ClientGroup: Hashable {
    let scope: Name
    let user: Name?
}

extension SQLiteStore {
    // MARK: Outcomes

    public func outcome(of mutation: Name, in scope: Name) throws(StoreError) -> StoredOutcome? {
        if let own = pending.outcome(of: mutation, in: scope) { return own }
        return try rows.outcome(of: mutation, in: scope)
    }

    public func setOutcome(
        _ outcome: StoredOutcome, of mutation: Name, in scope: Name
    ) throws(StoreError) {
        write(.outcome(outcome, mutation: mutation, in: scope))
    }

    public func removeOutcome(of mutation: Name, in scope: Name) throws(StoreError) {
        write(.outcome(nil, mutation: mutation, in: scope))
    }

    public func dueOutcomes(
        atMilliseconds now: Int64, countMax: Int
    ) throws(StoreError) -> [(scope: Name, mutation: Name, outcome: StoredOutcome)] {
        var due = try rows.dueOutcomes(atMilliseconds: now, countMax: countMax) {
            pending.outcome(of: $1, in: $0) != nil
        }
        // Pending ones are of the last moment: seldom among the first.
        let last = due.count < countMax ? now : due[countMax - 1].outcome.reviewMilliseconds
        let own = pending.outcomes(dueAt: min(now, last))
        if !own.isEmpty {
            due = (due + own)
                .sorted { $0.outcome.reviewMilliseconds < $1.outcome.reviewMilliseconds }
        }
        return Array(due.prefix(countMax))
    }

    // MARK: Clients

    public func client(_ client: Name, in scope: Name) throws(StoreError) -> ClientState? {
        if let own = pending.client(client, in: scope) { return own }
        return try rows.client(client, in: scope)
    }

    public func owner(of client: Name) throws(StoreError) -> Name?? {
        for scope in pending.scopes(of: client) {
            if case .some(.some(let state)) = pending.client(client, in: scope) {
                return .some(state.user)
            }
        }
        var owner: Name??
        try rows.visitScopes(of: client) { scope, state in
            // Removed, and not yet in SQLite.
            if pending.client(client, in: scope) != nil { return .next }
            owner = .some(state.user)
            return .stop
        }
        return owner
    }

    public func setClient(
        _ state: ClientState, of client: Name, in scope: Name
    ) throws(StoreError) {
        if !clientCounts.isEmpty {
            let before = try self.client(client, in: scope)
            count(scope, from: before, to: state)
        }
        write(.client(state, client, in: scope))
    }

    public func removeClient(_ client: Name, in scope: Name) throws(StoreError) {
        if !clientCounts.isEmpty {
            count(scope, from: try self.client(client, in: scope), to: nil)
        }
        write(.client(nil, client, in: scope))
    }

    public func claim(_ client: Name, for user: Name) throws(StoreError) {
        var scopes = pending.scopes(of: client)
        try rows.visitScopes(of: client) { scope, _ in
            scopes.insert(scope)
            return .next
        }
        for scope in scopes {
            guard var state = try self.client(client, in: scope) else { continue }
            state.user = user
            try setClient(state, of: client, in: scope)
        }
    }

    public func clientCount(of user: Name?, in scope: Name) throws(StoreError) -> Int {
        let group = ClientGroup(scope: scope, user: user)
        if let known = clientCounts[group] { return known }
        var count = try rows.clientCount(of: user, in: scope)
        for row in pending.clients(of: scope) {
            let stored = try rows.client(row.key, in: scope)
            if let stored, stored.user == user { count -= 1 }
            if let state = row.value, state.user == user { count += 1 }
        }
        if clientCounts.count >= Self.clientCountsMax { clientCounts = [:] }
        clientCounts[group] = count
        return count
    }

    /// More are counted anew.
    private static let clientCountsMax = 4_096

    private func count(_ scope: Name, from before: ClientState?, to after: ClientState?) {
        if let before { change(ClientGroup(scope: scope, user: before.user), by: -1) }
        if let after { change(ClientGroup(scope: scope, user: after.user), by: 1) }
    }

    private func change(_ group: ClientGroup, by difference: Int) {
        guard let known = clientCounts[group] else { return }
        clientCounts[group] = known + difference
    }

    public func longestSilentClient(
        of user: Name?, in scope: Name
    ) throws(StoreError) -> (client: Name, state: ClientState)? {
        var silent: (client: Name, state: ClientState)?
        try rows.visitSilentClients(of: user, in: scope) { client, state in
            if pending.client(client, in: scope) != nil { return .next }
            silent = (client, state)
            return .stop
        }
        for row in pending.clients(of: scope) {
            guard let state = row.value, state.user == user else { continue }
            if let silent, silent.state.lastPushMilliseconds <= state.lastPushMilliseconds {
                continue
            }
            silent = (row.key, state)
        }
        return silent
    }
}
