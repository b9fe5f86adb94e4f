// Whether an edit's author may make it, at the place of the log where it would stand: asked in the
// transaction, for each mutation anew, because the one before may have changed it. A door in front
// asks the same sooner and cheaper, and may be out of date; here it is decided.
//
// A push is refused as a whole (403 `scope_denied`) only where nothing of it was decided for its
// user, before or now: else the client would put edits aside that are in the log. Where something
// was, that is answered, and the rest is not tried. That holds too where a door has refused
// (`PushRequest.isDenied`): an edit may have been applied and its answer lost before the right was.

import MizuBytes

extension SyncEngine {
    /// Why nothing of a push is looked at; nil where some of it may be.
    func denial(of push: PushRequest, _ run: inout BatchRun) throws(StoreError) -> Refusal? {
        guard case .user = push.authority else { return nil }
        if push.scope.isInternal { return .scopeDenied(push.scope) }
        guard let standing = try standing(of: push, &run) else { return nil }
        let first = push.mutations.first
        if standing.allows(.write) { return nil }
        guard let first,
            isAdmitted(first, of: push, standing, try store.outcome(of: first.id, in: push.scope))
        else { return .scopeDenied(push.scope) }
        return nil
    }

    /// What the push's user may do in its scope now; nil where nobody asks, because the app has no
    /// roles or the server itself pushes.
    func standing(of push: PushRequest, _ run: inout BatchRun) throws(StoreError) -> Standing? {
        if push.isDenied { return Standing.none }
        guard let roles, case .user(let user) = push.authority else { return nil }
        guard let user else { return Standing.none }
        if let fixed = Standing(of: user, inOwn: push.scope) { return fixed }
        let place = try run.place(of: push.scope, store)
        guard run.turns[place].state.head.cursor > 0 else {
            // Whoever writes first becomes the creator, and must be able to.
            return Name.userScope(of: user) == nil
                ? Standing.none : roles.standing(inRole: roles.creator)
        }
        if let known = run.turns[place].knownRoles.role(of: user) {
            return roles.standing(inRole: known.name)
        }
        let head = run.turns[place].state.head
        let role: String?
        if let recent = recentRoles.role(of: user, in: push.scope, at: head) {
            role = recent.name
        } else {
            role = try GrantRecord.read(of: user, in: push.scope, store)?.role
        }
        run.turns[place].knownRoles.keep(role, of: user)
        return roles.standing(inRole: role)
    }

    /// Whether a mutation is looked at: who may not write is told only what was decided of their
    /// own mutations before. That an id is somebody else's tells them nothing.
    func isAdmitted(
        _ mutation: PushedMutation, of push: PushRequest, _ standing: Standing,
        _ known: StoredOutcome?
    ) -> Bool {
        if standing.allows(.write) { return true }
        guard let known, let user = push.user, known.user == user else { return false }
        return mutation.has(known.fingerprint)
    }
}

/// Roles in one scope that a batch has read. Mostly one person writes there, for whom no dictionary
/// is made.
struct KnownRoles {
    /// What is known of somebody; a nil name: they have none.
    struct Role {
        let name: String?
    }

    private(set) var first: (user: Name, role: Role)?
    private var others: [Name: Role] = [:]

    /// Nil where it is not known.
    func role(of user: Name) -> Role? {
        if let first, first.user == user { return first.role }
        return others.isEmpty ? nil : others[user]
    }

    /// - Parameter name: nil: none.
    mutating func keep(_ name: String?, of user: Name) {
        let role = Role(name: name)
        if first == nil || first?.user == user { first = (user, role) } else { others[user] = role }
    }
}
