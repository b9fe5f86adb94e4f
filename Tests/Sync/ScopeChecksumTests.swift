// The checksum of a scope (protocol.md, "The checksum"): what it is, where it is told, and that it
// is kept up change by change. Generated schedules compare it with all records, too.

import MizuBytes
import MizuSync
import Testing

@Suite("The checksum of a scope (protocol.md, The checksum)")
struct ScopeChecksumTests {
    /// Computed by another program from the words of protocol.md.
    @Test("its value, in the end, is what the protocol says")
    func values() {
        var sum = ScopeChecksum.empty
        #expect(Hex.encode(sum.bits) == Array("0000000000000000".utf8))
        sum.add(RecordKey(entity: "todo", id: "t1"), version: 1)
        #expect(Hex.encode(sum.bits) == Array("7f058c5aa78dab18".utf8))
        sum.remove(RecordKey(entity: "todo", id: "t1"), version: 1)
        sum.add(RecordKey(entity: "todo", id: "t1"), version: 2)
        #expect(Hex.encode(sum.bits) == Array("a9fa0cc55789ee2e".utf8))
        sum.add(RecordKey(entity: "note", id: "é"), version: Position.cursorMax)
        #expect(Hex.encode(sum.bits) == Array("fc7bc329a054b78c".utf8))
    }

    @Test("the order does not matter, and what is taken out leaves nothing")
    func sum() {
        let keys = (0..<50).compactMap { Name("r\($0)") }.map { RecordKey(entity: "e", id: $0) }
        var there = ScopeChecksum.empty
        for (index, key) in keys.enumerated() { there.add(key, version: index) }
        var back = ScopeChecksum.empty
        for (index, key) in keys.enumerated().reversed() { back.add(key, version: index) }
        #expect(there == back)
        for (index, key) in keys.enumerated() { there.remove(key, version: index) }
        #expect(there == .empty)
    }

    private func told(_ answer: JSONValue) -> String? { answer.string("checksum") }

    @Test(
        "a pull tells it at the head and nowhere else, from the tail and from the store",
        arguments: StoreKind.allCases)
    func pulls(_ kind: StoreKind) throws {
        let harness = try Harness(kind)
        #expect(told(try harness.pull(0, "x")) == "0000000000000000")
        _ = try harness.mutate("m1", "odd.thrice")
        _ = try harness.mutate("m2", "note.put", #"{"id":"n"}"#)
        _ = try harness.mutate("m3", "note.delete", #"{"id":"same"}"#)
        let records = [RecordKey(entity: "note", id: "n"): ModelRecord(json: "", version: 4)]
        for _ in 0..<2 {
            #expect(told(try harness.pull(0, "x")) == records.checksum)
            #expect(told(try harness.pull(5, "e1")) == records.checksum)
            #expect(told(try harness.pull(0, "x", limit: 3)) == nil)
            #expect(try harness.pull(0, "x", limit: 3).bool("has_more") == true)
            // Now without what the tail knows.
            try harness.restart()
        }
    }

    @Test(
        "a snapshot's records tell their versions, and its page the checksum at its cursor",
        arguments: StoreKind.allCases)
    func snapshots(_ kind: StoreKind) throws {
        let harness = try Harness(kind)
        for index in 0..<5 {
            _ = try harness.mutate("m\(index)", "note.put", "{\"id\":\"n\(index % 3)\"}")
        }
        let first = try harness.snapshot(#"{"scope":"s","limit":2}"#)
        let records = try #require(first.member("records")).elements
        #expect(records.map { $0.int("version") } == [4, 5])
        var all: [RecordKey: ModelRecord] = [:]
        for record in records { ModelClient.apply(record, to: &all) }
        let next = try #require(first.string("next"))
        let second = try harness.snapshot("{\"scope\":\"s\",\"next\":\"\(next)\"}")
        for record in try #require(second.member("records")).elements {
            ModelClient.apply(record, to: &all)
        }
        #expect(all.count == 3)
        #expect(told(first) == all.checksum)
        #expect(told(second) == all.checksum)
    }

    @Test("a refused mutation, and one whose statement fails, leave it as it was")
    func refusals() throws {
        let harness = try Harness(.sqlite)
        let faults = Faults()
        harness.close()
        try harness.open { FailingStore($0, faults) }
        _ = try harness.mutate("m1", "note.put", #"{"id":"n"}"#)
        let before = told(try harness.pull(1, "e2"))
        _ = try harness.mutate("m2", "odd.writeThenThrow")
        faults.kind = .statement
        faults.place = .setOutcome
        _ = try harness.mutate("m3", "note.put", #"{"id":"x"}"#)
        faults.place = .nowhere
        #expect(told(try harness.pull(1, "e2")) == before)
        _ = try harness.mutate("m4", "note.delete", #"{"id":"n"}"#)
        #expect(told(try harness.pull(2, "e2")) == "0000000000000000")
    }

    @Test("the tail tells no checksum that is not its head's")
    func tail() throws {
        let tail = LogTail(limits: SyncLimits())
        let sum = ScopeChecksum(bits: 7)
        tail.learn(
            ScopeHead(Position(cursor: 7, epoch: "e"), checksum: sum), of: "s",
            since: tail.moment())
        #expect(tail.head("s")?.checksum == sum)
        let bytes = ByteSlice(#"{"cursor":8}"#)
        tail.append(
            CommittedChanges(
                scope: "s", base: Position(cursor: 7, epoch: "e"),
                head: Position(cursor: 8, epoch: "e"), bytes: bytes, ends: [bytes.count],
                borders: [8]))
        #expect(tail.head("s")?.cursor == 8)
        #expect(tail.head("s")?.checksum == nil)
    }
}
