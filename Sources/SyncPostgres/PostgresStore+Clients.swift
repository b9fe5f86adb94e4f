// Outcomes and clients as a transaction sees them.

import MizuBytes
import MizuSync

extension PostgresStore {
    // MARK: Outcomes

    func outcome(of mutation: Name, in scope: Name) throws(StoreError) -> StoredOutcome? {
        let name = ScopedName(scope: scope, name: mutation)
        if let own = transaction?.overlay.outcomes[name] { return own }
        try lock(scope)
        if let known = transaction?.outcomes[name] { return known }
        let rows = try ask(Prefetch.pairs(Prefetch.outcome, [name]), of: scope)
        let found = rows.count == 0 ? nil : try rows.outcome(0, from: 2)
        transaction?.outcomes[name] = .some(found)
        return found
    }

    func setOutcome(
        _ outcome: StoredOutcome, of mutation: Name, in scope: Name
    ) throws(StoreError) {
        try lock(scope)
        transaction?.write(.outcome(ScopedName(scope: scope, name: mutation), outcome))
    }

    func removeOutcome(of mutation: Name, in scope: Name) throws(StoreError) {
        try lock(scope)
        transaction?.write(.outcome(ScopedName(scope: scope, name: mutation), nil))
    }

    // MARK: Clients

    private static let owner = Statement(
        "m_owner",
        "SELECT scope, owner FROM mizu_client WHERE client = $1 ORDER BY owner DESC LIMIT $2")
    private static let count = Statement(
        "m_count", "SELECT count(*) FROM mizu_client WHERE scope = $1 AND owner = $2")
    private static let silent = Statement(
        "m_silent",
        """
        SELECT client, owner, pushed, outcomes FROM mizu_client WHERE scope = $1 AND owner = $2
        ORDER BY pushed LIMIT $3
        """)

    func client(_ client: Name, in scope: Name) throws(StoreError) -> ClientState? {
        let name = ScopedName(scope: scope, name: client)
        var state: ClientState?
        if let own = transaction?.overlay.clients[name] {
            state = own
        } else {
            state = try storedClient(name)
        }
        if state?.user == nil, let user = transaction?.overlay.claims[client] {
            state?.user = user
        }
        return state
    }

    private func storedClient(_ name: ScopedName) throws(StoreError) -> ClientState? {
        try lock(name.scope)
        if let known = transaction?.clients[name] { return known }
        let rows = try ask(Prefetch.pairs(Prefetch.client, [name]), of: name.scope)
        let found = rows.count == 0 ? nil : try rows.client(0, from: 2)
        transaction?.clients[name] = .some(found)
        return found
    }

    func owner(of client: Name) throws(StoreError) -> Name?? {
        if let user = transaction?.overlay.claims[client] { return .some(user) }
        var removed: Set<Name> = []
        for (name, state) in transaction?.overlay.clients ?? [:] where name.name == client {
            if let state { return .some(state.user) }
            removed.insert(name.scope)
        }
        if transaction == nil { try open() }
        // One who has an owner anywhere has this owner.
        let rows = try run([Query(Self.owner).with(client).with(removed.count + 1)])[0]
        for row in 0..<rows.count where !removed.contains(try rows.name(row, 0)) {
            return .some(try rows.nameIfAny(row, 1))
        }
        return nil
    }

    func setClient(
        _ state: ClientState, of client: Name, in scope: Name
    ) throws(StoreError) {
        try lock(scope)
        transaction?.write(.client(ScopedName(scope: scope, name: client), state))
    }

    func removeClient(_ client: Name, in scope: Name) throws(StoreError) {
        try lock(scope)
        transaction?.write(.client(ScopedName(scope: scope, name: client), nil))
    }

    /// In scopes that are not locked as well: nobody takes an owner away again.
    func claim(_ client: Name, for user: Name) throws(StoreError) {
        transaction?.write(.claim(client, user: user))
    }

    func clientCount(of user: Name?, in scope: Name) throws(StoreError) -> Int {
        let rows = try ask(Query(Self.count).with(scope).with(user), of: scope)
        var count = rows.count == 1 ? try rows.int(0, 0) : 0
        for (name, state) in transaction?.overlay.clients ?? [:] where name.scope == scope {
            if let stored = try storedClient(name), stored.user == user { count -= 1 }
            if let state, state.user == user { count += 1 }
        }
        return count
    }

    func longestSilentClient(
        of user: Name?, in scope: Name
    ) throws(StoreError) -> (client: Name, state: ClientState)? {
        let own = (transaction?.overlay.clients ?? [:]).filter { $0.key.scope == scope }
        let rows = try ask(
            Query(Self.silent).with(scope).with(user).with(own.count + 1), of: scope)
        var silent: (client: Name, state: ClientState)?
        for row in 0..<rows.count {
            let client = try rows.name(row, 0)
            if own[ScopedName(scope: scope, name: client)] != nil { continue }
            silent = (client, try rows.client(row, from: 1))
            break
        }
        for (name, state) in own {
            guard let state, state.user == user else { continue }
            if let silent, silent.state.lastPushMilliseconds <= state.lastPushMilliseconds {
                continue
            }
            silent = (name.name, state)
        }
        return silent
    }
}
