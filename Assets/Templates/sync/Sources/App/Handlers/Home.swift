// The page and its plain forms: all of the app for a browser without JavaScript, and the first
// paint for one with it. Each form carries a mutation id made with the page, so a form that is
// sent twice does its work once.

import Mizu

struct HomeHandler: Sendable {
    let views: Views
    let sync: Sync

    private enum Filter: String {
        case all, active, done
    }

    // MARK: The page

    func show(_ request: borrowing Request) throws -> Response {
        let query = request.query
        // The copy that a service worker keeps is nobody's: it has no data, and costs no read.
        if query["shell"] != nil { return views.render("home", Self.shell) }
        let filter = Filter(rawValue: query["filter"] ?? "") ?? .all
        let problem = Self.problem(query["problem"])
        let (after, from) = (query["after"], query["from"])
        let views = self.views
        return try sync.read(request, scope: AppConfiguration.scope) { snapshot in
            let list = try TodoPage(of: snapshot, after: after, from: from) { todo in
                filter == .all || (filter == .done) == todo.done
            }
            return views.render("home", Self.page(list, filter, problem))
        }
    }

    private static let shell: ViewValue = [
        "scope": .string(AppConfiguration.scope.string), "shell": true, "count": 0,
        "remaining": 0, "filter": .string(Filter.all.rawValue), "filter_all": true,
    ]

    private static func page(
        _ list: TodoPage, _ filter: Filter, _ problem: String?
    ) -> ViewValue {
        // One random name for the page; each form on it adds its own ending.
        let page = Intent.freshID()?.string ?? ""
        let items = list.todos.enumerated().map { index, todo -> ViewValue in
            [
                "id": .string(todo.id), "title": .string(todo.title), "done": .bool(todo.done),
                "created": .string(todo.created),
                "mutation_toggle": .string("\(page).t\(index)"),
                "mutation_edit": .string("\(page).e\(index)"),
                "mutation_delete": .string("\(page).d\(index)"),
            ]
        }
        return [
            "scope": .string(AppConfiguration.scope.string),
            "todos": .list(items), "count": ViewValue(list.count),
            "remaining": ViewValue(list.remaining),
            "has_done": .bool(!list.doneIDs.isEmpty),
            "done_ids": .list(list.doneIDs.map { .string($0) }),
            "filter": .string(filter.rawValue),
            "filter_all": .bool(filter == .all), "filter_active": .bool(filter == .active),
            "filter_done": .bool(filter == .done),
            "after": list.after.map { .string($0) } ?? .null,
            "is_part": .bool(!list.isWhole),
            "is_empty": .bool(list.todos.isEmpty), "empty_text": .string(emptyText(list, filter)),
            "first_page": list.after.map { _ in .string(address(filter)) } ?? .null,
            "next_page": list.next.map { .string(address(filter, after: $0)) } ?? .null,
            "new_id": .string(Intent.orderedID()?.string ?? ""),
            "mutation_create": .string("\(page).c"),
            "mutation_clear": .string("\(page).x"),
            "error": problem.map { .string($0) } ?? .null,
        ]
    }

    /// What stands in place of the list where it is empty; the same words as todo-list-view.js.
    private static func emptyText(_ list: TodoPage, _ filter: Filter) -> String {
        guard list.isWhole else { return "There is nothing of this kind on this page." }
        guard list.count > 0 else { return "Nothing to do yet. Add the first one above." }
        return filter == .active ? "Nothing left to do. Well done." : "Nothing is done yet."
    }

    /// Where a page of the list is.
    private static func address(
        _ filter: Filter, after: String? = nil, from: String? = nil, problem: String? = nil
    ) -> String {
        var query: [String] = []
        if filter != .all { query.append("filter=\(filter.rawValue)") }
        if let after { query.append("after=" + PercentCoding.encode(after)) }
        if let from { query.append("from=" + PercentCoding.encode(from)) }
        if let problem { query.append("problem=\(problem)") }
        return query.isEmpty ? "/" : "/?" + query.joined(separator: "&")
    }

    /// What a refused form is told, by the code that its redirect carries: nothing that somebody
    /// else's link could put into the page.
    private static func problem(_ code: String?) -> String? {
        switch code {
        case nil: nil
        case "invalid_mutation": "A to-do needs a title of 1 to 500 characters."
        case "not_found": "That to-do is no longer there."
        case "id_reused", "conflict": "This page was out of date. Here is the current list."
        default: "That could not be saved. Please try again."
        }
    }

    // MARK: The forms

    func create(_ request: borrowing Request) throws -> Response {
        struct Arguments: Encodable { var id, title: String }
        let form = try request.form()
        let arguments = Arguments(
            id: form["id"] ?? Intent.orderedID()?.string ?? "", title: form["title"] ?? "")
        // Where the list has several pages, the one that begins with the new to-do is shown.
        return try push(
            request, form, [Intent("todo.create", id: form["mutation"], arguments)],
            showing: form["part"] == nil ? nil : arguments.id)
    }

    func toggle(_ request: borrowing Request) throws -> Response {
        struct Arguments: Encodable {
            var id: String
            var done: Bool
        }
        let form = try request.form()
        // A checkbox that is not ticked is not sent.
        let arguments = Arguments(id: form["id"] ?? "", done: form["done"] == "true")
        return try push(
            request, form, [Intent("todo.toggle", id: form["mutation"], arguments)])
    }

    func edit(_ request: borrowing Request) throws -> Response {
        struct Arguments: Encodable { var id, title: String }
        let form = try request.form()
        let arguments = Arguments(id: form["id"] ?? "", title: form["title"] ?? "")
        return try push(
            request, form, [Intent("todo.update", id: form["mutation"], arguments)])
    }

    func delete(_ request: borrowing Request) throws -> Response {
        let form = try request.form()
        return try push(
            request, form, [Intent("todo.delete", id: form["mutation"], ["id": form["id"] ?? ""])])
    }

    /// Deletes what the page showed as done; what was ticked since then stays.
    func clearDone(_ request: borrowing Request) throws -> Response {
        let form = try request.form()
        let page = form["mutation"]
        let intents = try form.all("id").prefix(100).enumerated().map { index, id in
            try Intent("todo.delete", id: page.map { "\($0)\(index)" }, ["id": id])
        }
        guard !intents.isEmpty else { return Self.back(to: form, problem: nil) }
        // Somebody else may have deleted some of them already: that is what was wanted.
        return try sync.push(request, scope: AppConfiguration.scope, intents) { _ in
            Self.back(to: form, problem: nil)
        }
    }

    private func push(
        _ request: borrowing Request, _ form: QueryPairs, _ intents: [Intent],
        showing id: String? = nil
    ) throws -> Response {
        try sync.push(request, scope: AppConfiguration.scope, intents) { outcomes in
            let error = outcomes.compactMap(\.error).first
            // Not decided is not refused: the browser's own "try again" sends the same form.
            if let error, error.status.code >= 500 { return Response(error) }
            return Self.back(to: form, problem: error?.code, showing: error == nil ? id : nil)
        }
    }

    /// 303 to the page that the form was on.
    private static func back(
        to form: QueryPairs, problem: String?, showing id: String? = nil
    ) -> Response {
        let filter = Filter(rawValue: form["filter"] ?? "") ?? .all
        let after = id == nil ? form["after"].flatMap { $0.isEmpty ? nil : $0 } : nil
        return .redirect(to: address(filter, after: after, from: id, problem: problem))
    }
}
