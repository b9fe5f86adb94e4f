// Each kind of fault that a scope's rows can have, alone: it is found, with its place.

import MizuBytes
import MizuSync
import Testing

@testable import MizuSyncTools

@Suite("What is wrong with a scope is named with its place")
struct ScopeVerifierTests {
    @Test("rows that fit are right, trimmed or not")
    func right() {
        #expect(ScopeRows.sample().fault() == nil)
        var trimmed = ScopeRows.sample()
        trimmed.mutations.removeFirst()
        trimmed.count(base: 2)
        #expect(trimmed.fault() == nil)
        var empty = ScopeRows.sample()
        empty.mutations = []
        empty.count(base: 4)
        empty.epochs = [(1, "e1")]
        #expect(empty.fault() == nil)
    }

    @Test("a record from before versions were kept is right with version 0")
    func oldRecord() {
        var rows = ScopeRows.sample()
        rows.records[0].record = record("{\"n\":3}", version: 0)
        rows.count()
        #expect(rows.fault() == nil)
    }

    @Test("a scope in which nothing was ever changed has outcomes, and nothing else")
    func unwritten() {
        var rows = ScopeRows(mutations: [])
        rows.epochs = []
        rows.outcomes = [("m", refused(1)), ("n", applied(0, 2, epoch: "any"))]
        #expect(rows.fault() == nil)
        rows.records = [(key("a"), record("{}", version: 0))]
        #expect(rows.fault()?.place == "record note a")
    }

    @Test("an internal scope has records, outcomes and no log")
    func internalScope() {
        var rows = ScopeRows(mutations: [])
        (rows.scope, rows.epochs) = (Name.internal("things"), [])
        rows.records = [(key("a"), record("{}", version: 3))]
        rows.outcomes = [("m", applied(2, 0)), ("n", refused(0))]
        rows.count(base: 4)
        #expect(rows.fault() == nil)
        rows.epochs = [(1, "e1")]
        #expect(rows.fault()?.place == "state")
    }

    struct Spoilt: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let place: String
        let spoil: @Sendable (inout ScopeRows) -> Void

        init(
            _ name: String, at place: String, _ spoil: @escaping @Sendable (inout ScopeRows) -> Void
        ) {
            testDescription = name
            self.place = place
            self.spoil = spoil
        }
    }

    @Test("a fault is named", arguments: log + records + others)
    func faults(_ spoilt: Spoilt) {
        var rows = ScopeRows.sample()
        spoilt.spoil(&rows)
        #expect(rows.fault()?.place == spoilt.place, "\(rows.fault()?.text ?? "no fault")")
    }

    private static let log = [
        Spoilt("a mutation is missing in the middle", at: "change 3") {
            $0.mutations[1][0].cursor = 4
        },
        Spoilt("the last mutation is missing", at: "change 4") { $0.mutations.removeLast() },
        Spoilt("a change is of another scope", at: "change 3") { $0.mutations[1][0].scope = "t" },
        Spoilt("a change has no such op", at: "change 3") { $0.mutations[1][0].op = "upsert" },
        Spoilt("a change has lost its data", at: "change 3") { $0.mutations[1][0].data = nil },
        Spoilt("a change is no JSON", at: "change 3") { $0.mutations[1][0].data = "{" },
        Spoilt("a mutation has a change of another", at: "change 2") {
            $0.mutations[0][1].mutation = "m9"
        },
        Spoilt("a mutation was applied twice", at: "change 3") {
            $0.mutations[1][0].mutation = "m1"
        },
        Spoilt("what is there is created", at: "change 3") { $0.mutations[1][0].op = "create" },
        Spoilt("what is not there is updated", at: "change 1") {
            $0.mutations[0][0].op = "update"
        },
        Spoilt("the log's bytes are counted wrong", at: "state") { $0.state?.logByteCount += 1 },
        Spoilt("the first epoch begins late", at: "epoch e1") { $0.epochs = [(2, "e1")] },
        Spoilt("an epoch begins behind the log", at: "epoch e2") { $0.epochs.append((5, "e2")) },
        Spoilt("the epochs are missing", at: "state") { $0.epochs = [] },
        Spoilt("the head is of another epoch", at: "state") { $0.epochs = [(1, "e9")] },
        Spoilt("the log begins behind its end", at: "state") { $0.state?.base = 5 },
        Spoilt("the head is no cursor", at: "state") {
            $0.state?.head = Position(cursor: .max, epoch: "e1")
        },
    ]

    private static let records = [
        Spoilt("a record has other data", at: "record note a") {
            $0.records[0].record = record("{\"n\":4}", version: 3)
        },
        Spoilt("a record has an old version", at: "record note a") {
            $0.records[0].record = record("{\"n\":3}", version: 1)
        },
        Spoilt("a record is missing", at: "change 3") { $0.records = [] },
        Spoilt("a deleted record is there", at: "record note b") {
            $0.records.append((key("b"), record("{\"n\":2}", version: 2)))
        },
        Spoilt("a record comes from nowhere", at: "record note z") {
            $0.records.append((key("z"), record("{}", version: 1)))
        },
        Spoilt("a record's version is no change", at: "record note a") {
            $0.records[0].record = record("{\"n\":3}", version: 9)
        },
        Spoilt("a record is no JSON", at: "record note a") {
            $0.records[0].record = record("{\"n\":", version: 3)
        },
        Spoilt("records are counted wrong", at: "state") { $0.state?.recordCount = 2 },
        Spoilt("bytes are counted wrong", at: "state") { $0.state?.byteCount += 1 },
        Spoilt("the checksum is another", at: "state") { $0.state?.checksum = .empty },
    ]

    private static let others = [
        Spoilt("an outcome tells another cursor than the log", at: "mutation m2") {
            $0.outcomes[1].1 = applied(4, 2)
        },
        Spoilt("an outcome tells a cursor inside a mutation", at: "mutation m5") {
            $0.outcomes.append(("m5", applied(1, 4)))
        },
        Spoilt("an outcome tells a cursor behind the log", at: "mutation m5") {
            $0.outcomes.append(("m5", applied(5, 4)))
        },
        Spoilt("an outcome tells another epoch", at: "mutation m3") {
            $0.outcomes[2].1 = applied(4, 3, epoch: "e0")
        },
        Spoilt("what is in the log was refused", at: "mutation m2") {
            $0.outcomes[1].1 = refused(2)
        },
        Spoilt("a mutation has two outcomes", at: "mutation m4") {
            $0.outcomes.append(("m4", refused(4)))
        },
        Spoilt("a client has had fewer outcomes than it has", at: "mutation m4") {
            $0.clients[0].1.outcomeCount = 3
        },
        Spoilt("a client's outcomes are fewer than none", at: "client c") {
            $0.clients[0].1.outcomeCount = -1
        },
    ]
}
