// The same example's server: who may do what, and a form beside the socket. Compiled, and opened in
// ShelfTests on a database in memory; it never listens.

import Mizu

func makeShelf(_ configuration: Configuration, assets: Assets) throws -> App {
    let app = try App(configuration, assets: assets)
    app.use { request in
        // Whatever says who somebody is: a cookie, a token. Here a field that a proxy in front sets,
        // and that it must take away where a client sends it.
        request.user = request.header("X-User")
        return nil
    }
    let sync = try app.sync(ShelfMutator()) { user, scope, action in
        switch action {
        case .pull, .snapshot, .subscribe: true
        case .push: user != nil && scope == "library"
        }
    }
    let views = try app.views()
    app.get("/books") { request in
        let after = request.query["after"]
        return try sync.page(request, scope: "library", key: after ?? "", for: .everybody) {
            snapshot in
            let page = try snapshot.page(of: "book", after: after)
            let position = try snapshot.position()
            return views.render(
                "books",
                [
                    "books": .rows(page.records), "next": page.next.map { .string($0) } ?? .null,
                    "state": .string("\(position.epoch).\(position.cursor)"),
                ])
        }
    }
    app.post("/books/lend") { request in
        let form = try request.form()
        let arguments = ["id": form["id"] ?? "", "to": form["to"] ?? ""]
        let intent = try Intent("book.lend", id: Intent.id(ofFormIn: request), arguments)
        return try sync.push(request, scope: "library", [intent]) { outcomes in
            if let error = outcomes.first?.error { throw error }
            return .redirect(to: "/books")
        }
    }
    app.post("/books") { request in
        struct Arguments: Encodable { var id, title: String }
        let form = try request.form()
        let arguments = Arguments(id: form["id"] ?? "", title: form["title"] ?? "")
        let intent = try Intent("book.add", id: form["mutation"], arguments)
        return try sync.push(request, scope: "library", [intent]) { outcomes in
            if let error = outcomes.first?.error { throw error }
            return .redirect(to: "/")
        }
    }
    return app
}

/// What a token says, once its signature has been checked: a library's, or the app's own.
struct Claims {
    let user: String
    /// Seconds since 1970.
    let exp: Int64

    init?(_ token: String) { return nil }
}

func mountTokens(on app: App) {
    app.live(
        authenticate: { token in
            guard let claims = Claims(token) else {
                return .refused(code: "unauthenticated", message: "sign in again")
            }
            return .accepted(user: claims.user, until: Expiry(unixSeconds: claims.exp))
        },
        requiresUser: true)
}

func mountCompression(on app: App) {
    app.live(compresses: { topic in topic != "sync:suggestions" })
}
