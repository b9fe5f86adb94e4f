// What the guide "People and permissions" shows of accounts and of an app's own sign-in.

import Mizu

func giveAccounts(
    _ app: App, _ mutator: PutMutator, _ roles: Roles, _ views: Views
) throws -> Accounts {
    let sync = try app.sync(mutator, roles: roles)
    let accounts = try app.accounts(sync, signUp: .open)
    app.post("/enter") { (request: OwnedRequest) async throws -> Response in
        let form = try request.form()
        let visitor = Accounts.Visitor(request.view)
        do {
            let signedIn = try await accounts.signIn(
                email: form["email"] ?? "", password: form["password"] ?? "", from: visitor)
            var response = Response.redirect(to: "/")
            try signedIn.apply(to: &response)
            return response
        } catch let error as AccountError {
            return views.render("enter", ["error": .string(error.words)], status: error.status)
        }
    }
    return accounts
}

func trustTheProxy(_ app: App) {
    app.use { request in
        // What a proxy in front says, and clients must not.
        request.user = request.header("X-User")
        return nil
    }
}
