// Who may use a scope, as a mutator reads and changes it: grants, invitations, members. All of it
// is records of the scope, so it is ordered against edits and becomes durable with them; and each
// grant stands a second time in the user's own scope, so that a client learns of it by syncing that
// (people.md, "Grants").

import MizuBytes

/// Somebody with a role in a scope.
public struct Member: Hashable, Sendable {
    public let user: Name
    public let role: String
    /// As whoever granted it, or the user, has said; nil where nobody has.
    public let name: String?

    public init(user: Name, role: String, name: String?) {
        self.user = user
        self.role = role
        self.name = name
    }
}

// MARK: Members

extension Transaction {
    /// The role of `user` in the mutation's scope as it is now; nil where they have none.
    public mutating func role(of user: Name) throws(Rejection) -> String? {
        try grantRecord(of: user, in: scope)?.role
    }

    /// Everybody who has a role in the mutation's scope, in the order of users. O(n).
    public mutating func members() throws(Rejection) -> [Member] { try members(of: scope) }

    private mutating func members(of scope: Name) throws(Rejection) -> [Member] {
        let records = try list(GrantRecord.entity, at: target(scope))
        return records.compactMap { id, json in
            GrantRecord(json).map { Member(user: id, role: $0.role, name: $0.name) }
        }
    }

    /// Gives `user` a role in the mutation's scope, in place of the one that they had.
    /// - Parameters:
    ///   - role: one of the app's `Roles`.
    ///   - name: for showing people; nil: the one that was said before. What hides or turns the
    ///     text around it is left out (`String.displayable`), and what is beyond 80 characters.
    /// - Throws: `forbidden` where who makes the mutation may not manage the scope, or nobody is
    ///   granted anything in it; `invalid_mutation` for a role that there is not; `conflict` where
    ///   nobody would be left who may manage.
    public mutating func grant(
        _ user: Name, role: String, name: String? = nil
    ) throws(Rejection) {
        let roles = try managing()
        guard let right = roles.right(of: role) else {
            throw .invalid("there is no role \"\(role)\"")
        }
        guard Name.userScope(of: user) != nil else {
            throw .invalid("a user's name has at most \(Name.bytesMax - 5) bytes")
        }
        if right < .manage { try checkLastManager(user, in: scope, becoming: right) }
        let before = try grantRecord(of: user, in: scope)
        let grant = GrantRecord(role: role, name: name.map(GrantRecord.shown) ?? before?.name)
        try setGrant(grant, of: user, in: scope)
    }

    /// Takes the role of `user` in the mutation's scope away. Whoever does it to themselves leaves.
    /// - Throws: `not_found` where they have none; `forbidden` as `grant`; `conflict` where the
    ///   last who may manage would leave others behind.
    public mutating func revoke(_ user: Name) throws(Rejection) {
        if authority.user != user { _ = try managing() }
        guard try grantRecord(of: user, in: scope) != nil else {
            throw Rejection(code: Rejection.notFound.code, message: "\(user) has no role here")
        }
        try checkLastManager(user, in: scope, becoming: nil)
        try setGrant(nil, of: user, in: scope)
    }
}

// MARK: Invitations

extension Transaction {
    /// Lets whoever has a link's token into the mutation's scope. Invitations that are over by now
    /// go, so that a scope holds no more of them than are open.
    /// - Parameters:
    ///   - key: `InvitationRecord.key(of:)` of the token. The token itself must not be an argument:
    ///     all who may read the scope could use it.
    ///   - role: what whoever accepts it gets.
    ///   - uses: how often it may be accepted.
    ///   - untilMilliseconds: since 1970; nil: for ever.
    /// - Throws: `forbidden` as `grant`; `invalid_mutation` for what is no key, role or number.
    public mutating func invite(
        key: String, role: String, uses: Int = 1, untilMilliseconds: Int64? = nil
    ) throws(Rejection) {
        let roles = try managing()
        guard roles.right(of: role) != nil else { throw .invalid("there is no role \"\(role)\"") }
        guard key.utf8.count == 64, Hex.decode(Array(key.utf8)) != nil, key == key.lowercased()
        else { throw .invalid("key: expected the SHA-256 of a token in hexadecimal digits") }
        guard uses >= 1, uses <= Position.cursorMax else { throw .invalid("uses: at least 1") }
        let invitation = InvitationRecord(
            role: role, uses: uses, untilMilliseconds: untilMilliseconds)
        try removeLateInvitations()
        try write(InvitationRecord.entity, id: key, invitation.json, at: .own)
    }

