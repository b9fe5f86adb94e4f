// An app with people, as Tests/Process and Tests/Browser run it: accounts, passkeys, tokens of its
// own, tokens of others where JWKS names a file, and jobs where JOBS is set. What it shows is who a
// request is from.

import Glibc
import Mizu

/// Notes that anybody who is signed in may put into any scope.
struct NoteMutator: Mutator {
    func apply(_ mutation: Mutation, to store: inout Transaction) throws(Rejection) {
        guard mutation.name == "note.put" else { throw .unknownMutation }
        struct Arguments: Decodable { var id: String }
        let arguments: Arguments = try mutation.args.decode()
        try store.put("note", id: arguments.id, ["by": mutation.user?.string])
    }
}

/// - Parameter who: who may read and write: `people` who are signed in, `anyone`, or those with a
///   role, who make a scope by writing to it (`roles`).
func sync(of app: App, _ who: String) throws -> Sync {
    switch who {
    case "anyone": return try app.sync(NoteMutator())
    case "roles":
        let roles = Roles(
            ["owner": .manage, "editor": .write, "reader": .read], creator: "owner")
        return try app.sync(NoteMutator(), roles: roles)
    default: return try app.sync(NoteMutator()) { user, _, _ in user != nil }
    }
}

/// Declares the app.
func makeApp(_ environment: [String: String]) throws -> App {
    let app = try App(try .from(environment: environment), assets: .none)
    let sync = try sync(of: app, environment["WHO"] ?? "people")
    let isEarnest = environment["HASHING"] == "standard"
    let accounts = try app.accounts(sync) { options in
        if !isEarnest { options.hashing = .weakest }
        if environment["SIGN_UP"] == "invitation" { options.signUp = .invitation }
    }
    app.passkeys(accounts)
    let tokens = try app.accessTokens(sync)
    if let path = environment["JWKS"] {
        var rules = JWTRules(issuer: "https://id.example", audience: "people")
        rules.leewaySeconds = 5
        app.authenticate(with: try JWTAuthenticator(keys: path, rules: rules))
    }
    if environment["JOBS"] != nil { declareJobs(on: app, sync) }
    app.get("/me") { request in .text(request.user ?? "nobody") }
    app.get("/") { request in .text("Hello, \(request.user ?? "nobody")") }
    // The same answer by a handler that might wait: Tests/Measure/bench_people.py compares them.
    app.get("/plain") { _ in .text("Hello, World!") }
    app.get("/waiting") { (_: OwnedRequest) async throws -> Response in .text("Hello, World!") }
    app.get("/favicon.ico") { _ in .status(.noContent) }
    app.post("/tokens") { (request: OwnedRequest) async throws -> Response in
        guard let user = request.user else { return .notFound }
        return .text(try await tokens.create(for: user, name: "a script").token.text)
    }
    app.get("/tokens") { (request: OwnedRequest) async throws -> Response in
        guard let user = request.user else { return .notFound }
        return .text("\(try await tokens.list(of: user).count)")
    }
    app.delete("/tokens") { (request: OwnedRequest) async throws -> Response in
        guard let user = request.user else { return .notFound }
        try await tokens.revokeAll(of: user)
        return .text("revoked")
    }
    app.get("/invitation") { _ in .text(accounts.invitation()) }
    return app
}

/// A seed, a job that ticks, one that fails, and one that never comes to an end.
func declareJobs(on app: App, _ sync: Sync) {
    struct Fault: Error {}
    app.atStart("seed") {
        let seed = try Intent("note.put", id: "seed", ["id": "seed"])
        try await sync.push(as: .server, scope: "jobs", [seed])
    }
    app.every(.seconds(1), "ticks") {
        let count = try await sync.read("ticks") { try $0.records("note").count }
        let tick = try Intent("note.put", ["id": "tick-\(count)"])
        try await sync.push(as: .server, scope: "ticks", [tick])
    }
    app.every(.seconds(1), "fails") { throw Fault() }
    app.every(.seconds(1), "waits") { try await Task.sleep(for: .seconds(86_400)) }
}

do {
    try makeApp(Configuration.processEnvironment()).run()
} catch {
    StandardErrorLog.say("\(error)")
    exit(1)
}
