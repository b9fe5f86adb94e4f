// The endpoints of accounts: plain forms and the pages around them. Each POST answers with a
// redirect, or with its page and what is wrong. The server's check of origins (protocol.md,
// "Origin") and the cookie's SameSite keep other sites' forms out; nothing here changes anything
// on GET. On the request's worker; passwords are hashed elsewhere.
//
//   GET  PREFIX                the account: name, password, sessions      /_sync/session: who it is
//   GET, POST  …/sign-in  …/sign-up  …/reset  …/reset/new
//   POST  …/sign-out  …/name  …/password  …/sessions  …/tokens  …/delete

import MizuBytes
import MizuHTTP
import MizuIdentity
import MizuRouting
import MizuSyncService

struct AccountRoutes: Sendable {
    let accounts: Accounts
    let pages: AccountPages
    let tokens: AccountTokens
    private var options: AccountOptions { accounts.options }
    private var prefix: String { options.prefix }

    init(_ accounts: Accounts, _ pages: AccountPages, _ tokens: AccountTokens) {
        self.accounts = accounts
        self.pages = pages
        self.tokens = tokens
    }

    func mount(on routes: inout Routes) {
        mountSession(on: &routes)
        mountSignIn(on: &routes)
        mountAccount(on: &routes)
        if pages.canReset { mountReset(on: &routes) }
        let pages = pages
        routes.get(prefix + "/pages.css", cost: .file) { _ in pages.style }
    }

    /// Who asks, and for what kind of answer.
    private struct Asker: Sendable {
        let visitor: Accounts.Visitor
        let prefersPage: Bool

        init(_ request: OwnedRequest) {
            visitor = Accounts.Visitor(request.view)
            prefersPage = request.prefersPage
        }
    }

    /// The same with a form.
    private struct Sent: Sendable {
        let asker: Asker
        let fields: QueryPairs
        var visitor: Accounts.Visitor { asker.visitor }

        init(_ request: OwnedRequest) throws(HTTPError) {
            asker = Asker(request)
            fields = try request.form()
        }

        subscript(name: String) -> String { fields[name] ?? "" }
    }

    /// Answers what `work` answers; an `AccountError` as the page `name` with its words, or as JSON
    /// for programs.
    private func answering(
        _ asker: Asker, _ page: AccountPages.Page, _ kept: [String: String] = [:],
        _ work: () async throws -> Response
    ) async throws -> Response {
        do {
            return try await work().uncached
        } catch let error as AccountError {
            guard asker.prefersPage else { return error.response.uncached }
            var response = pages.render(
                page, kept, error: error.words, status: error.status)
            error.mark(&response)
            return response.uncached
        }
    }

    private func see(_ path: String, _ signedIn: Accounts.SignedIn? = nil) throws -> Response {
        var response = Response.redirect(to: path)
        try signedIn?.apply(to: &response)
        return response
    }

    // MARK: Who it is

