// Who has pushed to which scope, and whose clients they are.

import MizuBytes
import MizuSync

extension SQLiteRows {
    func client(_ client: Name, in scope: Name) throws(StoreError) -> ClientState? {
        try statements.client.bind(client).bind(scope)
            .first { (row) throws(StoreError) in Self.client(row) }
    }

    /// Visits the scopes that a client has pushed to.
    func visitScopes(
        of client: Name, _ visit: (Name, ClientState) throws(StoreError) -> Visit
    ) throws(StoreError) {
        try statements.scopesOfClient.bind(client).each { (row) throws(StoreError) in
            try visit(try row.key(ClientColumn.name), Self.client(row))
        }
    }

    func setClient(
        _ state: ClientState, of client: Name, in scope: Name
    ) throws(StoreError) {
        try statements.countClient.bind(state.outcomeCount).bind(client).bind(scope)
            .bind(state.user).bind(Int(state.lastPushMilliseconds)).run()
        guard connection.changedRowCount == 0 else { return }
        try statements.setClient.bind(client).bind(scope).bind(state.user)
            .bind(Int(state.lastPushMilliseconds)).bind(state.outcomeCount).run()
    }

    func clientCount(of user: Name?, in scope: Name) throws(StoreError) -> Int {
        try statements.clientCount.bind(scope).bind(user)
            .first { (row) throws(StoreError) in row.int() } ?? 0
    }

    /// Visits the clients of `user` (nil: of nobody) in the scope, the longest silent one first.
    func visitSilentClients(
        of user: Name?, in scope: Name,
        _ visit: (Name, ClientState) throws(StoreError) -> Visit
    ) throws(StoreError) {
        try statements.silentClients.bind(scope).bind(user).each { (row) throws(StoreError) in
            try visit(try row.key(ClientColumn.name), Self.client(row))
        }
    }

    func removeClient(_ client: Name, in scope: Name) throws(StoreError) {
        try statements.removeClient.bind(client).bind(scope).run()
    }

    static func client(_ row: Statement) -> ClientState {
        ClientState(
            user: row.name(ClientColumn.user),
            lastPushMilliseconds: Int64(row.int(ClientColumn.pushed)),
            outcomeCount: row.int(ClientColumn.outcomes))
    }
}
