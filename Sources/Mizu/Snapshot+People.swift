// Who may what in a scope, as a page shows it: the grants in the scope, and the scopes of a person
// (people.md, "Grants"). What it may be used for is decided elsewhere: in `authorize`, and in the
// transaction.

import MizuSync

/// A scope in which somebody has a role.
public struct ListedScope: Hashable, Sendable {
    public let scope: Name
    public let role: String
}

extension Snapshot {
    /// Returns everybody who has a role in the scope, in the order of users. O(n).
    /// - Throws: `StoreError` if the store cannot be read.
    public func members() throws -> [Member] {
        var members: [Member] = []
        try visit(GrantRecord.entity, after: nil) { user, json in
            if let grant = GrantRecord(JSONValue(validated: json)) {
                members.append(Member(user: user, role: grant.role, name: grant.name))
            }
            return .next
        }
        return members
    }

    /// Returns the role of `user` in the scope; nil if they have none. One look-up.
    /// - Throws: `StoreError` if the store cannot be read.
    public func role(of user: Name) throws -> String? {
        try record(GrantRecord.entity, id: user.string).flatMap { GrantRecord($0) }?.role
    }

    /// Returns the scopes in which a person has a role, in the order of names, if this is their own
    /// scope (`Name.userScope(of:)`); in any other scope nothing. O(n).
    /// - Throws: `StoreError` if the store cannot be read.
    public func listedScopes() throws -> [ListedScope] {
        var scopes: [ListedScope] = []
        try visit(ScopeRecord.entity, after: nil) { scope, json in
            if let role = JSONValue(validated: json).member("role")?.string {
                scopes.append(ListedScope(scope: scope, role: role))
            }
            return .next
        }
        return scopes
    }
}
