// What the guide to mutators says of its example, tried: refusals, who may do what, one outcome for
// one id, all or nothing.

import Mizu
import Testing

@Suite("The shelf of the guide to mutators")
struct ShelfTests {
    private let shelf = MutatorBench(ShelfMutator())

    @Test("a book is lent to one reader at a time")
    func lend() throws {
        _ = try shelf.push("book.add", #"{"id":"b1","title":"Emma"}"#)
        let first = try shelf.push("book.lend", #"{"id":"b1","to":"ann"}"#)
        #expect(first.member("ok")?.bool == true)
        let second = try shelf.push("book.lend", #"{"id":"b1","to":"bob"}"#)
        #expect(second.member("code")?.string == "lent_already")
        // Who asks again for what is so already is told that it is so.
        let again = try shelf.push("book.lend", #"{"id":"b1","to":"ann"}"#)
        #expect(again.member("ok")?.bool == true)
    }

    @Test("arguments that do not fit are refused, and an empty title by the rule")
    func arguments() throws {
        for args in [#"{"id":"b1"}"#, #"{"id":7,"title":"Emma"}"#, #"{"id":"b1","title":""}"#] {
            let result = try shelf.push("book.add", args)
            #expect(result.member("code")?.string == "invalid_mutation")
            #expect(result.member("error")?.string?.isEmpty == false)
        }
        let extra = try shelf.push("book.add", #"{"id":"b1","title":"Emma","colour":"red"}"#)
        #expect(extra.member("ok")?.bool == true, "members that nobody asked for are left alone")
    }

    @Test("only who has a book may return it: here nobody is signed in")
    func giveBack() throws {
        _ = try shelf.push("book.add", #"{"id":"b1","title":"Emma"}"#)
        _ = try shelf.push("book.lend", #"{"id":"b1","to":"ann"}"#)
        let result = try shelf.push("book.return", #"{"id":"b1"}"#)
        #expect(result.member("code")?.string == "forbidden")
    }

    @Test("a mutation may write several records, and sees its own and those of others")
    func sort() throws {
        _ = try shelf.push("book.add", #"{"id":"b2","title":"Persuasion"}"#)
        _ = try shelf.push("book.add", #"{"id":"b1","title":"Emma"}"#)
        let result = try shelf.push("shelf.sort", "{}")
        let change = try #require(result.member("changes")?.elements.first { _ in true })
        let books = try #require(change.member("data")?.member("books"))
        #expect(books.elements.map { $0.string } == ["b1", "b2"])
    }

    @Test("the app of the guide opens")
    func app() throws {
        var configuration = try Configuration.from(environment: ["DATABASE_URL": "memory:"])
        configuration.workers = 1
        _ = try makeShelf(configuration, assets: .none)
    }
}
