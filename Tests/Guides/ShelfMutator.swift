// The example of Assets/Guides/mutators.md, whole: what the guide shows piece by piece is compiled
// and tried here, and Tests/Process/test_guides.py holds each piece of the guide to this text.

import Mizu

struct Book: Codable, Sendable {
    var id: String
    var title: String
    /// Who has it; nil while it stands on the shelf.
    var reader: String?
    /// RFC 3339, UTC.
    var added: String
}

struct ShelfMutator: Mutator {
    static let book: Name = "book"

    func apply(_ mutation: Mutation, to store: inout Transaction) throws(Rejection) {
        switch mutation.name {
        case "book.add": try add(mutation, &store)
        case "book.lend": try lend(mutation, &store)
        case "book.return": try giveBack(mutation, &store)
        case "shelf.sort": try sort(&store)
        default: throw .unknownMutation
        }
    }

    private func add(_ mutation: Mutation, _ store: inout Transaction) throws(Rejection) {
        struct Arguments: Decodable {
            var id: String
            var title: String
        }
        let arguments: Arguments = try mutation.args.decode()
        guard !arguments.title.isEmpty else { throw .invalid("title: a book has one") }
        try store.create(
            Self.book, id: arguments.id,
            Book(id: arguments.id, title: arguments.title, reader: nil, added: mutation.time))
    }

    private func lend(_ mutation: Mutation, _ store: inout Transaction) throws(Rejection) {
        struct Arguments: Decodable {
            var id: String
            var to: String
        }
        let arguments: Arguments = try mutation.args.decode()
        guard var book = try store.get(Self.book, id: arguments.id, as: Book.self) else {
            throw .notFound
        }
        if let reader = book.reader, reader != arguments.to {
            throw Rejection(code: "lent_already", message: "\(reader) has it")
        }
        book.reader = arguments.to
        try store.update(Self.book, id: book.id, book)
    }

    private func giveBack(_ mutation: Mutation, _ store: inout Transaction) throws(Rejection) {
        struct Arguments: Decodable { var id: String }
        let arguments: Arguments = try mutation.args.decode()
        guard var book = try store.get(Self.book, id: arguments.id, as: Book.self) else {
            throw .notFound
        }
        // Whoever brings it back: only who has it may, and nobody is nobody.
        guard book.reader == mutation.user?.string else { throw .forbidden }
        book.reader = nil
        try store.update(Self.book, id: book.id, book)
    }

    /// One mutation, several records: all of it becomes durable, or nothing.
    private func sort(_ store: inout Transaction) throws(Rejection) {
        struct Place: Codable { var books: [String] }
        let books = try store.list(Self.book)
        try store.put("place", id: "shelf", Place(books: books.map(\.id.string)))
    }
}
