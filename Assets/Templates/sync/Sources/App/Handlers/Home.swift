// The page: all of the app for a browser without JavaScript, and the first paint for one with it.
// It depends on the list and on its address alone, so it is made once for each state of the list
// and sent to everybody (`sync.page`). What its forms do is in Forms.swift.

import Mizu

struct HomeHandler: Sendable {
    let views: Views
    let sync: Sync

    func show(_ request: borrowing Request) throws -> Response {
        let query = request.query
        // The copy that a service worker keeps is nobody's: it has no data, and costs no read.
        if query["shell"] != nil { return views.render("home", Self.shell) }
        let place = PagePlace(query)
        let views = self.views
        return try sync.page(
            request, scope: AppConfiguration.scope, key: place.address
        ) { snapshot in
            let list = try TodoPage(
                of: snapshot, after: place.after, from: place.from, filter: place.filter)
            return views.render("home", Self.page(list, place, try snapshot.position()))
        }
    }

    private static let shell: ViewValue = [
        "scope": .string(AppConfiguration.scope.string), "shell": true, "count": 0,
        "remaining": 0, "filter": .string(TodoPage.Filter.all.rawValue), "filter_all": true,
    ]

    private static func page(
        _ list: TodoPage, _ place: PagePlace, _ position: Position
    ) -> ViewValue {
        let (filter, here) = (place.filter, PagePlace(filter: place.filter))
        return [
            "scope": .string(AppConfiguration.scope.string),
            "todos": .rows(list.todos), "count": ViewValue(list.count),
            "remaining": ViewValue(list.remaining),
            "has_done": .bool(!list.doneIDs.isEmpty),
            "done_ids": .list(list.doneIDs.map { .string($0) }),
            "filter": .string(filter.rawValue),
            "filter_all": .bool(filter == .all), "filter_active": .bool(filter == .active),
            "filter_done": .bool(filter == .done),
            "after": list.after.map { .string($0) } ?? .null,
            "is_part": .bool(!list.isWhole),
            "is_empty": .bool(list.todos.isEmpty), "empty_text": .string(emptyText(list, filter)),
            "first_page": list.after.map { _ in .string(here.address) } ?? .null,
            "next_page": list.next.map { .string(here.going(after: $0).address) } ?? .null,
            // Which state of the list the forms are made of (Forms.swift).
            "state": .string("\(position.epoch).\(position.cursor)"),
            "cursor": ViewValue(position.cursor),
            "error": place.problemText.map { .string($0) } ?? .null,
        ]
    }

    /// What stands in place of the list where it is empty; the same words as todo-list-view.js.
    private static func emptyText(_ list: TodoPage, _ filter: TodoPage.Filter) -> String {
        guard list.isWhole else { return "There is nothing of this kind on this page." }
        guard list.count > 0 else { return "Nothing to do yet. Add the first one above." }
        return filter == .active ? "Nothing left to do. Well done." : "Nothing is done yet."
    }
}

/// Where a page of the list is: all that the page depends on beside the list.
struct PagePlace: Sendable {
    var filter = TodoPage.Filter.all
    var after: String?
    var from: String?
    /// Why a form was refused.
    var problem: String?

    init(filter: TodoPage.Filter = .all, after: String? = nil) {
        self.filter = filter
        self.after = after
    }

    /// Of an address, or of a form that says where it was.
    init(_ pairs: QueryPairs) {
        filter = TodoPage.Filter(rawValue: pairs["filter"] ?? "") ?? .all
        after = pairs["after"]
        from = pairs["from"]
        problem = pairs["problem"]
    }

    func going(after id: String) -> PagePlace { PagePlace(filter: filter, after: id) }

    func going(from id: String) -> PagePlace {
        var next = PagePlace(filter: filter)
        next.from = id
        return next
    }

    func telling(_ problem: String?) -> PagePlace {
        var next = self
        next.problem = problem
        return next
    }

    /// The one address of this page.
    var address: String {
        var query: [String] = []
        if filter != .all { query.append("filter=\(filter.rawValue)") }
        if let after { query.append("after=" + PercentCoding.encode(after)) }
        if let from { query.append("from=" + PercentCoding.encode(from)) }
        if let problem { query.append("problem=" + PercentCoding.encode(problem)) }
        return query.isEmpty ? "/" : "/?" + query.joined(separator: "&")
    }

    /// What a refused form is told, by the code that its redirect carries: nothing that somebody
    /// else's link could put into the page.
    var problemText: String? {
        switch problem {
        case nil: nil
        case "invalid_mutation": "A to-do needs a title of 1 to 500 characters."
        case "not_found": "That to-do is no longer there."
        case "id_reused", "conflict": "This page was out of date. Here is the current list."
        default: "That could not be saved. Please try again."
        }
    }
}
