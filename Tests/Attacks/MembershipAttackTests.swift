// Who has no role in a list, or none any more, or wants a greater one: on every wire, by
// invitations that were used, are late or guessed, and between two lists of one person.

import Mizu
import MizuTesting
import Testing

/// A list with members: its mutations grant, revoke and invite as their authors ask them to.
private struct ListMutator: Mutator {
    private struct Arguments: Decodable {
        var user: Name?
        var role: String?
        var key: String?
        var uses: Int?
        var until: Int64?
        var text: String?
    }

    func apply(_ mutation: Mutation, to store: inout Transaction) throws(Rejection) {
        let args: Arguments = try mutation.args.decode()
        switch mutation.name {
        case "note.write":
            try store.put("note", id: "n", ["text": args.text ?? "", "role": mutation.role ?? "-"])
        case "member.grant":
            try store.grant(args.user ?? "nobody", role: args.role ?? "")
        case "member.revoke": try store.revoke(args.user ?? "nobody")
        case "member.invite":
            try store.invite(
                key: args.key ?? "", role: args.role ?? "", uses: args.uses ?? 1,
                untilMilliseconds: args.until)
        case "forge": try store.put("mizu.grant", id: "bob", ["role": "owner"])
        default: throw .unknownMutation
        }
    }
}

@Suite("Attacks on lists with members")
struct MembershipAttackTests {
    @Sendable private static func makeApp(_ configuration: Configuration) throws -> App {
        let app = try App(configuration, assets: .none)
        let roles = Roles(["owner": .manage, "editor": .write, "reader": .read], creator: "owner")
        let sync = try app.sync(ListMutator(), roles: roles)
        mountHandlers(on: app, sync)
        return app
    }

    /// A list of ann's, in which others have roles.
    private static func list(_ members: [String: String] = [:]) async throws -> TestApp {
        let app = try TestApp(makeApp)
        let first = try await app.push("note.write", ["text": "hers"], as: "ann", scope: "list")
        #expect(first.isApplied, "\(first)")
        for (user, role) in members.sorted(by: { $0.key < $1.key }) {
            let granted = try await app.push(
                "member.grant", ["user": user, "role": role], as: "ann", scope: "list")
            #expect(granted.isApplied, "\(granted)")
        }
        return app
    }

    @Test("a stranger and nobody get nothing, on any wire", arguments: Wire.allCases)
    func strangers(wire: Wire) async throws {
        let app = try await Self.list(["rita": "reader"])
        for user in [nil, "bob"] {
            #expect(try await wire.refusal(app, "list", as: user) == "scope_denied")
        }
        let reader = try await wire.refusal(app, "list", as: "rita")
        #expect(reader == (wire.writes ? "scope_denied" : nil))
    }

    @Test("a member who was taken out gets nothing more, on any wire", arguments: Wire.allCases)
    func revoked(wire: Wire) async throws {
        let app = try await Self.list(["bob": "editor"])
        // What was decided for bob before is not remembered for later.
        #expect(try await wire.refusal(app, "list", as: "bob") == nil)
        let out = try await app.push("member.revoke", ["user": "bob"], as: "ann", scope: "list")
        #expect(out.isApplied)
        #expect(try await wire.refusal(app, "list", as: "bob") == "scope_denied")
        #expect(try await wire.refusal(app, "list", as: "ann") == nil, "and she goes on")
    }

    @Test("the socket of a member who was taken out is told so, and then nothing")
    func liveRevocation() async throws {
        let app = try await Self.list(["bob": "reader", "rita": "reader"])
        let (bob, rita) = (try await app.socket(as: "bob"), try await app.socket(as: "rita"))
        for socket in [bob, rita] {
            #expect(try await socket.subscribe("sync:list").type == "ack")
        }
        _ = try await app.push("member.revoke", ["user": "bob"], as: "ann", scope: "list")
        let message = try await bob.next("error")
        #expect(message.code == "scope_denied" && message.topic == "sync:list")
        #expect(message.ref == nil)
        _ = try await app.push("note.write", ["text": "secret"], as: "ann", scope: "list")
        #expect(try await bob.received().isEmpty)
        #expect(try await !rita.received().isEmpty)
        #expect(try await bob.subscribe("sync:list").code == "scope_denied")
        // He learns of it in his own list.
        let own = try await app.pull(as: "bob", scope: "user:bob")
        #expect(own.changes.last?.operation == "delete" && own.changes.last?.id == "list")
    }

    @Test("nobody makes themselves more than they are")
    func ownRole() async throws {
        let app = try await Self.list(["ed": "editor", "rita": "reader"])
        let attempts: [(String, [String: String])] = [
            ("member.grant", ["user": "ed", "role": "owner"]),
            ("member.grant", ["user": "bob", "role": "reader"]),
            ("member.revoke", ["user": "ann"]), ("member.revoke", ["user": "rita"]),
            ("member.invite", ["key": InvitationRecord.key(of: "t"), "role": "owner"]),
            ("forge", [:]),
        ]
        for (name, arguments) in attempts {
            let outcome = try await app.push(name, arguments, as: "ed", scope: "list")
            #expect(outcome.code == "forbidden", "\(outcome)")
        }
        // Neither does anybody by the framework's own names.
        let direct = try await app.push(
            "mizu.grant", ["user": "ed", "role": "owner"], as: "ed", scope: "list")
        #expect(!direct.isApplied)
        let note = try await app.push("note.write", ["text": "x"], as: "ed", scope: "list")
        #expect(try note.record([String: String].self)["role"] == "editor")
        // The last who may manage does not leave others behind.
        let leave = try await app.push("member.revoke", ["user": "ann"], as: "ann", scope: "list")
        #expect(leave.code == "conflict")
        let own = try await app.push("member.revoke", ["user": "ed"], as: "ed", scope: "list")
        #expect(own.isApplied, "leaving is everybody's right: \(own)")
    }

