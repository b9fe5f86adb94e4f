// Who may what, as the scope's own log says it: roles, grants, members, and what is checked in the
// transaction (people.md, "Grants").

import MizuBytes
import MizuSync
import Testing

@Suite("Grants (people.md)")
struct GrantTests {
    private func harness(_ kind: StoreKind) throws -> Harness {
        try Harness(kind, roles: Harness.roles)
    }

    @Test("whoever writes to a scope first becomes its creator", arguments: StoreKind.allCases)
    func creator(_ kind: StoreKind) throws {
        let harness = try harness(kind)
        #expect(try harness.does(nil, "note.put", #"{"id":"a"}"#) == "scope_denied")
        #expect(try harness.does("ann", "note.forbidden") == "forbidden")
        #expect(try harness.does("ann", "note.nothing") == "ok")
        #expect(try harness.roles(of: "s").isEmpty)
        #expect(try harness.does("bob", "note.put", #"{"id":"a"}"#) == "ok")
        #expect(try harness.roles(of: "s") == ["bob": "owner"])
        #expect(try harness.scopes(of: "bob") == ["s": "owner"])
        #expect(try harness.does("ann", "note.put", #"{"id":"b"}"#) == "scope_denied")
        // The grant stands in the log before what was written by it.
        let changes = try harness.pull(#"{"scope":"s","cursor":0}"#)
        let entities = changes.member("changes")?.elements.compactMap { $0.string("entity") }
        #expect(entities == ["mizu.grant", "note"])
        for scope: Name in ["s", "user:bob"] { try harness.checkSums(of: scope) }
    }

    @Test("roles have rights, and only managers grant", arguments: StoreKind.allCases)
    func rights(_ kind: StoreKind) throws {
        let harness = try harness(kind)
        #expect(try harness.does("ann", "note.put", #"{"id":"a"}"#) == "ok")
        #expect(try harness.grants("ann", "bob", "editor") == "ok")
        #expect(try harness.grants("ann", "cat", "reader") == "ok")
        #expect(try harness.grants("ann", "dan", "captain") == "invalid_mutation")
        #expect(try harness.does("bob", "note.put", #"{"id":"b"}"#) == "ok")
        #expect(try harness.does("cat", "note.put", #"{"id":"c"}"#) == "scope_denied")
        #expect(try harness.grants("bob", "cat", "editor") == "forbidden")
        #expect(try harness.revokes("bob", "cat") == "forbidden")
        #expect(try harness.revokes("ann", "dan") == "not_found")
        #expect(try harness.grants("ann", "cat", "editor") == "ok")
        #expect(try harness.scopes(of: "cat") == ["s": "editor"])
        #expect(try harness.does("cat", "person.list") == "ok")
        #expect(
            try harness.records("note", in: "s")["people"]?
                .contains("ann=owner bob=editor cat=editor;editor") == true)
        #expect(try harness.revokes("ann", "cat") == "ok")
        #expect(try harness.scopes(of: "cat").isEmpty)
        #expect(try harness.does("cat", "note.put", #"{"id":"c"}"#) == "scope_denied")
        for scope: Name in ["s", "user:ann", "user:bob", "user:cat"] {
            try harness.checkSums(of: scope)
        }
    }

