// REST over the same mutations: for scripts and for clients that do not sync.

import Mizu

struct APIHandler: Sendable {
    let sync: Sync

    /// 200 with a page of todos as a JSON array: `?limit=` of them, 1 to 1000 (default 100), behind
    /// `?after=`, and with `?filter=active` or `done` only those. Where there are more, `Link` says
    /// where (RFC 8288). Whoever sends the `ETag` back is told whether anything has changed (304).
    func list(_ request: borrowing Request) throws -> Response {
        let query = request.query
        let limit = Int(query["limit"] ?? "\(TodoPage.todosDefault)") ?? 0
        guard (1...Snapshot.pageRecordsMax).contains(limit) else {
            throw Self.invalid("limit: a number from 1 to \(Snapshot.pageRecordsMax)")
        }
        guard let filter = TodoPage.Filter(rawValue: query["filter"] ?? "all") else {
            throw Self.invalid("filter: all, active or done")
        }
        let after = query["after"]
        let key = Self.place(after, limit, filter)
        return try sync.page(request, scope: AppConfiguration.scope, key: key) { snapshot in
            let page = try TodoPage(of: snapshot, after: after, limit: limit, filter: filter)
            var response = Response.json(Self.array(page.todos))
            response.set("Cache-Control", literal: "no-cache")
            if let next = page.next {
                let place = Self.place(next, limit, filter)
                try response.set("Link", "<\(place)>; rel=\"next\"")
            }
            return response
        }
    }

    /// Where a page of the list is.
    private static func place(_ after: String?, _ limit: Int, _ filter: TodoPage.Filter) -> String {
        let after = after.map { "after=" + PercentCoding.encode($0) + "&" } ?? ""
        let filtered = filter == .all ? "" : "&filter=\(filter.rawValue)"
        return "/api/todos?\(after)limit=\(limit)\(filtered)"
    }

    /// A JSON array of what is stored.
    private static func array(_ todos: [JSONValue]) -> ByteSlice {
        var body = ByteBuffer(capacity: todos.reduce(2) { $0 + $1.bytes.count + 1 })
        body.append(UInt8(ascii: "["))
        for (index, todo) in todos.enumerated() {
            if index > 0 { body.append(UInt8(ascii: ",")) }
            body.append(todo.bytes)
        }
        body.append(UInt8(ascii: "]"))
        return body.finish()
    }

    /// 200 with one todo.
    func show(_ request: borrowing Request) throws -> Response {
        let id = try self.id(request)
        return try sync.read(request, scope: AppConfiguration.scope) { snapshot in
            guard let todo = try snapshot.record(TodoMutator.entity, id: id) else {
                throw HTTPError(.notFound, code: "not_found", message: "no todo \(id)")
            }
            return Self.answer(todo.bytes)
        }
    }

    /// 201 with the new todo and its place. `id` may be given; otherwise one is made.
    func create(_ request: borrowing Request) throws -> Response {
        struct Body: Decodable {
            var id: String?
            var title: String?
        }
        struct Arguments: Encodable { var id, title: String }
        let body: Body = try read(request)
        let id = body.id ?? Intent.orderedID()?.string ?? ""
        let arguments = Arguments(id: id, title: body.title ?? "")
        return try push(request, "todo.create", arguments) { outcome in
            var response = Self.answer(outcome.record?.bytes ?? "{}", status: .created)
            try response.set("Location", "/api/todos/" + PercentCoding.encode(id))
            return response
        }
    }

    /// 200 with the todo as it is now.
    func update(_ request: borrowing Request) throws -> Response {
        struct Body: Decodable {
            var title: String?
            var done: Bool?
        }
        struct Arguments: Encodable {
            var id: String
            var title: String?
            var done: Bool?
        }
        let body: Body = try read(request)
        let arguments = Arguments(id: try id(request), title: body.title, done: body.done)
        return try push(request, "todo.update", arguments) { outcome in
            Self.answer(outcome.record?.bytes ?? "{}")
        }
    }

    /// 204.
    func delete(_ request: borrowing Request) throws -> Response {
        try push(request, "todo.delete", ["id": try id(request)]) { _ in .status(.noContent) }
    }

    // MARK: Parts

    private func push(
        _ request: borrowing Request, _ name: Name, _ arguments: some Encodable,
        _ respond: @escaping @Sendable (MutationOutcome) throws -> Response
    ) throws -> Response {
        let intent = try Intent(name, arguments)
        return try sync.push(request, scope: AppConfiguration.scope, [intent]) { outcomes in
            guard let outcome = outcomes.first else { return .status(.internalServerError) }
            if let error = outcome.error { throw error }
            return try respond(outcome)
        }
    }

    private func id(_ request: borrowing Request) throws -> String {
        guard let id = request.parameter("id") else {
            throw HTTPError(.badRequest, code: "invalid_request", message: "the id is no text")
        }
        return id
    }

    private func read<Body: Decodable>(_ request: borrowing Request) throws -> Body {
        guard request.hasMediaType("application/json") else {
            throw HTTPError(
                .unsupportedMediaType, code: "unsupported_media_type",
                message: "send a body of Content-Type application/json")
        }
        do {
            return try JSON.parse(request.bodySlice()).decode()
        } catch {
            throw HTTPError(.badRequest, code: "invalid_request", message: "\(error)")
        }
    }

    private static func invalid(_ message: String) -> HTTPError {
        HTTPError(.badRequest, code: "invalid_request", message: message)
    }

    private static func answer(_ json: ByteSlice, status: HTTPStatus = .ok) -> Response {
        var response = Response.json(json, status: status)
        response.set("Cache-Control", literal: "no-store")
        return response
    }
}
