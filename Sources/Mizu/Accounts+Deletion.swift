// The end of an account, with everything that is theirs: sessions, password and address at once, in
// one transaction; then their grants, the scopes in which nobody else is, and their own scope
// `user:ID`. That takes several transactions, so a record says that it is to be done, and it goes
// on at the next start if the server ends in between.
//
// A scope in which others are stays, with all that the person has written there, which is theirs
// together; also if nobody may manage it any more: the app's own code may grant somebody that.

import MizuBytes
import MizuHTTP
import MizuIdentity
import MizuSync

extension Accounts {
    /// Deletes an account. When it returns nobody is signed in to it any more, and its data is
    /// gone; if that fails, or the task is cancelled, it goes at the next start.
    /// - Throws: `AccountError.noAccount` if there is none.
    public func delete(_ user: String) async throws {
        let sessions = try await sync.read(AccountRecords.scope) { snapshot in
            try Self.sessions(of: user, in: snapshot)
        }
        try await push(AccountMutations.delete, AccountMutations.Which(user: user))
        forgetAll(of: user, sessions)
        // Tokens and passkeys are worth nothing from here on; their records go below.
        atDeletion.forget(user)
        await finishDeletion(of: user)
    }

    /// Goes on with what an earlier run of the server has begun. To be called when everything is
    /// declared that ends with an account.
    func finishDeletions() async throws {
        let users = try await sync.read(AccountRecords.scope) { snapshot in
            try snapshot.ids(of: AccountRecords.deletion, limit: 1_000)
        }
        for user in users { await finishDeletion(of: user) }
    }

    func finishDeletion(of user: String) async {
        do {
            atDeletion.forget(user)
            try await atDeletion.remove(user)
            try await removeData(of: user)
            try await push(AccountMutations.forget, AccountMutations.Which(user: user))
        } catch {
            logger.error("the data of a deleted account stays until the next start: \(error)")
        }
    }

    private func removeData(of user: String) async throws {
        guard let name = Name(user), let own = Name.userScope(of: name) else { return }
        // Each round takes scopes off the list, so it ends.
        while true {
            let scopes = try await sync.read(own) { snapshot in
                try snapshot.ids(of: ScopeRecord.entity, limit: 100)
            }
            guard !scopes.isEmpty else { break }
            for scope in scopes { try await leave(Name(scope), user, own) }
        }
        try await empty(own, of: user)
    }

    private func leave(_ scope: Name?, _ user: String, _ own: Name) async throws {
        if let scope { try await empty(scope, of: user) }
        let leave = DeletionMutations.Leave(user: user, scope: scope?.string ?? "")
        try await apply(DeletionMutations.leave, leave, in: own)
    }

    /// Deletes every record of a scope in which nobody else is, some hundreds at a time.
    private func empty(_ scope: Name, of user: String) async throws {
        while true {
            let keys = try await sync.read(scope) { snapshot in
                // Grants and places in the list go one by one, with `leave`.
                try snapshot.keys(limit: 200)
            }
            guard !keys.isEmpty else { return }
            let empty = DeletionMutations.Empty(
                user: user, records: keys.map { [$0.entity.string, $0.id.string] })
            guard try await apply(DeletionMutations.empty, empty, in: scope) else { return }
        }
    }

    /// - Returns: false if it was refused, because somebody else is in the scope.
    @discardableResult
    private func apply(
        _ name: Name, _ arguments: some Encodable, in scope: Name
    ) async throws -> Bool {
        let intent = try Intent(name, arguments)
        let outcomes = try await sync.push(as: .server, scope: scope, [intent])
        switch outcomes.first?.decision {
        case .refused: return false
        case .undecided: throw outcomes.first?.error ?? AccountError.noAccount
        case .applied, nil: return true
        }
    }
}

extension Snapshot {
    /// The ids of an entity's records, the first so many.
    func ids(of entity: Name, limit: Int) throws -> [String] {
        var ids: [String] = []
        try reader.visitRecords(of: entity, in: scope) { id, _ in
            ids.append(id.string)
            return ids.count < limit ? .next : .stop
        }
        return ids
    }

    /// The keys of all records that are neither grants nor places in a list, the first so many.
    func keys(limit: Int) throws -> [RecordKey] {
        var keys: [RecordKey] = []
        var looked = 0
        try reader.visitRecords(in: scope, after: nil) { key, _ in
            looked += 1
            let isOfPeople = key.entity == GrantRecord.entity || key.entity == ScopeRecord.entity
            if !isOfPeople { keys.append(key) }
            return keys.count < limit && looked < 100_000 ? .next : .stop
        }
        return keys
    }
}
