// What a mutator sees and may do, without a server: over a plain state, as in a Swift client.

import MizuBytes
import MizuSync
import Testing

@Suite("Transaction")
struct TransactionTests {
    private func records(_ ids: [String]) -> Replay {
        var records: [RecordKey: String] = [:]
        for id in ids {
            guard let name = Name(id) else { continue }
            records[RecordKey(entity: "note", id: name)] = "{\"id\":\"\(id)\"}"
        }
        return Replay(records)
    }

    @Test("a mutation sees its own writes, in get and in list")
    func ownWrites() throws {
        var store = Transaction(over: records(["a", "b", "d"]), scope: "s", limits: SyncLimits())
        try store.delete("note", id: "b")
        try store.create("note", id: "c", json: JSON.parse(ByteSlice(#"{"id":"c"}"#)))
        try store.put("note", id: "d", TestMutator.Note(id: "d", text: "new"))
        try store.create("other", id: "a", TestMutator.Note(id: "a"))
        #expect(try store.list("note").map(\.id) == ["a", "c", "d"])
        #expect(try store.get("note", id: "b") == nil)
        #expect(try store.get("note", id: "d", as: TestMutator.Note.self)?.text == "new")
        #expect(try store.get("note", id: "") == nil)
        let operations = try store.finish().map(\.operation)
        #expect(operations == [.delete, .create, .update, .create])
    }

    private func expect(
        _ code: String, _ store: inout Transaction,
        _ body: (inout Transaction) throws(Rejection) -> Void
    ) {
        var told: String?
        do throws(Rejection) { try body(&store) } catch { told = error.code }
        #expect(told == code)
    }

    @Test("each write refuses what it must, and leaves nothing of it")
    func refusals() throws {
        var store = Transaction(over: records(["a"]), scope: "s", limits: SyncLimits())
        let note = TestMutator.Note(id: "a")
        expect("conflict", &store) { (store) throws(Rejection) in
            try store.create("note", id: "a", note)
        }
        expect("not_found", &store) { (store) throws(Rejection) in
            try store.update("note", id: "z", note)
        }
        expect("not_found", &store) { (store) throws(Rejection) in try store.delete("note", id: "z")
        }
        expect("invalid_mutation", &store) { (store) throws(Rejection) in
            try store.put("note", id: "", note)
        }
        expect("invalid_mutation", &store) { (store) throws(Rejection) in
            try store.put("note", id: "a", [1, 2])
        }
        expect("internal_error", &store) { (store) throws(Rejection) in
            _ = try store.get("note", id: "a", as: Int.self)
        }
        #expect(try store.finish().isEmpty)
    }

    @Test("a mutation's changes have at most 1 MiB")
    func bytes() throws {
        var store = Transaction(over: records([]), scope: "s", limits: SyncLimits())
        let text = String(repeating: "x", count: 200_000)
        var written = 0
        var told: String?
        for index in 0..<10 {
            do {
                try store.put("note", id: "\(index)", TestMutator.Note(id: "n", text: text))
                written += 1
            } catch {
                told = error.code
            }
        }
        #expect(written == 5)
        #expect(told == "too_large")
        do {
            _ = try store.finish()
            Issue.record("it may commit")
        } catch {
            guard case .limit(let rejection) = error else { throw error }
            #expect(rejection.code == "too_large")
        }
    }

    @Test("codes and messages are cut at their limits, not inside a character")
    func cut() {
        let rejection = Rejection(
            code: "x", message: "a" + String(repeating: "é", count: Rejection.messageBytesMax))
        #expect(rejection.message.utf8.count == Rejection.messageBytesMax - 1)
        #expect(
            rejection.message.utf8.elementsEqual(("a" + String(repeating: "é", count: 249)).utf8))
    }
}
