// One page of the list, for the HTML page and for the REST interface: at most a hundred to-dos (the
// interface may ask for up to a thousand), so that no list is too long to be shown. Pages come in
// the order of ids, which are made so that they sort by time; within a page the oldest stands
// first.

import Mizu

struct TodoPage: Sendable {
    /// To-dos of a page of the HTML page, and of the interface where it names no number.
    static let todosDefault = 100

    private(set) var todos: [Todo]
    /// What the next page comes after; nil where this is the last.
    let next: String?
    /// What this page comes after; nil for the first.
    let after: String?
    /// Whether every to-do there is was looked at, so that the counts are of all.
    let isWhole: Bool
    /// Of all to-dos where this is the whole list, else of those shown.
    private(set) var count = 0
    private(set) var remaining = 0
    /// The done ones that "Clear done" deletes: a push takes a hundred.
    private(set) var doneIDs: [String] = []

    /// - Parameters:
    ///   - after: what the page before gave as `next`.
    ///   - from: begins with this to-do instead, if it is there.
    ///   - isShown: asked for each to-do that is looked at.
    init(
        of snapshot: borrowing Snapshot, after: String? = nil, from: String? = nil,
        limit: Int = todosDefault, where isShown: (Todo) -> Bool
    ) throws {
        var first: Todo?
        if let from {
            first = try snapshot.record(TodoMutator.entity, id: from)?.decode(Todo.self)
        }
        let start = first?.id ?? after
        var all: [Todo] = []
        let page = try snapshot.page(
            of: TodoMutator.entity, as: Todo.self, after: start, limit: limit
        ) { todo in
            all.append(todo)
            return isShown(todo)
        }
        todos = ((first.map { [$0] } ?? []) + page.records)
            .sorted { ($0.created, $0.id) < ($1.created, $1.id) }
        next = page.next
        self.after = start
        isWhole = start == nil && page.next == nil
        let counted = isWhole ? all : todos
        count = counted.count
        remaining = counted.count { !$0.done }
        doneIDs = counted.filter(\.done).prefix(100).map(\.id)
    }
}
