// What is done in other scopes when an account is deleted: records of a scope in which nobody else
// is, and the person's grants. The server's alone, like the other mutations of accounts.

import MizuBytes
import MizuSync

public enum DeletionMutations {
    public static let empty: Name = "mizu.account.empty"
    public static let leave: Name = "mizu.account.leave"

    /// Deletes records of the scope that it is pushed to.
    public struct Empty: Codable, Sendable {
        public var user: String
        /// Entity and id of each.
        public var records: [[String]]

        public init(user: String, records: [[String]]) {
            self.user = user
            self.records = records
        }
    }

    /// Takes a person out of a scope; pushed to the person's own scope.
    public struct Leave: Codable, Sendable {
        public var user: String
        public var scope: String

        public init(user: String, scope: String) {
            self.user = user
            self.scope = scope
        }
    }

    /// Both of them.
    public static let table: [(name: Name, apply: AccountMutations.Apply)] = [
        (empty, { (mutation, store) throws(Rejection) in try empty(mutation, &store) }),
        (leave, { (mutation, store) throws(Rejection) in try leave(mutation, &store) }),
    ]

    private static func empty(
        _ mutation: Mutation, _ store: inout Transaction
    ) throws(Rejection) {
        let which: Empty = try mutation.args.decode()
        // Somebody may have come in since it was looked.
        let grants = try store.list("mizu.grant")
        guard grants.allSatisfy({ $0.id.string == which.user }) else { throw .conflict }
        for record in which.records where record.count == 2 {
            guard let entity = Name(record[0]), try store.get(entity, id: record[1]) != nil else {
                continue
            }
            try store.delete(entity, id: record[1])
        }
    }

    private static func leave(
        _ mutation: Mutation, _ store: inout Transaction
    ) throws(Rejection) {
        let which: Leave = try mutation.args.decode()
        if let user = Name(which.user), let scope = Name(which.scope) {
            try store.removeGrant(of: user, in: scope)
        }
        // What else stands in the list leads nowhere.
        if try store.get("mizu.scope", id: which.scope) != nil {
            try store.delete("mizu.scope", id: which.scope)
        }
    }
}
