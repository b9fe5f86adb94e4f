// What the app's mutations do. The same intent may come from the page, from a plain form or from
// the REST interface; it is applied here, once, whichever way it came.

import Mizu

/// A todo as it is stored and sent.
struct Todo: Codable, Sendable {
    var id: String
    var title: String
    var done: Bool
    /// RFC 3339, UTC.
    var created: String
}

struct TodoMutator: Mutator {
    static let entity: Name = "todo"

    func apply(_ mutation: Mutation, to store: inout Transaction) throws(Rejection) {
        switch mutation.name {
        case "todo.create": try create(mutation, &store)
        case "todo.update": try update(mutation, &store)
        case "todo.toggle": try toggle(mutation, &store)
        case "todo.delete": try delete(mutation, &store)
        default: throw .unknownMutation
        }
    }

    private func create(
        _ mutation: Mutation, _ store: inout Transaction
    ) throws(Rejection) {
        struct Arguments: Decodable {
            var id: String
            var title: String
        }
        let arguments: Arguments = try mutation.args.decode()
        let todo = Todo(
            id: arguments.id, title: try checked(arguments.title), done: false,
            created: mutation.time)
        try store.create(Self.entity, id: todo.id, todo)
    }

    private func update(
        _ mutation: Mutation, _ store: inout Transaction
    ) throws(Rejection) {
        struct Arguments: Decodable {
            var id: String
            var title: String?
            var done: Bool?
        }
        let arguments: Arguments = try mutation.args.decode()
        var todo = try existing(arguments.id, &store)
        if let title = arguments.title { todo.title = try checked(title) }
        if let done = arguments.done { todo.done = done }
        try store.update(Self.entity, id: todo.id, todo)
    }

    private func toggle(
        _ mutation: Mutation, _ store: inout Transaction
    ) throws(Rejection) {
        struct Arguments: Decodable {
            var id: String
            /// What it shall be. Without it the state is turned round, which two people who tick
            /// the same todo at once would not want.
            var done: Bool?
        }
        let arguments: Arguments = try mutation.args.decode()
        var todo = try existing(arguments.id, &store)
        todo.done = arguments.done ?? !todo.done
        try store.update(Self.entity, id: todo.id, todo)
    }

    private func delete(
        _ mutation: Mutation, _ store: inout Transaction
    ) throws(Rejection) {
        struct Arguments: Decodable { var id: String }
        let arguments: Arguments = try mutation.args.decode()
        try store.delete(Self.entity, id: arguments.id)
    }

    private func existing(_ id: String, _ store: inout Transaction) throws(Rejection) -> Todo {
        guard let todo = try store.get(Self.entity, id: id, as: Todo.self) else {
            throw .notFound
        }
        return todo
    }

    /// The title without the white space around it; 1 to 500 characters (Unicode scalars, which
    /// the page counts the same way).
    private func checked(_ title: String) throws(Rejection) -> String {
        let scalars = title.unicodeScalars
        let isSpace = { (scalar: Unicode.Scalar) in scalar.properties.isWhitespace }
        guard let first = scalars.firstIndex(where: { !isSpace($0) }),
            let last = scalars.lastIndex(where: { !isSpace($0) })
        else { throw .invalid("title: write at least one character") }
        let trimmed = scalars[first...last]
        guard title.utf8.count <= 500 || trimmed.count <= 500 else {
            throw .invalid("title: at most 500 characters, not \(trimmed.count)")
        }
        return String(trimmed)
    }
}
