// What the guide to testing shows: the shelf as its clients meet it, in one process and no time.

import Mizu
import MizuTesting
import Testing

@Suite("The shelf of the guide to testing")
struct ShelfAppTests {
    @Test("a reader lends a book by a form, and the page says so")
    func lend() async throws {
        let app = try TestApp { try makeShelf($0, assets: shelfViews()) }
        let added = try await app.push(
            "book.add", ["id": "b1", "title": "Emma"], as: "ann", scope: "library")
        #expect(added.isApplied)
        let lent = try await app.post("/books/lend", form: ["id": "b1", "to": "bob"], as: "bob")
        #expect(lent.status == 303 && lent.location == "/books")
        let page = try await app.get("/books")
        #expect(page.status == 200)
        #expect(page.text.contains("Emma: bob"))
    }

    @Test("nobody in particular may look, and not write")
    func permission() async throws {
        let app = try TestApp { try makeShelf($0, assets: shelfViews()) }
        let push = try await app.push("shelf.sort", [String: String](), scope: "library")
        #expect(push.status == 403 && push.code == "scope_denied")
        #expect(try await app.pull(scope: "library").status == 200)
    }

    @Test("whoever is subscribed sees what others do")
    func live() async throws {
        let app = try TestApp { try makeShelf($0, assets: shelfViews()) }
        let socket = try await app.socket(as: "bob")
        #expect(try await socket.subscribe("sync:library").type == "ack")
        let book = ["id": "b1", "title": "Emma"]
        _ = try await app.push("book.add", book, as: "ann", scope: "library")
        #expect(try await socket.next().type == "sync")
        let books = try await app.pull(as: "bob", scope: "library").records(
            of: "book", as: Book.self)
        #expect(books.mapValues(\.title) == ["b1": "Emma"])
    }

    @Test("a book that was added in the night says when")
    func time() async throws {
        let app = try TestApp { try makeShelf($0, assets: shelfViews()) }
        try await app.advance(.seconds(3 * 3600))
        let added = try await app.push(
            "book.add", ["id": "b1", "title": "Emma"], as: "ann", scope: "library")
        #expect(try added.record(Book.self).added == "2026-01-01T03:00:00.000Z")
    }

    /// A page for the guide's example.
    private func shelfViews() -> Assets {
        Assets([
            "views/pages/books.html": "{{#books}}<p>{{title}}: {{reader}}</p>{{/books}}"
        ])
    }
}
