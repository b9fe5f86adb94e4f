// What the guide to mutators says of its example, tried: refusals, who may do what, one outcome for
// one id, all or nothing.

import Mizu
import MizuTesting
import Testing

@Suite("The shelf of the guide to mutators")
struct ShelfTests {
    private let shelf = MutatorBench(ShelfMutator())

    @Test("a book is lent to one reader at a time")
    func lend() throws {
        _ = try shelf.push("book.add", #"{"id":"b1","title":"Emma"}"#)
        let first = try shelf.push("book.lend", #"{"id":"b1","to":"ann"}"#)
        #expect(first.isApplied)
        let second = try shelf.push("book.lend", #"{"id":"b1","to":"bob"}"#)
        #expect(second.code == "lent_already")
        // Who asks again for what is so already is told that it is so.
        let again = try shelf.push("book.lend", #"{"id":"b1","to":"ann"}"#)
        #expect(again.isApplied)
    }

    @Test("arguments that do not fit are refused, and an empty title by the rule")
    func arguments() throws {
        for args in [#"{"id":"b1"}"#, #"{"id":7,"title":"Emma"}"#, #"{"id":"b1","title":""}"#] {
            let result = try shelf.push("book.add", args)
            #expect(result.code == "invalid_mutation")
            #expect(result.error?.isEmpty == false)
        }
        let extra = try shelf.push("book.add", #"{"id":"b1","title":"Emma","colour":"red"}"#)
        #expect(extra.isApplied, "members that nobody asked for are left alone")
    }

    @Test("only who has a book may return it")
    func giveBack() throws {
        _ = try shelf.push("book.add", ["id": "b1", "title": "Emma"])
        _ = try shelf.push("book.lend", ["id": "b1", "to": "ann"])
        #expect(try shelf.push("book.return", ["id": "b1"]).code == "forbidden")
        #expect(try shelf.push("book.return", ["id": "b1"], user: "bob").code == "forbidden")
        #expect(try shelf.push("book.return", ["id": "b1"], user: "ann").isApplied)
    }

    @Test("a mutation may write several records, and sees its own and those of others")
    func sort() throws {
        _ = try shelf.push("book.add", #"{"id":"b2","title":"Persuasion"}"#)
        _ = try shelf.push("book.add", #"{"id":"b1","title":"Emma"}"#)
        let result = try shelf.push("shelf.sort", "{}")
        let places: [String: [String]] = try result.record()
        #expect(places == ["books": ["b1", "b2"]])
    }
}
