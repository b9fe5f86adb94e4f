// What a person does with an account: sign up, in and out, change things, and go.

import MizuIdentity
import MizuTesting
import Testing

@testable import Mizu

@Suite("Accounts")
struct AccountTests {
    @Test("somebody signs up, is known from then on, and signs out")
    func life() async throws {
        let bench = try AccountBench()
        let browser = bench.app.browser()
        #expect(try await bench.user(of: browser) == nil)
        let answer = try await browser.post(
            "/account/sign-up",
            form: [
                "email": "Ann@Example.org", "name": " Ann ", "password": AccountBench.password,
                "next": "/lists",
            ])
        #expect(answer.status == 303 && answer.location == "/lists")
        let cookie = try #require(answer.header("Set-Cookie"))
        #expect(cookie.hasPrefix("session=") && cookie.contains("; HttpOnly"))
        #expect(cookie.contains("; SameSite=Lax") && cookie.contains("; Path=/"))
        let user = try #require(try await bench.user(of: browser))
        let session = try await browser.get("/_sync/session").json()
        #expect(session.member("name")?.string == "Ann")
        #expect(session.member("device_keys")?.elements.first { _ in true }?.string?.count == 43)
        let same = try await bench.inside { try await $0.account(email: "ann@example.ORG")?.id }
        #expect(same == user)

        let out = try await browser.post("/account/sign-out", form: [:])
        #expect(out.status == 303 && out.location == "/")
        #expect(out.header("Clear-Site-Data") == "\"cache\", \"storage\"")
        #expect(browser.cookies["session"] == nil)
        #expect(try await bench.user(of: browser) == nil)
        #expect(try await bench.signIn(browser, "ann").status == 303)
        #expect(try await bench.user(of: browser) == user)
        let kept = try await browser.post("/account/sign-out", form: ["keep": "1"])
        #expect(kept.header("Clear-Site-Data") == "\"cache\"")
    }

    @Test("a sign-out by a plain form leaves what the browser has sealed of others")
    func sealed() async throws {
        let bench = try AccountBench()
        let browser = try await bench.signedUp("ann")
        let user = try await bench.user(of: browser)
        let page = try await browser.get("/account", headers: ["Accept": "text/html"])
        #expect(page.text.contains(#"<a href="/">Back to Mizu</a>"#))
        browser.cookies["mizu-kept"] = "1"
        let out = try await browser.post("/account/sign-out", form: [:])
        #expect(out.header("Clear-Site-Data") == "\"cache\"")
        #expect(browser.cookies["session"] == nil && browser.cookies["mizu-left"] == user)
        // Nobody has left anything where nobody was signed in, or where a script has taken it.
        browser.cookies["mizu-left"] = nil
        _ = try await browser.post("/account/sign-out", form: [:])
        _ = try await bench.signIn(browser, "ann")
        _ = try await browser.post("/account/sign-out", form: ["keep": "1"])
        #expect(browser.cookies["mizu-left"] == nil)
        browser.cookies["mizu-kept"] = nil
        _ = try await bench.signIn(browser, "ann")
        let all = try await browser.post("/account/sign-out", form: [:])
        #expect(all.header("Clear-Site-Data") == "\"cache\", \"storage\"")
        #expect(browser.cookies["mizu-left"] == nil)
    }

    @Test("what is wrong with a sign-up is said on its page, which keeps what was typed")
    func wrongSignUp() async throws {
        let bench = try AccountBench()
        _ = try await bench.signedUp("ann")
        let wrong = [
            ("no address", "Bob", AccountBench.password, 422, "not an e-mail address"),
            ("bob@example.org\u{200B}", "Bob", AccountBench.password, 422, "not an e-mail"),
            ("bob@example.org", " ", AccountBench.password, 422, "1 to 80 characters"),
            ("bob@example.org", "B\u{202E}nnA", AccountBench.password, 422, "cannot be seen"),
            ("bob@example.org", "Bob", "short", 422, "at least 8 characters"),
            ("bob@example.org", "Bob", "Password123", 422, "tried first"),
            ("ANN@example.org", "Bob", AccountBench.password, 409, "already"),
        ]
        for (email, name, password, status, words) in wrong {
            let browser = bench.app.browser()
            let answer = try await browser.post(
                "/account/sign-up", form: ["email": email, "name": name, "password": password],
                headers: ["Accept": "text/html"])
            #expect(answer.status.code == status)
            #expect(answer.text.contains(words) && answer.text.contains("role=\"alert\""))
            #expect(answer.text.contains("value=\"\(email)\""))
            #expect(!answer.text.contains(password) && browser.cookies.isEmpty)
        }
    }