    @Test(
        "a role that was asked before does not count once it has changed, whoever changed it",
        arguments: StoreKind.allCases)
    func changedBetweenBatches(_ kind: StoreKind) throws {
        let harness = try harness(kind)
        let put = #"{"id":"b"}"#
        func writes() throws -> [String] {
            // Twice: the second time nothing was written in between but what it wrote itself.
            try [harness.does("bob", "note.put", put), harness.does("bob", "note.put", put)]
        }
        #expect(try harness.does("ann", "note.put", #"{"id":"a"}"#) == "ok")
        #expect(try harness.does("bob", "note.put", put) == "scope_denied")
        #expect(try harness.grants("ann", "bob", "editor") == "ok")
        #expect(try writes() == ["ok", "ok"])
        #expect(try harness.revokes("ann", "bob") == "ok")
        #expect(try writes() == ["scope_denied", "scope_denied"])
        // By a mutation of another scope: it leaves, and comes back by a link.
        #expect(try harness.grants("ann", "bob", "editor") == "ok")
        #expect(try writes() == ["ok", "ok"])
        let leave = #"{"scope":"s"}"#
        #expect(try harness.does("bob", "mizu.scope.leave", leave, in: "user:bob") == "ok")
        #expect(try writes() == ["scope_denied", "scope_denied"])
        let key = InvitationRecord.key(of: "token")
        let link = #"{"key":"\#(key)","role":"editor"}"#
        #expect(try harness.does("ann", "person.invite", link) == "ok")
        let accept = #"{"scope":"s","token":"token"}"#
        #expect(try harness.does("bob", "mizu.invitation.accept", accept, in: "user:bob") == "ok")
        #expect(try writes() == ["ok", "ok"])
        // By the server, and by an older state that was put back.
        let reader = #"{"user":"bob","role":"reader"}"#
        #expect(try harness.serve("person.grant", reader, in: "s", id: "server-1") == "ok")
        #expect(try writes() == ["scope_denied", "scope_denied"])
        guard kind != .memory else { return }
        try harness.makeBackup()
        #expect(try harness.grants("ann", "bob", "editor") == "ok")
        #expect(try writes() == ["ok", "ok"])
        try harness.restoreBackup()
        #expect(try writes() == ["scope_denied", "scope_denied"])
    }