    @Test("what waits on the device of a member who was taken out is refused as a whole")
    func queue() async throws {
        let app = try await Self.list(["bob": "editor"])
        _ = try await app.push("member.revoke", ["user": "bob"], as: "ann", scope: "list")
        let text = #"{"scope":"list","mutations":[{"id":"q1","name":"note.write","args":{}}]}"#
        let queued = try await app.post("/_sync/push", json: text, as: "bob")
        #expect(queued.status == 403)
        #expect(queued.code == "scope_denied")
        #expect(
            try await app.pull(as: "ann", scope: "list").changes.allSatisfy {
                $0.json.member("mutation")?.string != "q1"
            })
    }

    // MARK: Invitations

    private static func invite(
        _ app: TestApp, _ token: String, uses: Int = 1, until: Int64? = nil
    ) async throws {
        let until = until.map { #","until":\#($0)"# } ?? ""
        let key = InvitationRecord.key(of: token)
        let invited = try await app.push(
            "member.invite", json: #"{"key":"\#(key)","role":"reader","uses":\#(uses)\#(until)}"#,
            as: "ann", scope: "list")
        #expect(invited.isApplied, "\(invited)")
    }

    private static func accept(
        _ app: TestApp, _ token: String, as user: String, into own: String? = nil
    ) async throws -> TestOutcome {
        try await app.push(
            "mizu.invitation.accept", ["scope": "list", "token": token], as: user,
            scope: own ?? "user:\(user)")
    }

    @Test("an invitation holds once, until its end, and for nobody who guesses")
    func invitations() async throws {
        let app = try await Self.list()
        try await Self.invite(app, "one")
        try await Self.invite(app, "late", until: 1_767_225_600_000 + 60_000)
        #expect(try await Self.accept(app, "one", as: "bob").isApplied)
        #expect(try await app.pull(as: "bob", scope: "list").status == 200)
        let used = try await Self.accept(app, "one", as: "carl")
        try await app.advance(.seconds(61))
        let late = try await Self.accept(app, "late", as: "carl")
        let guessed = try await Self.accept(app, "guess", as: "carl")
        let byKey = try await Self.accept(app, InvitationRecord.key(of: "late"), as: "carl")
        for outcome in [used, late, guessed, byKey] {
            #expect(outcome.code == "not_found", "\(outcome)")
            #expect(outcome.error == used.error, "the same words, whatever is wrong")
        }
        #expect(try await app.pull(as: "carl", scope: "list").code == "scope_denied")
    }

    @Test("an invitation is accepted in one's own name alone")
    func othersNames() async throws {
        let app = try await Self.list()
        try await Self.invite(app, "one")
        for own in ["user:bob", "list", "_default", "mizu:accounts"] {
            let outcome = try await Self.accept(app, "one", as: "carl", into: own)
            #expect(!outcome.isApplied, "\(own): \(outcome)")
        }
        let nobody = try await app.push(
            "mizu.invitation.accept", ["scope": "list", "token": "one"], scope: "user:bob")
        #expect(!nobody.isApplied)
        #expect(try await app.pull(as: "bob", scope: "list").code == "scope_denied")
        #expect(try await Self.accept(app, "one", as: "bob").isApplied, "it still holds")
    }

    @Test("an invitation for three is for three, however they hurry")
    func crowd() async throws {
        let app = try await Self.list()
        try await Self.invite(app, "three", uses: 3)
        let applied = try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<20 {
                group.addTask {
                    try await Self.accept(app, "three", as: "u\(number)").isApplied
                }
            }
            return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(applied == 3)
    }

    // MARK: Two lists

    @Test("a person in two lists has in each what was granted there")
    func twoScopes() async throws {
        let app = try await Self.list(["bob": "reader"])
        let own = try await app.push("note.write", ["text": "his"], as: "bob", scope: "bobs")
        #expect(own.isApplied)
        let there = try await app.push("note.write", ["text": "x"], as: "bob", scope: "list")
        #expect(there.code == "scope_denied")
        // The scope of a mutation does not change what the push was let in for.
        let text = """
            {"scope":"bobs","mutations":[\
            {"id":"m1","name":"note.write","args":{"text":"x"},"scope":"list"}]}
            """
        let smuggled = try await app.post("/_sync/push", json: text, as: "bob")
        #expect(smuggled.status == 400)
        #expect(try await app.pull(as: "ann", scope: "bobs").code == "scope_denied")
        let scopes = try await app.pull(as: "bob", scope: "user:bob")
        #expect(Set(scopes.changes.map(\.id)) == ["bobs", "list"])
        let notes = try await app.pull(as: "bob", scope: "bobs").changes
        #expect(notes.allSatisfy { $0.json.member("scope")?.string == "bobs" })
        // A member of one list is no member of the other, whatever both may see.
        let grant = try await app.push(
            "member.grant", ["user": "bob", "role": "owner"], as: "bob", scope: "list")
        #expect(!grant.isApplied)
    }
}
