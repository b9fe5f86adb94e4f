// The mutator of the guide on people: a home that is shared by its own mutations.

import Mizu
import Testing

private struct HomeMutator: Mutator {
    func apply(_ mutation: Mutation, to store: inout Transaction) throws(Rejection) {
        switch mutation.name {
        case "home.share":
            struct With: Decodable { var user: Name, role: String, name: String? }
            let with: With = try mutation.args.decode()
            try store.grant(with.user, role: with.role, name: with.name)
        case "home.remove":
            struct Whom: Decodable { var user: Name }
            let whom: Whom = try mutation.args.decode()
            try store.revoke(whom.user)
        case "home.invite":
            struct Link: Decodable { var key: String, role: String, until: Int64? }
            let link: Link = try mutation.args.decode()
            try store.invite(key: link.key, role: link.role, untilMilliseconds: link.until)
        default: throw .unknownMutation
        }
    }
}

@Suite("The guide on people")
struct HomeTests {
    let roles = Roles(["owner": .manage, "editor": .write, "reader": .read], creator: "owner")

    @Test("a home is shared, and left")
    func share() throws {
        let engine = SyncEngine(
            store: MemoryStore(epoch: "e"), mutator: HomeMutator(), limits: SyncLimits(),
            roles: roles, now: { 0 })
        func push(_ user: Name, _ id: Name, _ name: Name, _ args: String) throws -> String {
            let args = Arguments(try JSON.parse(ByteSlice(args)))
            let mutation = PushedMutation(id: id, name: name, args: args)
            let answers = engine.commit([
                PushRequest(scope: "home", client: nil, mutations: [mutation], user: user)
            ]).answers
            guard case .success(let answer)? = answers.first else { return "scope_denied" }
            switch answer.results.first?.decision {
            case .applied: return "ok"
            case .refused(let rejection): return rejection.code
            default: return "undecided"
            }
        }
        let key = InvitationRecord.key(of: "token")
        #expect(try push("ann", "1", "home.share", #"{"user":"bob","role":"editor"}"#) == "ok")
        #expect(
            try push("ann", "2", "home.invite", #"{"key":"\#(key)","role":"reader"}"#) == "ok")
        #expect(try push("bob", "3", "home.remove", #"{"user":"ann"}"#) == "forbidden")
        #expect(try push("bob", "4", "home.remove", #"{"user":"bob"}"#) == "ok")
        #expect(try push("bob", "5", "home.remove", #"{"user":"ann"}"#) == "scope_denied")
    }
}
