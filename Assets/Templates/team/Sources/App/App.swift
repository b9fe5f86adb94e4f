// The whole app in one place: what it is made of, in the order in which a request meets it.

import Mizu

/// Declares the app; `run()` it.
/// - Parameter assets: the files below `Assets/`, embedded in the binary.
/// - Throws: `StartError`, one line that says what to do.
public func makeApp(_ configuration: Configuration, assets: Assets) throws -> App {
    let app = try App(configuration, assets: assets)
    let views = try app.views()
    // A scope for each list; who may do what in it is told by the grants in it.
    let sync = try app.sync(ListMutator(), roles: ListMutator.roles)
    // People: the pages below /account, sessions, and `request.user`.
    let accounts = try app.accounts(sync, signUp: .open) { $0.title = "Mizu Team" }
    // Beside passwords, over HTTPS and on localhost.
    app.passkeys(accounts)
    mountPresence(on: app)

    let pages = Pages(views: views, sync: sync, accounts: accounts)
    app.get("/", cost: 4) { (request: OwnedRequest) async throws -> Response in
        try await pages.home(request)
    }
    app.get("/lists/:id", cost: 4) { request in try pages.list(request) }
    app.get("/join/:id") { request in try pages.invitation(request) }

    let forms = Forms(sync: sync, accounts: accounts)
    app.post("/lists") { (request: OwnedRequest) async throws -> Response in
        try await forms.make(request)
    }
    app.post("/lists/:id") { request in try forms.change(request) }
    app.post("/join/:id") { (request: OwnedRequest) async throws -> Response in
        try await forms.join(request)
    }

    app.files("/static", from: "static")
    app.file("/favicon.ico", from: "static/img/favicon.ico")
    // At the root, because a service worker controls what lies below its own path.
    app.file("/sw.js", from: "static/sw.js")
    return app
}

/// Shows who is here, in the topic `here:ID` of each list: it belongs to the list's scope, so who
/// may not read the list has no part in it, and whoever is taken out of the list is gone from it.
private func mountPresence(on app: App) {
    app.live(
        scope: { topic in
            topic.hasPrefix("here:") ? Name.list(String(topic.dropFirst(5))) : nil
        },
        onMessage: { _, request in
            guard case .subscribe(let topic) = request else { return .deny }
            return topic.hasPrefix("here:") ? .allow : .deny
        })
    app.presence { session, _, info in
        guard let user = session.user else { return .deny }
        return .join(PresenceMember(id: user, info: info))
    }
}
