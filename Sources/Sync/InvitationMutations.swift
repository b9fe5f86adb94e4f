// The mutations of the framework's that a person makes in their own scope: to come into a scope by
// a link's token, and to go out of one again, which a reader can do in no other way. Pushed to
// `user:ID`, so that they wait in a queue like every edit (people.md, "Invitations").

import MizuBytes

enum InvitationMutations {
    static let accept: Name = "mizu.invitation.accept"
    static let leave: Name = "mizu.scope.leave"

    /// The same for a token that never was, was used up or is late: who guesses learns nothing.
    private static let noInvitation = Rejection(
        code: Rejection.notFound.code, message: "this invitation does not hold, or not any more")

    /// Uses the invitation up and grants its role. Whoever has the role's right already, or a
    /// greater one, keeps what they have, and the invitation its use.
    static func accept(
        _ mutation: Mutation, _ store: inout Transaction
    ) throws(Rejection) {
        struct Arguments: Decodable {
            var scope: Name
            var token: String
            var name: String?
        }
        let user = try owner(of: mutation)
        let arguments: Arguments = try mutation.args.decode()
        let key = InvitationRecord.key(of: arguments.token)
        guard let roles = store.roles, Transaction.takesGrants(arguments.scope),
            let known = try store.get(InvitationRecord.entity, id: key, in: arguments.scope)
                .flatMap({ InvitationRecord($0) }),
            !known.isOver(at: mutation.timeMilliseconds), let right = roles.right(of: known.role)
        else { throw noInvitation }
        let before = try store.grantRecord(of: user, in: arguments.scope)
        let had = before.flatMap { roles.right(of: $0.role) }
        if let had, had >= right { return }
        let left = InvitationRecord(
            role: known.role, uses: known.uses - 1, untilMilliseconds: known.untilMilliseconds)
        if left.uses > 0 {
            try store.put(InvitationRecord.entity, id: key, json: left.json, in: arguments.scope)
        } else {
            try store.delete(InvitationRecord.entity, id: key, in: arguments.scope)
        }
        let name = arguments.name.map(GrantRecord.shown) ?? before?.name
        let grant = GrantRecord(role: known.role, name: name)
        try store.setGrant(grant, of: user, in: arguments.scope)
    }

    static func leave(
        _ mutation: Mutation, _ store: inout Transaction
    ) throws(Rejection) {
        struct Arguments: Decodable {
            var scope: Name
        }
        let user = try owner(of: mutation)
        let arguments: Arguments = try mutation.args.decode()
        guard Transaction.takesGrants(arguments.scope),
            try store.grantRecord(of: user, in: arguments.scope) != nil
        else { throw .notFound }
        try store.checkLastManager(user, in: arguments.scope, becoming: nil)
        try store.setGrant(nil, of: user, in: arguments.scope)
    }

    /// The user in whose own scope the mutation is made.
    private static func owner(of mutation: Mutation) throws(Rejection) -> Name {
        guard let user = mutation.user, mutation.scope.userOfScope == user else {
            throw Rejection(
                code: Rejection.forbidden.code,
                message: "this is pushed by a user to the scope user: and the user's name")
        }
        return user
    }
}