    private func mountSession(on routes: inout Routes) {
        let accounts = accounts
        routes.get("/_sync/session") { (request: OwnedRequest) async throws -> Response in
            guard let user = request.user else {
                return Response.json(ByteSlice(#"{"user":null}"#)).uncached
            }
            let name = try await accounts.account(user)?.name
            var json = JSONWriter(capacity: 256)
            json.beginObject()
            json.key("user")
            json.string(user)
            if let name {
                json.key("name")
                json.string(name)
            }
            json.key("device_keys")
            json.beginArray()
            // A script with a token that may only do some things seals nothing in a browser.
            if request.storage[CredentialLimits.key] == nil {
                for key in accounts.keys.deviceKeys(of: user) { json.string(key) }
            }
            json.endArray()
            json.endObject()
            return Response.json(json.finish()).uncached
        }
    }

    // MARK: In and out

    private func mountSignIn(on routes: inout Routes) {
        let (accounts, pages, me) = (accounts, pages, self)
        routes.get(prefix + "/sign-in") { request in
            pages.render(.signIn, ["next": request.query["next"] ?? ""]).uncached
        }
        routes.post(prefix + "/sign-in") { (request: OwnedRequest) async throws -> Response in
            let sent = try Sent(request)
            let kept = ["email": sent["email"], "next": sent["next"]]
            return try await me.answering(sent.asker, .signIn, kept) {
                let signedIn = try await accounts.signIn(
                    email: sent["email"], password: sent["password"], from: sent.visitor)
                return try me.see(
                    SafeTarget.path(sent["next"], else: accounts.options.home), signedIn)
            }
        }
        routes.get(prefix + "/sign-up") { request in
            let kept = [
                "next": request.query["next"] ?? "",
                "invitation": request.query["invitation"] ?? "",
            ]
            return pages.render(.signUp, kept).uncached
        }
        routes.post(prefix + "/sign-up") { (request: OwnedRequest) async throws -> Response in
            let sent = try Sent(request)
            let kept = [
                "email": sent["email"], "name": sent["name"], "next": sent["next"],
                "invitation": sent["invitation"],
            ]
            return try await me.answering(sent.asker, .signUp, kept) {
                let signedIn = try await accounts.signUp(
                    email: sent["email"], name: sent["name"], password: sent["password"],
                    invitation: sent["invitation"], from: sent.visitor)
                return try me.see(
                    SafeTarget.path(sent["next"], else: accounts.options.home), signedIn)
            }
        }
        routes.post(prefix + "/sign-out") { (request: OwnedRequest) async throws -> Response in
            let sent = try Sent(request)
            try await accounts.signOut(sent.visitor, everywhere: sent["everywhere"] == "1")
            var response = try me.see(SafeTarget.path(sent["next"], else: accounts.options.home))
            try accounts.signedOut(
                sent.visitor, keepsStorage: sent["keep"] == "1", &response)
            return response.uncached
        }
    }

    // MARK: The account

    private func mountAccount(on routes: inout Routes) {
        let (accounts, me) = (accounts, self)
        routes.get(prefix) { (request: OwnedRequest) async throws -> Response in
            try await me.account(Asker(request))
        }
        post("/name", on: &routes) { sent in
            try await accounts.rename(sent.visitor.user ?? "", to: sent["name"])
            return try me.see(me.prefix)
        }
        post("/password", on: &routes) { sent in
            let signedIn = try await accounts.changePassword(
                from: sent["old"], to: sent["password"], by: sent.visitor)
            try await me.endTokens(sent, of: signedIn.user)
            return try me.see(me.prefix, signedIn)
        }
        post("/sessions", on: &routes) { sent in
            let user = sent.visitor.user ?? ""
            if sent["session"] == "others" {
                try await accounts.endSessions(of: user, except: sent.visitor.credential)
            } else {
                try await accounts.endSession(sent["session"], of: user)
            }
            return try me.see(me.prefix)
        }
        post("/tokens", on: &routes) { sent in
            try await me.tokens.revoke(sent["token"], of: sent.visitor.user ?? "")
            return try me.see(me.prefix)
        }
        post("/delete", on: &routes) { sent in
            try await accounts.confirm(sent["password"], by: sent.visitor)
            try await accounts.delete(sent.visitor.user ?? "")
            var response = try me.see(accounts.options.home)
            try accounts.signedOut(sent.visitor, &response)
            return response
        }
    }

    /// Ends somebody's tokens with their password, if they have said so: the one need not be known
    /// to who knew the other, and scripts would stop.
    private func endTokens(_ sent: Sent, of user: String) async throws {
        guard sent["tokens"] == "revoke" else { return }
        try await tokens.revoke(AccountTokens.all, of: user)
    }

    /// A form of who is signed in by a session; others are sent to the sign-in, and so is who comes
    /// with a token alone.
    private func post(
        _ path: String, on routes: inout Routes,
        _ work: @escaping @Sendable (Sent) async throws -> Response
    ) {
        let me = self
        routes.post(prefix + path) { (request: OwnedRequest) async throws -> Response in
            let sent = try Sent(request)
            guard sent.visitor.hasSession else { return try me.signInFirst(sent.asker) }
            do {
                return try await work(sent).uncached
            } catch let error as AccountError {
                guard sent.asker.prefersPage else { return error.response.uncached }
                return try await me.account(sent.asker, error)
            }
        }
    }

    private func signInFirst(_ asker: Asker) throws -> Response {
        guard asker.prefersPage else {
            throw HTTPError(.unauthorized, code: "unauthenticated", message: "sign in first")
        }
        return Response.redirect(to: prefix + "/sign-in?next=" + prefix).uncached
    }

    private func account(
        _ asker: Asker, _ error: AccountError? = nil
    ) async throws -> Response {
        let visitor = asker.visitor
        guard visitor.hasSession, let user = visitor.user,
            let account = try await accounts.account(user)
        else {
            return try signInFirst(asker)
        }
        let sessions = try await accounts.sessions(of: user)
        var response = pages.render(
            account, sessions, try await tokens.list(of: user), credential: visitor.credential,
            error: error?.words, status: error?.status ?? .ok)
        error?.mark(&response)
        return response.uncached
    }

    // MARK: A password that was forgotten

    private func mountReset(on routes: inout Routes) {
        let (accounts, pages, me) = (accounts, pages, self)
        routes.get(prefix + "/reset") { request in pages.render(.reset, [:]).uncached }
        routes.post(prefix + "/reset") { (request: OwnedRequest) async throws -> Response in
            let sent = try Sent(request)
            return try await me.answering(sent.asker, .reset, ["email": sent["email"]]) {
                try accounts.requestReset(email: sent["email"], from: sent.visitor)
                let link = try await accounts.resetLink(
                    email: sent["email"], from: sent.visitor)
                return pages.render(.resetSent, link.map { ["link": $0] } ?? [:])
            }
        }
        routes.get(prefix + "/reset/new") { (request: OwnedRequest) async throws -> Response in
            let token = request.query["token"] ?? ""
            return try await me.answering(Asker(request), .reset) {
                guard try await accounts.holds(resetToken: token) else {
                    throw AccountError.linkOver
                }
                return pages.render(.resetNew, ["token": token])
            }
        }
        routes.post(prefix + "/reset/new") { (request: OwnedRequest) async throws -> Response in
            let sent = try Sent(request)
            return try await me.answering(sent.asker, .resetNew, ["token": sent["token"]]) {
                let signedIn = try await accounts.resetPassword(
                    token: sent["token"], to: sent["password"], from: sent.visitor)
                try await me.endTokens(sent, of: signedIn.user)
                return try me.see(accounts.options.home, signedIn)
            }
        }
    }
}
