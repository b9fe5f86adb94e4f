// An app with people, as Tests/Process and Tests/Browser run it: accounts, passkeys, tokens of its
// own, and tokens of others where JWKS names a file. What it shows is who a request is from.

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

/// Declares the app.
func makeApp(_ environment: [String: String]) throws -> App {
    let app = try App(try .from(environment: environment), assets: .none)
    let sync = try app.sync(NoteMutator()) { user, _, _ in user != nil }
    let accounts = try app.accounts(sync, sendsReset: nil) { $0.hashing = .weakest }
    app.passkeys(accounts)
    let tokens = try app.accessTokens(sync, of: accounts)
    if let path = environment["JWKS"] {
        var rules = JWTRules(issuer: "https://id.example", audience: "people")
        rules.leewaySeconds = 5
        app.authenticate(with: try JWTAuthenticator(keys: path, rules: rules))
    }
    app.get("/me") { request in .text(request.user ?? "nobody") }
    app.get("/") { request in .text("Hello, \(request.user ?? "nobody")") }
    app.get("/favicon.ico") { _ in .status(.noContent) }
    app.post("/tokens") { (request: OwnedRequest) async throws -> Response in
        guard let user = request.user else { return .notFound }
        return .text(try await tokens.create(for: user, name: "a script").token.text)
    }
    return app
}

do {
    try makeApp(Configuration.processEnvironment()).run()
} catch {
    StandardErrorLog.say("\(error)")
    exit(1)
}
