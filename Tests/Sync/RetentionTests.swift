// What is kept how long (protocol.md, "Idempotent" and `cursor_too_old`), and what happens when
// storage fails (503 `unavailable`, `retry`), on both stores.

import MizuBytes
import MizuSync
import Testing

@Suite("Retention (protocol.md, Idempotent)")
struct RetentionTests {
    private static let day: Int64 = 86_400_000

    @Test(
        "changes go by age; who stands at the border is still served", arguments: StoreKind.allCases
    )
    func byAge(_ kind: StoreKind) throws {
        let harness = try Harness(kind)
        _ = try harness.mutate("m1", "odd.thrice")
        harness.clock.milliseconds += 4 * Self.day
        try harness.trimAll()
        try harness.restart()
        _ = try harness.mutate("m2", "odd.thrice")
        harness.clock.milliseconds += 4 * Self.day
        try harness.trimAll()
        try harness.restart()
        #expect(throws: Refusal.cursorTooOld) { try harness.pull(0, "x") }
        #expect(throws: Refusal.cursorTooOld) { try harness.pull(2, "e1") }
        #expect(try harness.pull(3, "e1").cursors == [4, 5, 6])
        #expect(throws: Refusal.epochChanged) { try harness.pull(3, "e2") }
        // All of the log may go; the position at its end stays good.
        harness.clock.milliseconds += 9 * Self.day
        try harness.trimAll()
        #expect(try harness.pull(6, "e2").cursors == [])
        #expect(throws: Refusal.cursorTooOld) { try harness.pull(5, "e2") }
        #expect(try harness.mutate("m3", "note.put", #"{"id":"n"}"#).int("cursor") == 7)
        #expect(try harness.pull(6, "e2").cursors == [7])
    }