    @Test("the last who may manage stays while others are there")
    func lastManager() throws {
        let harness = try harness(.memory)
        #expect(try harness.grants("ann", "bob", "editor") == "ok")
        #expect(try harness.revokes("ann", "ann") == "conflict")
        #expect(try harness.grants("ann", "ann", "reader") == "conflict")
        #expect(try harness.revokes("bob", "bob") == "ok")
        #expect(try harness.grants("ann", "bob", "owner") == "ok")
        #expect(try harness.revokes("ann", "ann") == "ok")
        #expect(try harness.revokes("bob", "bob") == "ok")
        #expect(try harness.roles(of: "s").isEmpty)
        // Written to and left by all: nobody's, until the server grants it to somebody.
        #expect(try harness.does("cat", "note.put", #"{"id":"c"}"#) == "scope_denied")
        #expect(
            try harness.serve(
                "person.grant", #"{"user":"cat","role":"owner"}"#, in: "s", id: "x") == "ok")
        #expect(try harness.does("cat", "note.put", #"{"id":"c"}"#) == "ok")
    }

    @Test("a reader leaves by the framework's own mutation, in their own scope")
    func leave() throws {
        let harness = try harness(.sqlite)
        #expect(try harness.grants("ann", "cat", "reader") == "ok")
        let name = "mizu.scope.leave"
        #expect(try harness.does("cat", name, #"{"scope":"s"}"#, in: "user:cat") == "ok")
        #expect(try harness.roles(of: "s") == ["ann": "owner"])
        #expect(try harness.scopes(of: "cat").isEmpty)
        #expect(try harness.does("cat", name, #"{"scope":"s"}"#, in: "user:cat") == "not_found")
        #expect(try harness.does("ann", name, #"{"scope":"s"}"#) == "forbidden")
        #expect(try harness.does("ann", name, #"{"scope":"s"}"#, in: "user:cat") == "scope_denied")
        for scope: Name in ["s", "user:cat"] { try harness.checkSums(of: scope) }
    }

    @Test("names of the framework's are not an app's", arguments: StoreKind.allCases)
    func reserved(_ kind: StoreKind) throws {
        let harness = try harness(kind)
        #expect(try harness.does("ann", "odd.grantMyself") == "forbidden")
        #expect(try harness.does("ann", "mizu.anything") == "unknown_mutation")
        harness.system.register("mizu.server.only", fromWire: false) {
            (mutation, store) throws(Rejection) in
            try store.put("mizu.thing", id: mutation.id.string, json: .init(validated: "{}"))
        }
        #expect(try harness.does("ann", "mizu.server.only") == "forbidden")
        #expect(try harness.serve("mizu.server.only", in: "s", id: "x") == "ok")
        #expect(try harness.records("mizu.thing", in: "s") == ["x": "{}"])
        #expect(try harness.does("ann", "note.put", #"{"id":"a"}"#, in: "mizu:x") == "scope_denied")
        #expect(
            try harness.does("ann", "note.put", #"{"id":"a"}"#, in: "user:bo") == "scope_denied")
        #expect(try harness.does("ann", "note.put", #"{"id":"a"}"#, in: "user:ann") == "ok")
        #expect(try harness.grants("ann", "bob", "editor", in: "user:ann") == "forbidden")
        let open = try Harness(kind)
        #expect(try open.grants("ann", "bob", "editor") == "forbidden")
        #expect(try open.does("ann", "note.put", #"{"id":"a"}"#, in: "mizu:x") == "scope_denied")
    }

    @Test("what was decided is answered, the rest is kept, and then the push is refused")
    func lostInTheMiddle() throws {
        let harness = try harness(.sqlite)
        #expect(try harness.grants("ann", "bob", "editor") == "ok")
        let push = """
            {"scope":"s","client":"c","mutations":[
            {"id":"b1","name":"note.put","args":{"id":"b1"}},
            {"id":"b2","name":"person.revoke","args":{"user":"bob"}},
            {"id":"b3","name":"note.put","args":{"id":"b3"}}]}
            """
        for _ in 0..<2 {
            let results = try harness.results(push, user: "bob")
            #expect(results.map { $0.bool("ok") } == [true, true, false])
            #expect(results.map { $0.bool("retry") } == [nil, nil, true])
        }
        let rest = """
            {"scope":"s","client":"c","mutations":[
            {"id":"b3","name":"note.put","args":{"id":"b3"}}]}
            """
        #expect(throws: Refusal.scopeDenied("s")) { try harness.push(rest, user: "bob") }
        #expect(try harness.records("note", in: "s").keys.sorted() == ["b1"])
        // An id of somebody else's tells nothing.
        #expect(throws: Refusal.scopeDenied("s")) {
            try harness.results(push, user: "cat")
        }
    }

    @Test("pushes that wait together see each other's grants, in order")
    func oneBatch() throws {
        let harness = try harness(.sqlite)
        #expect(try harness.does("ann", "note.put", #"{"id":"a"}"#) == "ok")
        func push(_ user: Name, _ id: String, _ name: String, _ args: String) throws
            -> PushRequest
        {
            let body = """
                {"scope":"s","mutations":[{"id":"\(id)","name":"\(name)","args":\(args)}]}
                """
            var push = try PushRequest.parse(ByteSlice(body), limits: harness.limits)
            push.user = user
            return push
        }
        let note = #"{"id":"n"}"#
        let bob = #"{"user":"bob","role":"editor"}"#
        let answers = try harness.commit([
            push("bob", "1", "note.add", note), push("ann", "2", "person.grant", bob),
            push("bob", "3", "note.add", note), push("ann", "4", "person.revoke", bob),
            push("bob", "5", "note.add", note), push("ann", "6", "person.grant", bob),
            push("bob", "7", "note.add", note), push("ann", "8", "person.revoke", bob),
        ])
        #expect(
            answers.map { $0.failure?.code } == [
                "scope_denied", nil, nil, nil, "scope_denied", nil, nil, nil,
            ])
        #expect(try harness.records("note", in: "s")["n"]?.contains("2") == true)
        let feed = try #require(harness.lastResult).feed
        #expect(Set(feed.map(\.scope)) == ["s", "user:bob"])
        // Neither before nor after the commit.
        #expect(feed.allSatisfy { $0.lostRights.isEmpty })
        #expect(feed.first { $0.scope == "user:bob" }?.isByReaders == false)
    }

    @Test("the feed says who has lost what")
    func lostRights() throws {
        let harness = try harness(.memory)
        for (user, role) in [("bob", "editor"), ("cat", "owner")] {
            #expect(try harness.grants("ann", Name(user)!, role) == "ok")
        }
        #expect(try harness.lost().isEmpty)
        #expect(try harness.grants("ann", "cat", "reader") == "ok")
        #expect(try harness.lost() == ["s": ["cat: read"]])
        #expect(try harness.grants("ann", "cat", "editor") == "ok")
        #expect(try harness.lost().isEmpty)
        #expect(try harness.revokes("ann", "bob") == "ok")
        #expect(try harness.lost() == ["s": ["bob: none"]])
    }
}

extension Harness {
    fileprivate func lost() throws -> [Name: [String]] {
        var lost: [Name: [String]] = [:]
        for changes in try #require(lastResult).feed where !changes.lostRights.isEmpty {
            lost[changes.scope] = changes.lostRights.map { change in
                "\(change.user): \(change.after.map { "\($0)" } ?? "none")"
            }
        }
        return lost
    }
}