    @Test("people go where they wanted to, and never to another site")
    func next() async throws {
        let bench = try AccountBench()
        _ = try await bench.signedUp("ann")
        let browser = bench.app.browser()
        #expect(try await bench.signIn(browser, "ann", next: "/lists?a=1").location == "/lists?a=1")
        for evil in ["//evil.example", "/\\evil.example", "https://evil.example/"] {
            #expect(try await bench.signIn(browser, "ann", next: evil).location == "/")
        }
        let page = try await browser.get("/account/sign-in?next=%22%3E%3Cscript%3E")
        #expect(page.status == 200 && !page.text.contains("<script>"))
    }

    @Test("sessions are listed in plain words, and one or all of the others are ended")
    func sessions() async throws {
        let bench = try AccountBench()
        let phone = try await bench.signedUp("ann")
        let (laptop, tablet) = (bench.app.browser(), bench.app.browser())
        _ = try await bench.signIn(laptop, "ann")
        _ = try await bench.signIn(tablet, "ann")
        let user = try #require(try await bench.user(of: phone))
        let page = try await phone.get("/account")
        #expect(page.status == 200 && page.text.contains("127.0.0.1"))
        #expect(page.text.components(of: "last seen") == 3)

        let token = try #require(SessionToken(laptop.cookies["session"] ?? ""))
        #expect(
            try await bench.inside { try await $0.sessions(of: user) }
                .contains { $0.credential == token.credential })
        let one = try await phone.post("/account/sessions", form: ["session": token.credential])
        #expect(one.status == 303)
        #expect(try await bench.user(of: laptop) == nil)
        #expect(try await bench.user(of: tablet) == user)

        _ = try await phone.post("/account/sessions", form: ["session": "others"])
        #expect(try await bench.user(of: tablet) == nil)
        #expect(try await bench.user(of: phone) == user)
        #expect(try await bench.inside { try await $0.sessions(of: user).count } == 1)