    @Test(
        "changes go by count, at borders of mutations, in small steps",
        arguments: StoreKind.allCases)
    func byCount(_ kind: StoreKind) throws {
        var limits = SyncLimits()
        limits.logChangesMax = 5
        limits.trimRowsMax = 4
        let harness = try Harness(kind, limits: limits)
        for index in 0..<6 {
            _ = try harness.mutate("m\(index)", "odd.thrice", scope: "s")
            _ = try harness.mutate("m\(index)", "note.add", #"{"id":"n"}"#, scope: "t")
        }
        try harness.trimAll()
        try harness.restart()
        // 18 changes, 5 wanted, mutations of three: 12 go, 6 stay.
        #expect(throws: Refusal.cursorTooOld) { try harness.pull(11, "e1") }
        #expect(try harness.pull(12, "e1").cursors == [13, 14, 15, 16, 17, 18])
        #expect(try harness.pull(1, "e1", scope: "t").cursors == [2, 3, 4, 5, 6])
    }

    @Test(
        "outcomes live as long as the log, and a client's last ones until it is long silent",
        arguments: StoreKind.allCases)
    func outcomes(_ kind: StoreKind) throws {
        var limits = SyncLimits()
        limits.clientOutcomesMin = 2
        let harness = try Harness(kind, limits: limits)
        for id in ["a", "b", "c"] {
            _ = try harness.mutate(id, "note.add", #"{"id":"n"}"#, client: "c1")
        }
        _ = try harness.mutate("x", "note.add", #"{"id":"n"}"#)
        func isKnown(_ id: String, client: String? = "c1") throws -> Bool {
            // Another name: a known id is refused, an unknown one does nothing.
            try harness.mutate(id, "note.nothing", client: client).string("code") == "id_reused"
        }
        harness.clock.milliseconds += 6 * Self.day
        try harness.trimAll()
        #expect(try isKnown("x", client: nil))
        harness.clock.milliseconds += 2 * Self.day
        try harness.trimAll()
        #expect(try !isKnown("x", client: nil))
        #expect(try isKnown("b"))
        #expect(try isKnown("c"))
        harness.clock.milliseconds += 80 * Self.day
        for _ in 0..<2 { try harness.trimAll() }
        #expect(try isKnown("c"))
        harness.clock.milliseconds += 91 * Self.day
        for _ in 0..<2 { try harness.trimAll() }
        #expect(try !isKnown("c"))
    }

    @Test(
        "the outcome before a client's last ones goes with the log", arguments: StoreKind.allCases)
    func olderOutcomes(_ kind: StoreKind) throws {
        var limits = SyncLimits()
        limits.clientOutcomesMin = 2
        let harness = try Harness(kind, limits: limits)
        for id in ["a", "b", "c"] {
            _ = try harness.mutate(id, "note.add", #"{"id":"n"}"#, client: "c1")
        }
        harness.clock.milliseconds += 8 * Self.day
        try harness.trimAll()
        let result = try harness.mutate("a", "note.nothing", client: "c1")
        #expect(result.bool("ok") == true)
    }
}

@Suite("Accidents of storage (protocol.md, unavailable and retry)")
struct AccidentTests {
    private func open(_ kind: StoreKind) throws -> (Harness, Faults) {
        let harness = try Harness(kind)
        let faults = Faults()
        harness.close()
        try harness.open { FailingStore($0, faults) }
        return (harness, faults)
    }

    @Test(
        "a failed commit is unavailable for everyone, shows nothing, and can be tried again",
        arguments: StoreKind.allCases)
    func failedCommit(_ kind: StoreKind) throws {
        let (harness, faults) = try open(kind)
        _ = try harness.mutate("m0", "note.put", #"{"id":"n"}"#)
        for place in [Faults.Place.begin, .append, .setOutcome, .commit] {
            faults.place = place
            let requests = try ["x", "y"].map { id in
                try PushRequest.parse(
                    ByteSlice(
                        "{\"scope\":\"s\",\"client\":\"\(id)\",\"mutations\":[{\"id\":\"\(id)\","
                            + "\"name\":\"note.add\",\"args\":{\"id\":\"n\"}}]}"
                    ), limits: harness.limits)
            }
            let answers = try harness.commit(requests)
            for answer in answers {
                #expect(answer.failure?.status == 503)
                #expect(answer.failure?.code == "unavailable")
                #expect(answer.failure?.retryAfterSeconds != nil)
            }
            #expect(harness.lastResult?.feed.isEmpty == true)
            #expect(harness.lastResult?.accident != nil)
            #expect(try harness.pull(0, "x").cursors == [1])
            #expect(try harness.snapshot(#"{"scope":"s"}"#).int("count") == 1)
        }
        faults.place = .nowhere
        #expect(try harness.mutate("x", "note.add", #"{"id":"n"}"#, client: "x").int("cursor") == 2)
    }

    @Test(
        "a mutation on which a statement fails is an internal_error, and the others go on",
        arguments: StoreKind.allCases, [Faults.Place.append, .setOutcome, .read])
    func poison(_ kind: StoreKind, _ place: Faults.Place) throws {
        let (harness, faults) = try open(kind)
        func request(_ ids: [String]) throws -> PushRequest {
            let mutations = ids.map {
                "{\"id\":\"\($0)\",\"name\":\"note.add\",\"args\":{\"id\":\"n\"}}"
            }
            return try PushRequest.parse(
                ByteSlice("{\"scope\":\"s\",\"mutations\":[\(mutations.joined(separator: ","))]}"),
                limits: harness.limits)
        }
        faults.place = place
        faults.kind = .statement
        let answer = try #require(try harness.commit([request(["a", "b"])]).first).get()
        let results = try #require(answer.member("results")).elements
        #expect(results.map { $0.bool("retry") } == [true, true])
        #expect(results.map { $0.bool("ok") } == [false, false])
        #expect(results.map { $0.string("code") } == ["internal_error", "unavailable"])
        #expect(harness.lastResult?.feed.isEmpty == true)
        faults.place = .nowhere
        let again = try #require(try harness.commit([request(["a", "b"])]).first).get()
        #expect(again.member("results")?.elements.map { $0.int("cursor") } == [1, 2])
    }

    @Test(
        "a store that cannot be read makes the whole batch unavailable",
        arguments: StoreKind.allCases)
    func unreadable(_ kind: StoreKind) throws {
        let (harness, faults) = try open(kind)
        faults.place = .read
        #expect(throws: Refusal.self) { try harness.mutate("a", "note.add", #"{"id":"n"}"#) }
        faults.place = .nowhere
        #expect(try harness.mutate("a", "note.add", #"{"id":"n"}"#).int("cursor") == 1)
    }
}