    private mutating func removeLateInvitations() throws(Rejection) {
        guard let timeMilliseconds else { return }
        for (id, json) in try list(InvitationRecord.entity, at: .own) {
            guard let known = InvitationRecord(json), known.isOver(at: timeMilliseconds) else {
                continue
            }
            try write(InvitationRecord.entity, id: id.string, nil, at: .own)
        }
    }

    /// Takes an invitation back.
    /// - Throws: `not_found` where there is none; `forbidden` as `grant`.
    public mutating func withdrawInvitation(key: String) throws(Rejection) {
        _ = try managing()
        try write(InvitationRecord.entity, id: key, nil, at: .own)
    }

    /// Takes every invitation of the mutation's scope back: whoever is taken out of a scope could
    /// come in again by a link that is good for several.
    /// - Throws: `forbidden` as `grant`.
    public mutating func withdrawInvitations() throws(Rejection) {
        _ = try managing()
        for (id, _) in try list(InvitationRecord.entity, at: .own) {
            try write(InvitationRecord.entity, id: id.string, nil, at: .own)
        }
    }
}

// MARK: Rules

extension Transaction {
    /// Whether anybody is granted anything in a scope of this name.
    static func takesGrants(_ scope: Name) -> Bool {
        !scope.isInternal && scope.userOfScope == nil
    }

    /// The app's roles, if who makes the mutation may manage its scope.
    private mutating func managing() throws(Rejection) -> Roles {
        guard let roles else { throw forbidden("this app has no roles") }
        guard Self.takesGrants(scope) else { throw forbidden("nobody is granted anything here") }
        switch authority {
        case .server: return roles
        case .user(let user):
            guard let user, let role = try grantRecord(of: user, in: scope)?.role,
                roles.right(of: role) == .manage
            else { throw .forbidden }
            return roles
        }
    }

    private func forbidden(_ message: String) -> Rejection {
        Rejection(code: Rejection.forbidden.code, message: message)
    }

    mutating func grantRecord(
        of user: Name, in scope: Name
    ) throws(Rejection) -> GrantRecord? {
        try get(GrantRecord.entity, id: user.string, at: target(scope))
            .flatMap { GrantRecord($0) }
    }

    /// Nobody leaves others in a scope that none of them may manage; the server may.
    /// - Parameter right: what `user` would have then; nil: nothing.
    mutating func checkLastManager(
        _ user: Name, in scope: Name, becoming right: Right?
    ) throws(Rejection) {
        guard let roles, authority != .server,
            let before = try grantRecord(of: user, in: scope),
            roles.right(of: before.role) == .manage
        else { return }
        let others = try members(of: scope).filter { $0.user != user }
        guard !others.contains(where: { roles.right(of: $0.role) == .manage }),
            right != nil || !others.isEmpty
        else { return }
        throw Rejection(
            code: Rejection.conflict.code, message: "\(user) is the last who may manage this")
    }

    /// The one place that writes grants: in the scope, in the user's own list, and in what is told
    /// of rights. Nothing where it is so already.
    mutating func setGrant(
        _ grant: GrantRecord?, of user: Name, in scope: Name
    ) throws(Rejection) {
        guard let list = Name.userScope(of: user) else { return }
        let before = try grantRecord(of: user, in: scope)
        guard before != grant else { return }
        let record = GrantRecord.entity
        try write(record, id: user.string, grant?.json, at: target(scope))
        rights.append(
            UserRights(
                scope: scope, user: user, before: before.flatMap { roles?.right(of: $0.role) },
                after: grant.flatMap { roles?.right(of: $0.role) }))
        let own = target(list)
        let entity = ScopeRecord.entity
        let listed = try get(entity, id: scope.string, at: own).flatMap { GrantRecord($0) }
        guard listed?.role != grant?.role else { return }
        let entry = grant.map { GrantRecord(role: $0.role).json }
        try write(entity, id: scope.string, entry, at: own)
    }
}
