// What the framework's own mutations may do beside all others: read and write the records of other
// scopes, in the transaction of the mutation. Each scope that changes gets its own entry in its
// log, and everything of it becomes durable together with the rest, or nothing does. An app's
// mutator has no such way: `forbidden`.

import MizuBytes

extension Transaction {
    /// The record of `scope` as it is now, this mutation's own writes included.
    package mutating func get(
        _ entity: Name, id: String, in scope: Name
    ) throws(Rejection) -> JSONValue? {
        try get(entity, id: id, at: try reach(scope))
    }

    /// All records of an entity of `scope`, in the order of their ids.
    package mutating func list(
        _ entity: Name, in scope: Name
    ) throws(Rejection) -> [(id: Name, record: JSONValue)] {
        try list(entity, at: try reach(scope))
    }

    /// Creates a record of `scope` or replaces it.
    package mutating func put(
        _ entity: Name, id: String, _ record: some Encodable, in scope: Name
    ) throws(Rejection) {
        try put(entity, id: id, json: encoded(record), in: scope)
    }

    package mutating func put(
        _ entity: Name, id: String, json: JSONValue, in scope: Name
    ) throws(Rejection) {
        try write(entity, id: id, json, at: try reach(scope))
    }

    /// Removes a record of `scope`.
    /// - Throws: `not_found` where there is none.
    package mutating func delete(
        _ entity: Name, id: String, in scope: Name
    ) throws(Rejection) {
        try write(entity, id: id, nil, at: try reach(scope))
    }

    /// Takes `user` out of `scope`, whoever else is there; nothing where they are not in it.
    package mutating func removeGrant(of user: Name, in scope: Name) throws(Rejection) {
        _ = try reach(scope)
        guard try grantRecord(of: user, in: scope) != nil else { return }
        try setGrant(nil, of: user, in: scope)
    }

    private mutating func reach(_ scope: Name) throws(Rejection) -> Target {
        guard isFramework else {
            throw Rejection(
                code: Rejection.forbidden.code,
                message: "a mutation writes to its own scope")
        }
        return target(scope)
    }
}
