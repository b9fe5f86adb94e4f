// What the guide "People and permissions" shows of tokens. Compiled, and run by `TokenAppTests`.

import Mizu

struct PutMutator: Mutator {
    func apply(_ mutation: Mutation, to store: inout Transaction) throws(Rejection) {
        struct Arguments: Decodable { var id: String }
        let arguments: Arguments = try mutation.args.decode()
        try store.put("note", id: arguments.id, ["by": mutation.user?.string])
    }
}

func takeTokensOfOthers(_ app: App, keys path: String) throws {
    let jwt = try JWTAuthenticator(
        keys: path, issuer: "https://id.example", audience: "https://shop.example")
    app.authenticate(with: jwt)
}

func takeStrictTokens(_ app: App, keys path: String) throws {
    var rules = JWTRules(issuer: "https://id.example", audience: "https://shop.example")
    rules.userClaim = "preferred_username"
    rules.types = ["at+jwt"]  // access tokens (RFC 9068), and no other kind
    rules.requiresType = true
    rules.leewaySeconds = 5
    app.authenticate(with: try JWTAuthenticator(keys: path, rules: rules))
}

func giveTokens(_ app: App, _ sync: Sync) throws -> AccessTokens {
    let tokens = try app.accessTokens(sync)
    app.post("/tokens") { (request: OwnedRequest) async throws -> Response in
        // Not by another token: `credential` says what proved the user.
        guard let user = request.user, request.credential?.hasPrefix("token:") != true else {
            throw HTTPError(.unauthorized, code: "unauthenticated", message: "sign in first")
        }
        let form = try request.form()
        let (token, _) = try await tokens.create(
            for: user, name: form["name"] ?? "", right: .read, scopes: ["shop"])
        return .text(token.text).uncached  // this once, and never again
    }
    return tokens
}

func addPasskeys(_ app: App, to accounts: Accounts) {
    app.passkeys(accounts, origins: ["https://shop.example"])
}
