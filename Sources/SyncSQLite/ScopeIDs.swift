// The numbers by which scopes are called inside the database: a name of up to 128 bytes in each
// row, and in each inner page of a tree, would cost more than the rest of it. A number is never
// given to another scope. Confined to its connection's thread.

import MizuSync

/// Finds a scope's number, and remembers some.
final class ScopeIDs {
    private let find: Statement
    @exclusivity(unchecked) private var known: [Name: Int] = [:]
    /// The one that was asked for last, which mostly is asked for again.
    @exclusivity(unchecked) private var latest: (scope: Name, id: Int)?
    /// Beyond it all are forgotten and asked for again.
    private static let knownMax = 4096

    init(_ connection: Connection) throws(StoreError) {
        find = try Statement(connection, "SELECT id FROM scopes WHERE name = ?")
    }

    /// Nil where nothing was ever written of the scope.
    func id(of scope: Name) throws(StoreError) -> Int? {
        if let latest, latest.scope == scope { return latest.id }
        if let id = known[scope] {
            latest = (scope, id)
            return id
        }
        let found = try find.bind(scope).first { (row) throws(StoreError) in row.int() }
        if let found { learn(found, of: scope) }
        return found
    }

    func learn(_ id: Int, of scope: Name) {
        if known.count >= Self.knownMax { known.removeAll(keepingCapacity: true) }
        known[scope] = id
        latest = (scope, id)
    }

    /// To be called where what was read may not hold any more: after a ROLLBACK, at the border of
    /// a reading, where another program has written.
    func forget() {
        latest = nil
        if !known.isEmpty { known.removeAll(keepingCapacity: true) }
    }
}
