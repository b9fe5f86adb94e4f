// The page's plain forms. A form says which state of the list it was made of, and that is all that
// is special about it: the page is the same for everybody. The id of its mutation is made here, of
// the whole form and of who sends it, so a form that is sent twice does its work once.

import Mizu

struct FormsHandler: Sendable {
    let sync: Sync

    func create(_ request: borrowing Request) throws -> Response {
        struct Arguments: Encodable { var id, title: String }
        let form = try request.form()
        let arguments = Arguments(
            id: form["id"] ?? Intent.orderedID()?.string ?? "", title: form["title"] ?? "")
        let intent = try Intent("todo.create", id: Self.id(request, form["mutation"]), arguments)
        let (place, isPart) = (Self.place(form), form["part"] != nil)
        return try push(request, [intent]) { error in
            // Where the list has several pages, the one that begins with the new to-do is shown.
            if isPart, error == nil { return place.going(from: arguments.id) }
            // If the id is known, this very form came before, and its to-do has another id.
            return place.telling(error == "id_reused" ? nil : error)
        }
    }

    /// The form of one to-do. Its buttons are named for what they do; the one that has no name, and
    /// the Enter key, save the title.
    func change(_ request: borrowing Request) throws -> Response {
        struct Tick: Encodable {
            var id: String
            var done: Bool
        }
        struct Title: Encodable { var id, title: String }
        let form = try request.form()
        // The cursor of the list's state, a dot, and the to-do's id.
        let made = form["id"] ?? ""
        let id = String(made.drop { $0 != "." }.dropFirst())
        let mutation = Self.id(request, made)
        let intent =
            if form["delete"] != nil {
                try Intent("todo.delete", id: mutation, ["id": id])
            } else if form["tick"] != nil {
                // A checkbox that is not ticked is not sent.
                try Intent("todo.toggle", id: mutation, Tick(id: id, done: form["done"] != nil))
            } else {
                try Intent("todo.update", id: mutation, Title(id: id, title: form["title"] ?? ""))
            }
        let place = PagePlace(request.query)
        return try push(request, [intent]) { error in place.telling(error) }
    }

    /// Deletes what the page showed as done; what was ticked since then stays.
    func clearDone(_ request: borrowing Request) throws -> Response {
        let form = try request.form()
        let page = Self.id(request, form["mutation"])
        let intents = try form.all("id").prefix(100).enumerated().map { index, id in
            try Intent("todo.delete", id: page.map { "\($0)\(index)" }, ["id": id])
        }
        let place = Self.place(form)
        guard !intents.isEmpty else { return .redirect(to: place.address) }
        // Somebody else may have deleted some of them already: that is what was wanted.
        return try push(request, intents) { _ in place }
    }

    // MARK: Parts

    /// The id of the form's mutation; nil, which means a fresh one, if the form does not say what
    /// state it was made of.
    private static func id(_ request: borrowing Request, _ state: String?) -> String? {
        state == nil ? nil : Intent.id(ofFormIn: request)
    }

    private static func place(_ form: QueryPairs) -> PagePlace {
        PagePlace(
            filter: TodoPage.Filter(rawValue: form["filter"] ?? "") ?? .all,
            after: form["after"].flatMap { $0.isEmpty ? nil : $0 })
    }

    /// Pushes, and answers with 303 to where `next` says, given the code of the first refusal.
    private func push(
        _ request: borrowing Request, _ intents: [Intent],
        _ next: @escaping @Sendable (_ error: String?) -> PagePlace
    ) throws -> Response {
        try sync.push(request, scope: AppConfiguration.scope, intents) { outcomes in
            let error = outcomes.compactMap(\.error).first
            // Not decided is not refused: the browser's own "try again" sends the same form.
            if let error, error.status.code >= 500 { return Response(error) }
            return .redirect(to: next(error?.code).address)
        }
    }
}
