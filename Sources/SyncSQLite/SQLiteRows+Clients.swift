// Who has pushed to which scope, and whose clients they are.

import MizuBytes
import MizuSync

extension SQLiteRows {
    func client(_ client: Name, in scope: Name) throws(StoreError) -> ClientState? {
        try statements.client.bind(client).bind(scope)
            .first { (row) throws(StoreError) in Self.client(row) }
    }

    func owner(of client: Name) throws(StoreError) -> Name?? {
        try statements.owner.bind(client).first { (row) throws(StoreError) in row.name() }
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

    func claim(_ client: Name, for user: Name) throws(StoreError) {
        try statements.claim.bind(user).bind(client).run()
    }

    func clientCount(of user: Name?, in scope: Name) throws(StoreError) -> Int {
        try statements.clientCount.bind(scope).bind(user)
            .first { (row) throws(StoreError) in row.int() } ?? 0
    }

    func longestSilentClient(
        of user: Name?, in scope: Name
    ) throws(StoreError) -> (client: Name, state: ClientState)? {
        try statements.longestSilent.bind(scope).bind(user)
            .first { (row) throws(StoreError) in
                (client: try row.key(ClientColumn.client), state: Self.client(row))
            }
    }

    func removeClient(_ client: Name, in scope: Name) throws(StoreError) {
        try statements.removeClient.bind(client).bind(scope).run()
    }

    private static func client(_ row: Statement) -> ClientState {
        ClientState(
            user: row.name(ClientColumn.user),
            lastPushMilliseconds: Int64(row.int(ClientColumn.pushed)),
            outcomeCount: row.int(ClientColumn.outcomes))
    }
}
