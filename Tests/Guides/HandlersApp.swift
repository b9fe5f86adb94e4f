// The code of the guide to handlers (Assets/Guides/handlers.md), compiled; nothing runs it.

import Mizu

private struct Weather: Sendable {
    func report(for city: String) async throws -> String { "fair in \(city)" }
}

private struct Sessions: Sendable {
    func user(of token: String?) async throws -> String? { token }
}

private struct SessionTable: Sendable {
    func user(of token: String) -> String? { token.isEmpty ? nil : token }
}

private struct Invoice: Codable, Sendable {
    var isPaid: Bool
    var isOverdue: Bool { !isPaid }
}

private struct Event: Codable, Sendable { var title: String }

private func mail(_ events: [Event]) async throws {}

private func handlersThatWait(_ app: App, _ views: Views, _ sync: Sync, _ weather: Weather) {
    app.get("/weather/:city") { request async throws -> Response in
        let report = try await weather.report(for: request.parameter("city") ?? "")
        return views.render("weather", ["report": .string(report)])
    }
    app.post("/orders") { request async throws -> Response in
        let form = try request.form()
        let price = try await sync.read(request, scope: "catalogue") { snapshot in
            try snapshot.record("product", id: form["product"] ?? "")
        }
        guard price != nil else { return .notFound }
        let intent = try Intent(
            "order.place", id: form["mutation"], ["product": form["product"] ?? ""])
        let outcomes = try await sync.push(request, [intent])
        if let error = outcomes.first?.error { throw error }
        return .redirect(to: "/orders")
    }
}

private func middlewareThatWaits(_ app: App, _ sessions: Sessions, _ cache: SessionTable) {
    app.use { (request: OwnedRequest) async throws -> Response? in
        request.user = try await sessions.user(of: request.cookie("session"))
        return nil
    }
    app.use(
        quick: { request in  // plain, on the worker, at once
            guard let token = request.cookie("session") else { return .pass }
            guard let user = cache.user(of: token) else { return .wait }
            request.user = user
            return .pass  // or .answer(response)
        },
        waiting: { request in  // only after .wait
            request.user = try await sessions.user(of: request.cookie("session"))
            return nil
        })
}

private func dataFromAnywhere(_ app: App, _ sync: Sync, intents: [Intent]) async throws {
    let overdue = try await sync.read("invoices") { snapshot in
        try snapshot.records("invoice", as: Invoice.self).filter(\.isOverdue)
    }
    let outcomes = try await sync.push(as: .server, scope: "invoices", intents)
    _ = (overdue, outcomes)
}

private func jobs(_ app: App, _ sync: Sync, seeds: [Intent]) {
    app.every(.hours(1), "reminders") {
        let due = try await sync.read("calendar") { try $0.records("event", as: Event.self) }
        try await mail(due)
    }
    app.atStart("seed") { try await sync.push(as: .server, scope: "catalogue", seeds) }
}
