// What proved who somebody is, and what that is good for: a session changes the account, a token
// does not; a deleted account takes its tokens with it, whatever the process does meanwhile; an open
// page keeps its session; and a refusal that leaves a handler is an answer.

import MizuIdentity
import MizuTesting
import Testing

@testable import Mizu

@Suite("Sessions, tokens and accounts")
struct CredentialKindTests {
    private static func bearer(_ token: AccessToken) -> [String: String] {
        ["Authorization": "Bearer \(token.text)"]
    }

    @Test("a token of its owner changes nothing about the account, and a session does")
    func tokensChangeNoAccount() async throws {
        let bench = try AccountBench()
        let ann = try await bench.signedUp("ann")
        let user = try #require(try await bench.user(of: ann))
        let token = try await bench.tokens.create(for: user, name: "script").token
        let headers = Self.bearer(token)
        #expect(try await bench.app.get("/me", headers: headers).text == user)
        let forms: [(path: String, fields: [String: String])] = [
            ("name", ["name": "Mallory"]),
            ("password", ["old": AccountBench.password, "password": "mallorys langer satz"]),
            ("sessions", ["session": "others"]), ("tokens", ["token": "all"]),
            ("delete", ["password": AccountBench.password]),
        ]
        let script = bench.app.browser()
        for form in forms {
            let answer = try await script.post(
                "/account/" + form.path, form: form.fields, headers: headers)
            #expect(answer.status == 401 && answer.code == "unauthenticated", "\(form.path)")
        }
        // Also with the session's cookie beside it: it is the token that asks.
        script.cookies = ann.cookies
        let both = try await script.post(
            "/account/name", form: ["name": "Mallory"], headers: headers)
        #expect(both.status == 401)
        #expect(try await bench.app.get("/account", headers: headers).status == 401)
        let account = try await bench.inside { try await $0.account(user) }
        #expect(account?.name == "Ann")
        #expect(try await bench.user(of: ann) == user)
        #expect(try await ann.post("/account/name", form: ["name": "Anna"]).status == 303)
    }