        _ = try await bench.signIn(laptop, "ann")
        _ = try await phone.post("/account/sign-out", form: ["everywhere": "1"])
        #expect(try await bench.user(of: laptop) == nil)
    }

    @Test("an account has so many sessions and no more: the one seen longest ago ends")
    func tooMany() async throws {
        let bench = try AccountBench { $0.sessions.countMax = 3 }
        let first = try await bench.signedUp("ann")
        // So that memory knows it, too.
        #expect(try await bench.user(of: first) != nil)
        var others: [TestBrowser] = []
        for _ in 0..<3 {
            try await bench.app.advance(.seconds(1))
            others.append(bench.app.browser())
            _ = try await bench.signIn(others[others.count - 1], "ann")
        }
        for browser in others { #expect(try await bench.user(of: browser) != nil) }
        let user = try #require(try await bench.user(of: others[0]))
        #expect(try await bench.inside { try await $0.sessions(of: user).count } == 3)
        #expect(try await bench.user(of: first) == nil)
    }

    @Test("a session ends when nobody uses it, and when it is old")
    func limits() async throws {
        let bench = try AccountBench()
        let (used, idle) = (try await bench.signedUp("ann"), bench.app.browser())
        _ = try await bench.signIn(idle, "ann")
        for day in 1..<90 {
            try await bench.app.advance(.seconds(86_400))
            if day % 5 == 0 { #expect(try await bench.user(of: used) != nil) }
        }
        #expect(try await bench.user(of: idle) == nil)
        try await bench.app.advance(.seconds(86_400))
        #expect(try await bench.user(of: used) == nil)
    }

    @Test("a name is changed, and a deleted account is gone with what was its alone")
    func deletion() async throws {
        let bench = try AccountBench()
        let (ann, bob) = (try await bench.signedUp("ann"), try await bench.signedUp("bob"))
        let annID = try #require(try await bench.user(of: ann))
        let bobID = try #require(try await bench.user(of: bob))
        #expect(try await ann.post("/account/name", form: ["name": "Anna"]).status == 303)
        #expect(try await bench.inside { try await $0.account(annID)?.name } == "Anna")

        for scope in ["own", "shared"] {
            #expect(try await ann.push("note.put", ["id": "n1"], scope: scope).isApplied)
        }
        #expect(try await ann.push("member.add", ["id": bobID], scope: "shared").isApplied)
        let wrong = try await ann.post(
            "/account/delete", form: ["password": "wrong"], headers: ["Accept": "text/html"])
        #expect(wrong.status == 403 && wrong.text.contains("password is wrong"))
        let gone = try await ann.post("/account/delete", form: ["password": AccountBench.password])
        #expect(gone.status == 303 && gone.header("Clear-Site-Data") != nil)
        #expect(try await bench.user(of: ann) == nil)
        #expect(try await bench.signIn(ann, "ann").status == 403)

        let left = try await bench.inside { accounts in
            try await accounts.sync.read(AccountRecords.scope) { snapshot in
                try [
                    AccountRecords.account, AccountRecords.sessions, AccountRecords.password,
                    AccountRecords.deletion,
                ].flatMap { try snapshot.ids(of: $0, limit: 100) }
            }
        }
        #expect(Set(left) == [bobID])
        for scope: Name in ["own", Name("user:" + annID) ?? "-"] {
            let isEmpty = try await bench.inside { accounts in
                try await accounts.sync.read(scope) { try $0.keys(limit: 10).isEmpty }
            }
            #expect(isEmpty)
        }
        let members = try await bench.inside { accounts in
            try await accounts.sync.read("shared") { snapshot in
                try snapshot.ids(of: GrantRecord.entity, limit: 10)
            }
        }
        #expect(members == [bobID])
        #expect(try await bob.pull(scope: "shared").status == 200)
        _ = try await bench.signedUp("ann")
    }

    @Test("with an invitation one person makes an account, once")
    func invitation() async throws {
        let bench = try AccountBench(signUp: .invitation)
        let token = try await bench.inside { $0.invitation() }
        func signUp(_ name: String, _ invitation: String) async throws -> Int {
            try await bench.app.browser().post(
                "/account/sign-up",
                form: [
                    "email": "\(name)@example.org", "name": name, "password": AccountBench.password,
                    "invitation": invitation,
                ]
            ).status.code
        }
        #expect(try await signUp("eve", "") == 403)
        #expect(try await signUp("eve", token + "x") == 403)
        #expect(try await signUp("ann", token) == 303)
        #expect(try await signUp("eve", token) == 403)
        let bobs = try await bench.inside { $0.invitation(for: "bob@example.org") }
        #expect(try await signUp("eve", bobs) == 403)
        #expect(try await signUp("bob", bobs) == 303)
        let late = try await bench.inside { $0.invitation(validMilliseconds: 1_000) }
        try await bench.app.advance(.seconds(2))
        #expect(try await signUp("eve", late) == 403)
    }

    @Test("an app's own template takes the place of a page")
    func template() async throws {
        let bench = try AccountBench(
            assets: Assets(["views/accounts/sign-in.html": "<p>ours: {{title}}, {{next}}</p>"])
        ) { $0.title = "Shop" }
        let page = try await bench.app.browser().get("/account/sign-in?next=/a")
        #expect(page.text == "<p>ours: Shop, /a</p>")
        #expect(try await bench.app.browser().get("/account/sign-up").text.contains("Shop"))
    }
}

extension String {
    fileprivate func components(of part: String) -> Int { split(separator: part).count - 1 }
}
