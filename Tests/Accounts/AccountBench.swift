// An app with accounts, as its tests want it: passwords that cost nothing to hash, mails that are
// kept, and the handle of the accounts.

import MizuIdentity
import MizuTesting
import Synchronization
import Testing

@testable import Mizu

/// Puts records that anybody may put.
struct NoteMutator: Mutator {
    func apply(_ mutation: Mutation, to store: inout Transaction) throws(Rejection) {
        struct Arguments: Decodable { var id: String }
        let arguments: Arguments = try mutation.args.decode()
        switch mutation.name {
        case "note.put": try store.put("note", id: arguments.id, ["by": mutation.user?.string])
        case "member.add":
            guard let user = Name(arguments.id) else { throw .invalid("id: not a user") }
            try store.grant(user, role: "editor")
        default: throw .unknownMutation
        }
    }
}

/// A whole app in memory, with what its tests look at.
final class AccountBench: Sendable {
    let app: TestApp
    private let made: Made

    /// What the app's thread leaves for the test's.
    private final class Made: Sendable {
        let accounts = Mutex<Accounts?>(nil)
        let tokens = Mutex<AccessTokens?>(nil)
        let mails = Mutex<[Accounts.ResetMail]>([])
        let work = Mutex<Work?>(nil)
    }

    private typealias Work = @Sendable (Accounts) async -> Void

    static let password = "gurkensalat mit dill"

    init(
        signUp: AccountOptions.SignUp = .open, settings: [String: String] = [:],
        assets: Assets = .none,
        _ change: @escaping @Sendable (inout AccountOptions) -> Void = { _ in }
    ) throws {
        let made = Made()
        self.made = made
        let roles = Roles(
            ["owner": .manage, "editor": .write, "reader": .read], creator: "owner")
        app = try TestApp(settings: settings) { configuration in
            let app = try App(configuration, assets: assets)
            _ = try app.views()
            let sync = try app.sync(NoteMutator(), roles: roles)
            let accounts = try app.accounts(sync, signUp: signUp) { options in
                options.sendsReset = { mail in made.mails.withLock { $0.append(mail) } }
                options.hashing = .weakest
                change(&options)
            }
            made.accounts.withLock { $0 = accounts }
            app.passkeys(accounts)
            let tokens = try app.accessTokens(sync)
            made.tokens.withLock { $0 = tokens }
            app.get("/throws/taken") { _ in throw AccountError.emailTaken }
            app.get("/throws/tries") { (_: OwnedRequest) async throws -> Response in
                throw AccountError.tooManyTries(retryAfterSeconds: 7)
            }
            app.get("/throws/later") { request in
                try sync.push(request, scope: "leak", []) { _ in throw AccountError.emailTaken }
            }
            app.get("/me") { request in .text(request.user ?? "nobody") }
            app.get("/greeting") { request in
                let user = request.user ?? "nobody"
                return try sync.page(request, scope: "greetings", key: "") { _ in .text(user) }
            }
            app.get("/page/:user") { request in
                let own = Name("user:" + (request.parameter("user") ?? "")) ?? .defaultScope
                return try sync.page(request, scope: own, key: "page") { _ in .text("theirs") }
            }
            // An account without a password, as an app makes it for who proves it otherwise.
            app.post("/sign-up-without-password") {
                (request: OwnedRequest) async throws -> Response in
                let signedIn = try await accounts.signUp(
                    email: "ann@example.org", name: "Ann", password: nil,
                    from: Accounts.Visitor(request.view))
                var response = Response.redirect(to: "/")
                try signedIn.apply(to: &response)
                return response
            }
            app.get("/inside") { (_: OwnedRequest) async throws -> Response in
                let accounts = made.accounts.withLock { $0 }
                if let accounts, let work = made.work.withLock({ $0 }) { await work(accounts) }
                return .text("")
            }
            return app
        }
    }

    /// What `work` returns, on the app's own thread: there is the app's time.
    func inside<Value: Sendable>(
        _ work: @escaping @Sendable (Accounts) async throws -> Value
    ) async throws -> Value {
        let result = Found<Value>()
        made.work.withLock { waiting in
            waiting = { accounts in
                do {
                    let value = try await work(accounts)
                    result.value.withLock { $0 = .success(value) }
                } catch {
                    result.value.withLock { $0 = .failure(error) }
                }
            }
        }
        #expect(try await app.get("/inside").status == 200)
        return try #require(result.value.withLock { $0 }).get()
    }

    private final class Found<Value: Sendable>: Sendable {
        let value = Mutex<Result<Value, any Error>?>(nil)
    }

    var accounts: Accounts {
        get throws { try #require(made.accounts.withLock { $0 }) }
    }

    var tokens: AccessTokens {
        get throws { try #require(made.tokens.withLock { $0 }) }
    }

    var mails: [Accounts.ResetMail] { made.mails.withLock { $0 } }

    /// Waits until so many mails were sent: they are sent behind the answer's back.
    func mails(_ count: Int) async throws -> [Accounts.ResetMail] {
        for _ in 0..<30_000 where mails.count < count {
            try await Task.sleep(for: .milliseconds(2))
        }
        return mails
    }

    /// A browser in which somebody has just signed up.
    func signedUp(_ name: String, from address: String = "127.0.0.1") async throws -> TestBrowser {
        let browser = app.browser(from: address)
        let answer = try await browser.post(
            "/account/sign-up",
            form: [
                "email": "\(name)@example.org", "name": name.capitalized,
                "password": Self.password,
            ])
        #expect(answer.status == 303)
        return browser
    }

    /// The token of the link in the mail of that number.
    func resetToken(_ browser: TestBrowser, _ name: String, mail number: Int) async throws -> String
    {
        _ = try await browser.post("/account/reset", form: ["email": "\(name)@example.org"])
        let mails = try await mails(number)
        let mail = try #require(mails.count == number ? mails.last : nil)
        return String(mail.path.split(separator: "token=")[1])
    }

    func signIn(
        _ browser: TestBrowser, _ name: String, _ password: String = AccountBench.password,
        next: String = ""
    ) async throws -> TestResponse {
        try await browser.post(
            "/account/sign-in",
            form: ["email": "\(name)@example.org", "password": password, "next": next],
            headers: ["Accept": "text/html"])
    }

    /// Who the browser is by its cookies, and also as plain handlers see it.
    func user(of browser: TestBrowser) async throws -> String? {
        struct Answer: Decodable { var user: String? }
        let answer = try await browser.get("/_sync/session")
        #expect(answer.status == 200 && answer.header("Cache-Control") == "no-store")
        let user = try answer.decode(Answer.self).user
        #expect(try await browser.get("/me").text == user ?? "nobody")
        return user
    }
}
