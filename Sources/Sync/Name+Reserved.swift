// The names that belong to the framework and not to an app: what is kept of people is records in
// scopes like everything else, and nobody may write it in another way than by the framework's own
// mutations (people.md, "Names that are taken").
//
//   scope mizu:…     internal: no wire serves it, and it keeps no log
//   scope user:ID    one user's own: nobody else reads it or pushes to it
//   entity, mutation mizu.…     the framework's

import MizuBytes

extension Name {
    /// The internal scope `mizu:` and `name`. Traps where that is no name: it is written in the
    /// program.
    public static func `internal`(_ name: StaticString) -> Name {
        guard let scope = Name("mizu:\(name)") else { preconditionFailure("not a name: \(name)") }
        return scope
    }

    /// Whether this is the name of an internal scope. No wire serves such a scope, and it keeps no
    /// log: what was in it and is not any more must not live on there.
    public var isInternal: Bool { begins(with: "mizu:") }

    /// The scope that belongs to `user`: `user:` and the user's name. Nil where that would be
    /// longer than a name.
    public static func userScope(of user: Name) -> Name? {
        let bytes = Array("user:".utf8) + user.bytes
        return bytes.count <= bytesMax ? Name(unchecked: bytes) : nil
    }

    /// The user to whom the scope of this name belongs; nil where it is nobody's own.
    public var userOfScope: Name? {
        guard begins(with: "user:"), bytes.count > 5 else { return nil }
        return Name(unchecked: Array(bytes[5...]))
    }

    /// Whether this names an entity or a mutation of the framework's.
    public var isReserved: Bool { begins(with: "mizu.") }

    @inline(__always)
    private func begins(with prefix: StaticString) -> Bool {
        let count = prefix.utf8CodeUnitCount
        guard bytes.count >= count else { return false }
        for index in 0..<count where bytes[index] != prefix.utf8Start[index] { return false }
        return true
    }
}