    @Test("a token outlives a password and every session, until its owner ends it on the page")
    func tokensOutlivePasswords() async throws {
        let bench = try AccountBench()
        let (ann, bob) = (try await bench.signedUp("ann"), try await bench.signedUp("bob"))
        let user = try #require(try await bench.user(of: ann))
        let (token, info) = try await bench.tokens.create(
            for: user, name: "backup", right: .read, scopes: ["shop"])
        let other = Self.bearer(try await bench.tokens.create(for: user, name: "other").token)
        let headers = Self.bearer(token)
        func status(_ headers: [String: String]) async throws -> TestStatus {
            try await bench.app.get("/me", headers: headers).status
        }
        let socket = try await bench.app.socket(headers: other)
        let changed = try await ann.post(
            "/account/password",
            form: ["old": AccountBench.password, "password": "anderer langer satz"])
        #expect(changed.status == 303)
        let link = try await bench.resetToken(bench.app.browser(), "ann", mail: 1)
        let set = try await ann.post(
            "/account/reset/new", form: ["token": link, "password": "neuer langer satz"])
        #expect(set.status == 303)
        _ = try await ann.post("/account/sign-out", form: ["everywhere": "1"])
        #expect(try await bench.user(of: ann) == nil)
        for headers in [headers, other] { #expect(try await status(headers) == 200) }
        try await socket.send(#"{"type":"ping","ref":"1"}"#)
        #expect(try await socket.next("pong").ref == "1")

        // The page says which there are; what is not hers is left alone, and twice is no error.
        _ = try await bench.signIn(ann, "ann", "neuer langer satz")
        let page = try await ann.get("/account", headers: ["Accept": "text/html"]).text
        #expect(page.contains("backup: reads, in shop") && page.contains("other: reads and writes"))
        #expect(try await bob.get("/account").text.contains("/account/tokens") == false)
        for (browser, left) in [(bob, 200), (ann, 401), (ann, 401)] as [(TestBrowser, Int)] {
            let sent = try await browser.post("/account/tokens", form: ["token": info.id])
            #expect(sent.status == 303 && sent.location == "/account")
            #expect(try await status(headers).code == left)
        }
        #expect(try await status(other) == 200)
        // Or all of them with the password.
        let both = [
            "old": "neuer langer satz", "password": "ein dritter langer satz", "tokens": "revoke",
        ]
        #expect(try await ann.post("/account/password", form: both).status == 303)
        #expect(try await status(other) == 401)
        #expect(try await socket.next("error").code == "token_expired")
        #expect(try await bench.user(of: ann) == user)
    }

    @Test("a token with limits gets no keys of what its user's devices seal")
    func deviceKeys() async throws {
        let bench = try AccountBench()
        let ann = try await bench.signedUp("ann")
        let user = try #require(try await bench.user(of: ann))
        let token = try await bench.tokens.create(for: user, name: "r", right: .read).token
        struct Answer: Decodable { var device_keys: [String] }
        let asked = try await bench.app.get("/_sync/session", headers: Self.bearer(token))
        #expect(try asked.decode(Answer.self).device_keys.isEmpty)
        #expect(try await ann.get("/_sync/session").decode(Answer.self).device_keys.count == 1)
    }

    /// Reads alone, and has no name of its own.
    private struct ReadersPass: BearerAuthenticator {
        func claims(_ token: UnsafeRawBufferPointer) -> Bool { true }

        func identity(
            of token: UnsafeRawBufferPointer, atMilliseconds now: Int64
        ) throws(BearerRefusal) -> BearerIdentity {
            BearerIdentity(user: "ann", limits: CredentialLimits(writes: false, scopes: nil))
        }
    }

    @Test("limits hold also of what has no name of its own")
    func unnamedLimits() async throws {
        let app = try TestApp { configuration in
            let app = try App(configuration, assets: .none)
            _ = try app.sync(NoteMutator())
            app.authenticate(with: ReadersPass())
            return app
        }
        let browser = app.browser()
        func ask(_ way: String, _ body: String) async throws -> Int {
            let headers = ["Authorization": "Bearer x"]
            let answer = try await browser.post("/_sync/" + way, json: body, headers: headers)
            return answer.status.code
        }
        let push = #"{"scope":"s","mutations":[{"id":"m","name":"note.put","args":{"id":"n"}}]}"#
        #expect(try await ask("pull", #"{"scope":"s"}"#) == 200)
        #expect(try await ask("push", push) == 403)
    }

    @Test("a token is nobody's once its account is deleted, though the process ends in between")
    func deletionGoesOn() async throws {
        let folder = try TemporaryFolder()
        let settings = ["DATABASE_URL": "sqlite:\(folder.path)/app.db"]
        var bench = try AccountBench(settings: settings)
        let ann = try await bench.signedUp("ann")
        let user = try #require(try await bench.user(of: ann))
        let token = try await bench.tokens.create(for: user, name: "script").token
        // The first of the transactions, and then the power fails.
        try await bench.inside { accounts in
            try await accounts.push(
                AccountMutations.delete, AccountMutations.Which(user: user))
        }
        bench.app.stop()

        bench = try AccountBench(settings: settings)
        // Before anything else has been done.
        #expect(try await bench.app.get("/me", headers: Self.bearer(token)).status == 401)
        let open = bench
        func left() async throws -> Int {
            try await open.inside { accounts in
                try await accounts.sync.read(AccessTokenRecords.scope) { snapshot in
                    try snapshot.ids(of: AccessTokenRecords.token, limit: 10).count
                }
            }
        }
        for _ in 0..<30_000 where try await left() > 0 {
            try await Task.sleep(for: .milliseconds(2))
        }
        #expect(try await left() == 0)
        bench.app.stop()
    }

    @Test("a deleted account's tokens are refused at once, and their sockets are closed")
    func deletion() async throws {
        let bench = try AccountBench()
        let ann = try await bench.signedUp("ann")
        let user = try #require(try await bench.user(of: ann))
        let headers = Self.bearer(try await bench.tokens.create(for: user, name: "s").token)
        let socket = try await bench.app.socket(headers: headers)
        let deleted = try await ann.post(
            "/account/delete", form: ["password": AccountBench.password])
        #expect(deleted.status == 303)
        #expect(try await bench.app.get("/me", headers: headers).status == 401)
        #expect(try await socket.next("error").code == "token_expired")
    }

    @Test("a page that is open and quiet keeps its session, and one that is closed does not")
    func openPages() async throws {
        let bench = try AccountBench { options in
            options.sessions.idleMilliseconds = 20 * 60_000
            options.sessions.touchMilliseconds = 60_000
        }
        let (open, closed) = (try await bench.signedUp("ann"), try await bench.signedUp("bob"))
        let user = try await bench.user(of: open)
        let socket = try await open.socket()
        for _ in 0..<4 {
            try await bench.app.advance(.seconds(600))
            // Who has a socket is asked in the one run and counts in the next.
            for _ in 0..<2 {
                try await bench.inside { await $0.touchOpenSessions() }
                try await bench.app.settle()
            }
        }
        #expect(try await bench.user(of: closed) == nil)
        #expect(try await bench.user(of: open) == user)
        // And it is written, not in memory alone.
        let sessions = try await bench.inside { try await $0.sessions(of: user ?? "") }
        #expect(sessions.count == 1)
        #expect(sessions.allSatisfy { $0.seenMilliseconds > $0.createdMilliseconds + 1_800_000 })
        try await socket.close()
    }

    @Test("an AccountError that leaves a handler is answered as what it says")
    func leaks() async throws {
        let bench = try AccountBench()
        let taken = try await bench.app.get("/throws/taken")
        #expect(taken.status == 409 && taken.code == "conflict")
        let tries = try await bench.app.get("/throws/tries")
        #expect(tries.status == 429 && tries.code == "rate_limited")
        #expect(tries.header("Retry-After") == "7")
        let later = try await bench.app.get("/throws/later", as: "ann")
        #expect(later.status == 409 && later.code == "conflict")
    }

    @Test("marks of used invitations go when the invitation would have been late")
    func marks() async throws {
        let bench = try AccountBench(signUp: .invitation)
        func signUp(_ name: String, days: Int64) async throws {
            let invitation = try await bench.inside {
                $0.invitation(validMilliseconds: days * 86_400_000)
            }
            let answer = try await bench.app.browser().post(
                "/account/sign-up",
                form: [
                    "email": "\(name)@example.org", "name": name, "invitation": invitation,
                    "password": AccountBench.password,
                ])
            #expect(answer.status == 303)
        }
        func marks() async throws -> Int {
            try await bench.inside { accounts in
                try await accounts.sync.read(AccountRecords.scope) { snapshot in
                    try snapshot.ids(of: AccountRecords.usedInvitation, limit: 10).count
                }
            }
        }
        try await signUp("ann", days: 1)
        try await signUp("bob", days: 100)
        #expect(try await marks() == 2)
        try await bench.app.advance(.seconds(3 * 86_400))
        try await signUp("cat", days: 1)
        #expect(try await marks() == 2)
    }
}
