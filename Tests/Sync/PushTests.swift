// The rules of `POST /_sync/push` (protocol.md), on both stores.

import MizuBytes
import MizuSync
import Testing

@Suite("Push (protocol.md, POST /_sync/push)")
struct PushTests {
    @Test(
        "an applied mutation is told with its position and its changes",
        arguments: StoreKind.allCases)
    func applied(_ kind: StoreKind) throws {
        let harness = try Harness(kind)
        let result = try harness.mutate("m1", "note.create", #"{"id":"n1","text":"é"}"#)
        #expect(
            result.text == """
                {"id":"m1","ok":true,"cursor":1,"epoch":"e1","changes":[{"cursor":1,"scope":"s",\
                "entity":"note","id":"n1","op":"create","data":{"id":"n1","text":"é"},\
                "time":"2027-01-15T08:00:00.000Z","mutation":"m1"}]}
                """)
    }

    @Test(
        "a mutation that changes nothing is told with the scope's cursor",
        arguments: StoreKind.allCases)
    func nothing(_ kind: StoreKind) throws {
        let harness = try Harness(kind)
        #expect(
            try harness.mutate("m0", "note.nothing").text
                == #"{"id":"m0","ok":true,"cursor":0,"epoch":"e1","changes":[]}"#)
        _ = try harness.mutate("m1", "note.create", #"{"id":"n1"}"#)
        #expect(try harness.mutate("m2", "note.nothing").int("cursor") == 1)
    }

    @Test("what was decided is told again and nothing applied", arguments: StoreKind.allCases)
    func duplicates(_ kind: StoreKind) throws {
        let harness = try Harness(kind)
        _ = try harness.mutate("m1", "note.add", #"{"id":"n1"}"#)
        _ = try harness.mutate("m2", "note.add", #"{"id":"n1"}"#)
        // White space does not make another mutation of it.
        let again = try harness.mutate("m1", "note.add", #"{ "id" : "n1" }"#)
        #expect(again.text == #"{"id":"m1","ok":true,"duplicate":true,"cursor":1,"epoch":"e1"}"#)
        try harness.restart()
        let later = try harness.mutate("m1", "note.add", #"{"id":"n1"}"#)
        #expect(later.text == again.text)
        #expect(try harness.snapshot(#"{"scope":"s"}"#).text.contains(#""count":2}"#))
    }

    @Test("a refusal is stored and told again", arguments: StoreKind.allCases)
    func refusalsAreStored(_ kind: StoreKind) throws {
        let harness = try Harness(kind)
        let first = try harness.mutate("m1", "note.delete", #"{"id":"n1"}"#)
        #expect(first.bool("ok") == false)
        #expect(first.string("code") == "not_found")
        _ = try harness.mutate("m2", "note.create", #"{"id":"n1"}"#)
        let again = try harness.mutate("m1", "note.delete", #"{"id":"n1"}"#)
        #expect(again.bool("ok") == false)
        #expect(again.bool("duplicate") == true)
        #expect(again.string("code") == "not_found")
        #expect(again.string("error") == first.string("error"))
    }

    @Test(
        "duplicates within one push and within one batch apply once", arguments: StoreKind.allCases)
    func duplicatesInABatch(_ kind: StoreKind) throws {
        let harness = try Harness(kind)
        let body = """
            {"scope":"s","mutations":[{"id":"m1","name":"note.add","args":{"id":"n"}},\
            {"id":"m1","name":"note.add","args":{"id":"n"}}]}
            """
        let request = try PushRequest.parse(ByteSlice(body), limits: harness.limits)
        let answers = try harness.commit([request, request]).map { try $0.get() }
        let flags = answers.flatMap { answer in
            (answer.member("results")?.elements).map { $0.map { $0.bool("duplicate") } } ?? []
        }
        #expect(flags == [nil, true, true, true])
        #expect(try harness.pull(0, "x").cursors == [1])
    }

    @Test(
        "a known id with another name, arguments or user is id_reused",
        arguments: StoreKind.allCases)
    func idReused(_ kind: StoreKind) throws {
        let harness = try Harness(kind)
        _ = try harness.mutate("m1", "note.add", #"{"id":"n"}"#, user: "ann")
        #expect(
            try harness.mutate("m1", "note.put", #"{"id":"n"}"#, user: "ann").string("code")
                == "id_reused")
        #expect(
            try harness.mutate("m1", "note.add", #"{"id":"o"}"#, user: "ann").string("code")
                == "id_reused")
        for other: Name? in ["bob", nil] {
            let result = try harness.mutate("m1", "note.add", #"{"id":"n"}"#, user: other)
            #expect(result.string("code") == "id_reused")
            #expect(result.member("cursor") == nil)
        }
        // An id is known per scope.
        let elsewhere = try harness.mutate("m1", "note.put", #"{"id":"n"}"#, scope: "t")
        #expect(elsewhere.bool("ok") == true)
        // The outcome of an anonymous client matches any user.
        _ = try harness.mutate("m2", "note.add", #"{"id":"n"}"#)
        #expect(
            try harness.mutate("m2", "note.add", #"{"id":"n"}"#, user: "bob")
                .bool("duplicate") == true)
    }

    @Test(
        "one bad mutation is refused in its place and the next goes on",
        arguments: StoreKind.allCases)
    func faultsInPlace(_ kind: StoreKind) throws {
        let harness = try Harness(kind)
        let deep = String(repeating: "[", count: 5000) + String(repeating: "]", count: 5000)
        let results = try harness.results(
            """
            {"scope":"s","mutations":[
            {"id":"m1","name":"note.put","args":[1]},
            {"id":"m2","name":"note.put","args":{"id":"n","x":\(deep)}},
            {"id":"m3","name":"note.put","args":{"id":"\\ud800"}},
            {"id":"m4","name":"nope"},
            {"id":"m5","args":{}},
            {"id":"m6","name":"note.forbidden"},
            {"id":"m7","name":"note.put","args":{"id":7}},
            {"id":"m8","name":"note.put","args":{"id":""}},
            {"id":"m9","name":"note.put","args":{"id":"n"}}]}
            """)
        #expect(
            results.map { $0.string("code") } == [
                "invalid_mutation", "invalid_mutation", "invalid_mutation", "unknown_mutation",
                "invalid_mutation", "forbidden", "invalid_mutation", "invalid_mutation", nil,
            ])
        #expect(results.last?.int("cursor") == 1)
    }

    @Test(
        "what a refused mutation wrote is gone, and what it swallowed is whole",
        arguments: StoreKind.allCases)
    func atomic(_ kind: StoreKind) throws {
        let harness = try Harness(kind)
        #expect(try harness.mutate("m1", "odd.writeThenThrow").string("code") == "invalid_mutation")
        #expect(try harness.snapshot(#"{"scope":"s"}"#).int("count") == 0)
        let swallowed = try harness.mutate("m2", "odd.swallow", #"{"id":"n"}"#)
        #expect(swallowed.bool("ok") == true)
        #expect(swallowed.cursors == [1])
        // A limit ends the mutation, whatever the mutator thinks.
        #expect(try harness.mutate("m3", "odd.swallowLimit").string("code") == "too_large")
        #expect(try harness.snapshot(#"{"scope":"s"}"#).int("count") == 1)
    }

    @Test("several writes to one record are each a change", arguments: StoreKind.allCases)
    func thrice(_ kind: StoreKind) throws {
        let harness = try Harness(kind)
        let result = try harness.mutate("m1", "odd.thrice")
        let changes = try #require(result.member("changes")).elements
        #expect(changes.map { $0.string("op") } == ["create", "update", "update"])
        #expect(result.int("cursor") == 3)
        let page = try harness.snapshot(#"{"scope":"s"}"#)
        #expect(page.int("count") == 1)
        #expect(page.text.contains(#""text":"c""#))
        #expect(try harness.mutate("m2", "odd.clear").cursors == [4])
        #expect(try harness.snapshot(#"{"scope":"s"}"#).int("count") == 0)
    }

    @Test("a mutation of more than 1,000 changes is too_large", arguments: StoreKind.allCases)
    func tooManyChanges(_ kind: StoreKind) throws {
        let harness = try Harness(kind)
        #expect(
            try harness.mutate("m1", "odd.many", #"{"id":"x","count":1001}"#).string("code")
                == "too_large")
        #expect(
            try harness.mutate("m2", "odd.many", #"{"id":"x","count":1000}"#).int("cursor")
                == 1000)
    }

    @Test("changes are left out where the answer would pass its limit")
    func changesLeftOut() throws {
        var limits = SyncLimits()
        limits.resultsBytesMax = 20_000
        let harness = try Harness(.memory, limits: limits)
        let small = try harness.mutate("m1", "note.put", #"{"id":"n"}"#)
        #expect(small.member("changes") != nil)
        let large = try harness.mutate("m2", "odd.many", #"{"id":"x","count":500}"#)
        #expect(large.bool("ok") == true)
        #expect(large.member("changes") == nil)
    }

    @Test(
        "a push of nothing is answered with no results and leaves nothing",
        arguments: StoreKind.allCases)
    func empty(_ kind: StoreKind) throws {
        let harness = try Harness(kind)
        #expect(
            try harness.push(#"{"client":"c","mutations":[]}"#, user: "ann").text
                == #"{"results":[]}"#)
        // It decided nothing, not even whose client it is.
        #expect(
            try harness.mutate("m1", "note.nothing", client: "c", user: "bob").bool("ok") == true)
    }

    @Test(
        "a retry that another JSON writer wrote is the same mutation", arguments: StoreKind.allCases
    )
    func otherWriter(_ kind: StoreKind) throws {
        let harness = try Harness(kind)
        let first = try harness.mutate("m1", "note.put", #"{"id":"n","text":"é/","count":1}"#)
        #expect(first.bool("ok") == true)
        for args in [
            #"{"count":1,"text":"é/","id":"n"}"#, #"{"\u0069d":"n","text":"\u00E9\/","count": 1}"#,
        ] {
            let again = try harness.mutate("m1", "note.put", args)
            #expect(again.bool("duplicate") == true, "\(args)")
        }
        let other = try harness.mutate("m1", "note.put", #"{"id":"n","text":"é/","count":1.0}"#)
        #expect(other.string("code") == "id_reused")
    }

    @Test("an outcome that an earlier server kept is recognised by the way it made fingerprints")
    func earlierFingerprint() throws {
        let harness = try Harness(.sqlite)
        _ = try harness.mutate("m0", "note.put", #"{"id":"n"}"#)
        let store = try #require(harness.store)
        // Computed by that server over the name "note.put" and {"id":"n","text":"a b"}.
        let earlier = Fingerprint(high: 0xB312_579C_8B7E_5389, low: 0xD749_3252_194F_60E9)
        try store.begin()
        try store.setOutcome(
            StoredOutcome(
                verdict: .applied(Position(cursor: 1, epoch: "e1")), fingerprint: earlier,
                user: nil, client: nil, clientSequence: 0, reviewMilliseconds: .max),
            of: "m1", in: "s")
        try store.commit()
        let again = try harness.mutate("m1", "note.put", #"{ "id":"n", "text":"a b" }"#)
        #expect(again.bool("duplicate") == true)
        let other = try harness.mutate("m1", "note.put", #"{"id":"n","text":"ab"}"#)
        #expect(other.string("code") == "id_reused")
    }

    @Test(
        "a record that cannot be read any more refuses nobody's edit for good",
        arguments: StoreKind.allCases)
    func unreadableRecord(_ kind: StoreKind) throws {
        let harness = try Harness(kind)
        _ = try harness.mutate("m1", "note.put", #"{"id":"n","count":1}"#)
        let store = try #require(harness.store)
        let key = RecordKey(entity: "note", id: "n")
        func damage(_ json: String) throws {
            try store.begin()
            try store.setRecord(
                key, in: "s", to: StoredRecord(json: ByteSlice(json), version: 1))
            try store.commit()
        }
        try damage(#"{"id":7}"#)
        let results = try harness.results(
            #"""
            {"scope":"s","mutations":[{"id":"m2","name":"note.add","args":{"id":"n"}},
                {"id":"m3","name":"note.add","args":{"id":"other"}}]}
            """#)
        #expect(results.map { $0.string("code") } == ["internal_error", "unavailable"])
        #expect(results.map { $0.bool("retry") } == [true, true])
        let accident = try #require(harness.lastResult?.accident)
        #expect(accident.kind == .statement)
        for part in ["note n", "scope s", "id"] {
            #expect(accident.message.contains(part), "\(accident.message)")
        }
        // Arguments that do not fit are the mutation's own fault.
        #expect(
            try harness.mutate("m4", "note.add", #"{"id":7}"#).string("code") == "invalid_mutation")
        // A mutator that can do with another form meets no accident.
        #expect(try harness.mutate("m5", "odd.lenient").bool("ok") == true)
        try damage(#"{"id":"n","count":1}"#)
        #expect(try harness.mutate("m2", "note.add", #"{"id":"n"}"#).bool("ok") == true)
    }

}

@Suite("Clients (protocol.md, wrong_user and Limits)")
struct ClientTests {
    @Test("a client belongs to the user who pushed first with it", arguments: StoreKind.allCases)
    func wrongUser(_ kind: StoreKind) throws {
        let harness = try Harness(kind)
        _ = try harness.mutate("m1", "note.nothing", client: "c", user: "ann")
        for other: Name? in ["bob", nil] {
            for scope in ["s", "t"] {
                #expect(throws: Refusal.wrongUser) {
                    try harness.mutate("m2", "note.nothing", client: "c", user: other, scope: scope)
                }
            }
        }
        #expect(
            try harness.mutate("m2", "note.nothing", client: "c", user: "ann").bool("ok") == true)
    }

    @Test("a push that says whose it is goes with nobody else's credentials")
    func claimedUser() throws {
        let harness = try Harness(.memory)
        func body(_ id: String) -> String {
            #"{"scope":"s","user":"ann","mutations":[{"id":"\#(id)","name":"note.nothing","args":{}}]}"#
        }
        for other: Name? in ["bob", nil] {
            #expect(throws: Refusal.wrongUser) { try harness.push(body("m1"), user: other) }
        }
        #expect(try harness.results(body("m1"), user: "ann").first?.bool("ok") == true)
        #expect(throws: Refusal.self) {
            try harness.push(#"{"user":7,"mutations":[]}"#, user: "ann")
        }
    }

    @Test(
        "an anonymous client belongs to the first who signs in, everywhere",
        arguments: StoreKind.allCases)
    func claim(_ kind: StoreKind) throws {
        let harness = try Harness(kind)
        _ = try harness.mutate("m1", "note.nothing", client: "c")
        _ = try harness.mutate("m2", "note.nothing", client: "c", scope: "t")
        _ = try harness.mutate("m3", "note.nothing", client: "c", user: "ann")
        for scope in ["s", "t", "u"] {
            #expect(throws: Refusal.wrongUser) {
                try harness.mutate("m4", "note.nothing", client: "c", user: "bob", scope: scope)
            }
        }
        #expect(
            try harness.mutate("m1", "note.nothing", client: "c", user: "ann")
                .bool("duplicate") == true)
    }

    @Test("a refused push of a batch does not touch the others", arguments: StoreKind.allCases)
    func refusedInABatch(_ kind: StoreKind) throws {
        let harness = try Harness(kind)
        _ = try harness.mutate("m1", "note.nothing", client: "c", user: "ann")
        func request(_ id: String, _ user: Name) throws -> PushRequest {
            let body =
                #"{"client":"c","scope":"s","mutations":["#
                + #"{"id":"\#(id)","name":"note.add","args":{"id":"n"}}]}"#
            var request = try PushRequest.parse(ByteSlice(body), limits: harness.limits)
            request.user = user
            return request
        }
        let answers = try harness.commit([
            request("a", "ann"), request("b", "bob"), request("c", "ann"),
        ])
        #expect(answers.map { $0.failure?.code } == [nil, "wrong_user", nil])
        #expect(try harness.pull(0, "x").cursors == [1, 2])
    }

    @Test(
        "beyond the limit the longest silent client goes if it is past retention, else 429",
        arguments: StoreKind.allCases)
    func clientLimit(_ kind: StoreKind) throws {
        var limits = SyncLimits()
        limits.userClientsMax = 3
        let harness = try Harness(kind, limits: limits)
        for client in ["a", "b", "c"] {
            _ = try harness.mutate("m-" + client, "note.nothing", client: client, user: "ann")
            harness.clock.milliseconds += 5 * 3_600_000
        }
        let refusal = #expect(throws: Refusal.self) {
            try harness.mutate("m-d", "note.nothing", client: "d", user: "ann")
        }
        #expect(refusal?.status == 429)
        #expect(refusal?.retryAfterSeconds != nil)
        // Others, and nobody, have limits of their own.
        for client in 0..<5 {
            _ = try harness.mutate("n\(client)", "note.nothing", client: "n\(client)")
        }
        _ = try harness.mutate("o", "note.nothing", client: "o", user: "bob")
        harness.clock.milliseconds += limits.clientMilliseconds - 10 * 3_600_000
        _ = try harness.mutate("m-d", "note.nothing", client: "d", user: "ann")
        // "a" is forgotten; "b" has still some hours.
        #expect(throws: Refusal.self) {
            try harness.mutate("m-e", "note.nothing", client: "e", user: "ann")
        }
        #expect(
            try harness.mutate("m-b2", "note.nothing", client: "b", user: "ann").bool("ok") == true)
    }

    @Test("a scope's changes are its readers' where nobody else had a part in them")
    func readers() throws {
        let harness = try Harness(.memory)
        func request(_ id: String, _ scope: String, isByReader: Bool) throws -> PushRequest {
            let text = """
                {"scope":"\(scope)","mutations":[{"id":"\(id)","name":"note.add",\
                "args":{"id":"\(id)"}}]}
                """
            var request = try PushRequest.parse(ByteSlice(text), limits: harness.limits)
            request.isByReader = isByReader
            return request
        }
        let batch = [
            try request("a", "mixed", isByReader: true),
            try request("b", "mixed", isByReader: false),
            try request("c", "mixed", isByReader: true),
            try request("d", "own", isByReader: true),
        ]
        _ = try harness.commit(batch)
        let first = try #require(harness.lastResult).feed
        #expect(first.count == 2)
        #expect(first.allSatisfy { $0.isByReaders == ($0.scope == "own") })
        // One that is sent again changes nothing, whoever sends it.
        _ = try harness.commit([
            try request("d", "own", isByReader: false), try request("e", "own", isByReader: true),
        ])
        #expect(harness.lastResult?.feed.map(\.isByReaders) == [true])
    }
}
