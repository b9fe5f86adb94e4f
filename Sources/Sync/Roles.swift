// Who may what in a scope: an app's own words for roles, with one of three rights behind each
// (people.md, "Roles"). Values only: who has which role is a record of the scope's (`GrantRecord`),
// and who asks for it is the engine in the transaction, or a door in front of it.

import MizuBytes

/// What somebody may do in a scope; each includes the one before.
public enum Right: Int, Comparable, Hashable, Sendable {
    /// Pull, take snapshots, subscribe.
    case read
    /// Push mutations.
    case write
    /// Grant, revoke and invite, inside of mutations.
    case manage

    public static func < (left: Right, right: Right) -> Bool { left.rawValue < right.rawValue }
}

/// The roles that an app has. Immutable; any thread.
public struct Roles: Sendable {
    private let rights: [String: Right]
    /// The role of whoever writes to a scope first.
    public let creator: String

    /// - Parameters:
    ///   - rights: roles by name. Take none away that somebody may still have: who has a role that
    ///     is not here has no right.
    ///   - creator: one of them, with the right to manage; it is a fault of the program's if not.
    public init(_ rights: [String: Right], creator: String) {
        precondition(rights[creator] == .manage, "the creator's role must have the right to manage")
        precondition(
            rights.keys.allSatisfy { Name($0) != nil }, "a role has 1 to \(Name.bytesMax) bytes")
        self.rights = rights
        self.creator = creator
    }

    /// What a role's holder may do; nil where there is no such role.
    public func right(of role: String) -> Right? { rights[role] }

    /// What `user` (nil: nobody) may do in `scope` as `source` has it, and as what. Reads at most
    /// one record. A scope that was never written to is open to whoever is signed in, as to its
    /// creator; a user's own scope to that user alone; an internal one to nobody.
    public func standing(
        of user: Name?, in scope: Name, _ source: some LogSource
    ) throws(StoreError) -> Standing {
        guard let user else { return .none }
        if let fixed = Standing(of: user, inOwn: scope) { return fixed }
        if try source.scopeState(scope).head.cursor == 0 {
            return Standing(role: nil, right: .manage)
        }
        return standing(inRole: try GrantRecord.read(of: user, in: scope, source)?.role)
    }

    func standing(inRole role: String?) -> Standing {
        Standing(role: role, right: role.flatMap { right(of: $0) })
    }
}

/// What somebody may do in a scope at one place of its log, and as what.
public struct Standing: Hashable, Sendable {
    /// Nil where none was granted.
    public let role: String?
    /// Nil: nothing.
    public let right: Right?

    public static let none = Standing(role: nil, right: nil)

    init(role: String?, right: Right?) {
        self.role = role
        self.right = right
    }

    /// In scopes in which nobody is granted anything; nil for all others.
    init?(of user: Name, inOwn scope: Name) {
        if scope.isInternal {
            self = .none
        } else if let owner = scope.userOfScope {
            self = owner == user ? Standing(role: nil, right: .write) : .none
        } else {
            return nil
        }
    }

    public func allows(_ wanted: Right) -> Bool { right.map { $0 >= wanted } ?? false }
}

/// What a commit has made of somebody's rights in a scope.
public struct RightsChange: Hashable, Sendable {
    public let user: Name
    /// Before the commit; nil: none.
    public let before: Right?
    /// After it.
    public let after: Right?

    public init(user: Name, before: Right?, after: Right?) {
        self.user = user
        self.before = before
        self.after = after
    }

    /// Whether the user may not do any more what they might before.
    public var isLoss: Bool { (after?.rawValue ?? -1) < (before?.rawValue ?? -1) }
}
