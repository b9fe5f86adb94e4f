// Invitations: a link's token, of which the scope keeps the hash alone, lets somebody in (people.md,
// "Invitations").

import MizuBytes
import MizuSync
import Testing

@Suite("Invitations (people.md)")
struct InvitationTests {
    private let key = InvitationRecord.key(of: "token")

    private func harness(_ kind: StoreKind) throws -> Harness {
        let harness = try Harness(kind, roles: Harness.roles)
        #expect(try harness.does("ann", "note.put", #"{"id":"a"}"#) == "ok")
        return harness
    }

    private func invite(
        _ harness: Harness, by user: Name = "ann", role: String = "editor", more: String = ""
    ) throws -> String {
        try harness.does(user, "person.invite", #"{"key":"\#(key)","role":"\#(role)"\#(more)}"#)
    }

    private func accept(
        _ harness: Harness, _ user: Name, token: String = "token", scope: String = "s",
        id: String? = nil, called name: String? = nil
    ) throws -> String {
        try harness.does(
            user, "mizu.invitation.accept",
            #"{"scope":"\#(scope)","token":"\#(token)","name":"\#(name ?? "The \(user)")"}"#,
            in: "user:\(user)", id: id)
    }

    @Test("a token is good as often as was said, and once for each", arguments: StoreKind.allCases)
    func uses(_ kind: StoreKind) throws {
        let harness = try harness(kind)
        #expect(try accept(harness, "bob") == "not_found")
        #expect(try invite(harness, by: "bob") == "scope_denied")
        #expect(try invite(harness, more: #","uses":2"#) == "ok")
        #expect(try accept(harness, "bob", token: "other") == "not_found")
        #expect(try accept(harness, "bob", scope: "t") == "not_found")
        #expect(try accept(harness, "bob", scope: "mizu:x") == "not_found")
        #expect(try accept(harness, "bob", id: "x") == "ok")
        #expect(try accept(harness, "bob", id: "x") == "ok")
        #expect(try accept(harness, "bob") == "ok")
        // Whoever may more already gives nothing away.
        #expect(try accept(harness, "ann") == "ok")
        #expect(try harness.roles(of: "s") == ["ann": "owner", "bob": "editor"])
        #expect(try accept(harness, "cat") == "ok")
        #expect(try accept(harness, "dan") == "not_found")
        #expect(try harness.records(InvitationRecord.entity, in: "s").isEmpty)
        #expect(try harness.scopes(of: "cat") == ["s": "editor"])
        #expect(
            try harness.records(GrantRecord.entity, in: "s")["cat"]
                == #"{"role":"editor","name":"The cat"}"#)
        #expect(try harness.does("bob", "note.put", #"{"id":"b"}"#) == "ok")
        for scope: Name in ["s", "user:bob", "user:cat", "user:dan"] {
            try harness.checkSums(of: scope)
        }
    }

    @Test("a name that comes with a link turns nothing around in the pages of others")
    func shownName() throws {
        let harness = try harness(.memory)
        #expect(try invite(harness) == "ok")
        #expect(try accept(harness, "bob", called: "B\u{202E}ob\u{200B}") == "ok")
        #expect(
            try harness.records(GrantRecord.entity, in: "s")["bob"]
                == #"{"role":"editor","name":"Bob"}"#)
        // Nor does it fill them, also where whoever comes in may only read.
        #expect(try invite(harness, role: "reader") == "ok")
        let long = String(repeating: "c", count: 5_000)
        #expect(try accept(harness, "cat", called: long) == "ok")
        let name = String(repeating: "c", count: 80)
        #expect(
            try harness.records(GrantRecord.entity, in: "s")["cat"]
                == #"{"role":"reader","name":"\#(name)"}"#)
    }

    @Test("it is late from its time on, and gone when it was taken back")
    func ends() throws {
        let harness = try harness(.memory)
        let until = harness.clock.milliseconds + 1000
        #expect(try invite(harness, more: #","uses":9,"until":\#(until)"#) == "ok")
        #expect(try accept(harness, "bob") == "ok")
        harness.clock.milliseconds += 1000
        #expect(try accept(harness, "cat") == "not_found")
        #expect(try invite(harness) == "ok")
        let withdraw = #"{"key":"\#(key)"}"#
        #expect(try harness.does("bob", "person.withdraw", withdraw) == "forbidden")
        #expect(try harness.does("ann", "person.withdraw", withdraw) == "ok")
        #expect(try accept(harness, "cat") == "not_found")
        // All at once, in the scope of the mutation alone.
        #expect(try invite(harness, more: #","uses":9"#) == "ok")
        #expect(try harness.does("bob", "person.withdraw", "{}") == "forbidden")
        #expect(try harness.does("ann", "person.withdraw", "{}") == "ok")
        #expect(try accept(harness, "cat") == "not_found")
        #expect(try harness.does("ann", "person.withdraw", "{}") == "ok")
        for bad in [#"{"key":"token","role":"editor"}"#, #"{"key":"\#(key)","role":"x"}"#] {
            #expect(try harness.does("ann", "person.invite", bad) == "invalid_mutation")
        }
        #expect(try invite(harness, more: #","uses":0"#) == "invalid_mutation")
    }

    @Test("invitations that are late go when there is another", arguments: StoreKind.allCases)
    func sweeps(_ kind: StoreKind) throws {
        let harness = try harness(kind)
        let until = harness.clock.milliseconds + 1000
        #expect(try invite(harness, more: #","uses":9,"until":\#(until)"#) == "ok")
        let others = ["b", "c"].map { InvitationRecord.key(of: $0) }
        func inviteAnother(_ other: String) throws -> String {
            try harness.does("ann", "person.invite", #"{"key":"\#(other)","role":"editor"}"#)
        }
        #expect(try inviteAnother(others[0]) == "ok")
        #expect(try harness.records(InvitationRecord.entity, in: "s").count == 2)
        harness.clock.milliseconds += 1000
        #expect(try inviteAnother(others[1]) == "ok")
        #expect(
            try Set(harness.records(InvitationRecord.entity, in: "s").keys)
                == Set(others))
        try harness.checkSums(of: "s")
    }

    @Test("a role is raised by a link, and never lowered")
    func raises() throws {
        let harness = try harness(.memory)
        #expect(try harness.grants("ann", "bob", "reader") == "ok")
        #expect(try invite(harness) == "ok")
        #expect(try accept(harness, "bob") == "ok")
        #expect(try invite(harness, role: "reader") == "ok")
        #expect(try accept(harness, "bob") == "ok")
        #expect(try harness.roles(of: "s")["bob"] == "editor")
    }

    @Test("an id stands in a log once, whoever brought it there", arguments: StoreKind.allCases)
    func oneID(_ kind: StoreKind) throws {
        let harness = try harness(kind)
        #expect(try invite(harness, more: #","uses":9"#) == "ok")
        #expect(try accept(harness, "bob", id: "x") == "ok")
        #expect(try harness.does("bob", "note.put", #"{"id":"b"}"#, id: "x") == "id_reused")
        #expect(try harness.does("bob", "note.put", #"{"id":"b"}"#, id: "y") == "ok")
        #expect(
            try harness.does("bob", "mizu.scope.leave", #"{"scope":"s"}"#, in: "user:bob", id: "y")
                == "id_reused")
        #expect(try harness.roles(of: "s")["bob"] == "editor")
        #expect(try harness.scopes(of: "bob") == ["s": "editor"])
    }
}
