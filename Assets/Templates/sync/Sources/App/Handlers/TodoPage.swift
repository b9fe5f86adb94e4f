// One page of the list, for the HTML page and for the REST interface: at most a hundred to-dos (the
// interface may ask for up to a thousand), so that no list is too long to be shown. Pages come in
// the order of ids, which are made so that they sort by time; within a page the oldest stands
// first. To-dos stay the JSON that is stored: what is shown or sent is read from there.

import Mizu

struct TodoPage: Sendable {
    /// To-dos of a page of the HTML page, and of the interface where it names no number.
    static let todosDefault = 100

    /// Which to-dos are wanted.
    enum Filter: String {
        case all, active, done

        func shows(done: Bool) -> Bool { self == .all || (self == .done) == done }
    }

    private(set) var todos: [JSONValue]
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
    init(
        of snapshot: borrowing Snapshot, after: String? = nil, from: String? = nil,
        limit: Int = todosDefault, filter: Filter
    ) throws {
        let first = try from.flatMap { try snapshot.record(TodoMutator.entity, id: $0) }
        let start = first?.member("id")?.string ?? after
        var (seen, remaining) = (0, 0)
        var seenDone: [String] = []
        func look(at todo: JSONValue) -> Bool {
            let isDone = todo.member("done")?.bool == true
            seen += 1
            if !isDone { remaining += 1 }
            if isDone, seenDone.count < 100, let id = todo.member("id")?.string {
                seenDone.append(id)
            }
            return isDone
        }
        let page = try snapshot.page(
            of: TodoMutator.entity, after: start, limit: limit
        ) { todo in
            filter.shows(done: look(at: todo))
        }
        todos = Self.oldestFirst((first.map { [$0] } ?? []) + page.records)
        next = page.next
        self.after = start
        isWhole = start == nil && page.next == nil
        if !isWhole {
            (seen, remaining, seenDone) = (0, 0, [])
            for todo in todos { _ = look(at: todo) }
        }
        (count, self.remaining, doneIDs) = (seen, remaining, seenDone)
    }

    /// By time, then by id: nearly always the order in which they come.
    private static func oldestFirst(_ todos: [JSONValue]) -> [JSONValue] {
        let times = todos.map { $0.member("created")?.bytes ?? .empty }
        let isInOrder = zip(times, times.dropFirst()).allSatisfy { !isBefore($1, $0) }
        guard !isInOrder else { return todos }
        // Stable, so that those of one time stay in the order of their ids.
        return zip(times, todos).enumerated().sorted { left, right in
            let (a, b) = (left.element.0, right.element.0)
            return a == b ? left.offset < right.offset : isBefore(a, b)
        }.map(\.element.1)
    }

    private static func isBefore(_ left: ByteSlice, _ right: ByteSlice) -> Bool {
        left.withUnsafeBytes { a in right.withUnsafeBytes { b in a.lexicographicallyPrecedes(b) } }
    }
}
