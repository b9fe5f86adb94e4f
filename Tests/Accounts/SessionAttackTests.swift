// Attacks on sessions: a cookie that was planted, kept or stolen, and what it opens on every way:
// pages, pushes, pulls, sockets that are open, and sockets that are opened with it.

import MizuIdentity
import MizuTesting
import Testing

@testable import Mizu

@Suite("Attacks on sessions")
struct SessionAttackTests {
    /// A browser with the same cookies: what a thief has.
    private func stolen(_ bench: AccountBench, from browser: TestBrowser) -> TestBrowser {
        let thief = bench.app.browser(from: "192.0.2.66")
        thief.cookies = browser.cookies
        return thief
    }

    /// That the browser's cookie opens nothing of `user`, on any way.
    private func expectNothing(
        _ bench: AccountBench, _ browser: TestBrowser, of user: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        #expect(try await bench.user(of: browser) == nil, sourceLocation: sourceLocation)
        let pull = try await browser.pull(scope: "user:\(user)")
        #expect(pull.code == "scope_denied", sourceLocation: sourceLocation)
        let push = try await browser.push("note.put", ["id": "n"], scope: "user:\(user)")
        #expect(push.code == "scope_denied", sourceLocation: sourceLocation)
        #expect(
            try await browser.get("/page/\(user)").status == 403, sourceLocation: sourceLocation)
        let socket = try await browser.socket()
        let answer = try await socket.subscribe("sync:user:\(user)")
        #expect(answer.code == "scope_denied", sourceLocation: sourceLocation)
        for path in ["name", "password", "sessions", "delete"] {
            let answer = try await browser.post("/account/\(path)", form: ["name": "Eve"])
            #expect(answer.status == 401, sourceLocation: sourceLocation)
        }
    }

    /// That the socket ends for the end of its session, and with nothing more.
    private func expectEnd(
        _ socket: TestSocket, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        #expect(
            try await socket.next("error").code == "token_expired", sourceLocation: sourceLocation)
        #expect(
            try await socket.next("close").closeCode == 1008, sourceLocation: sourceLocation)
    }

    // MARK: Fixation

    /// The ways by which a browser comes to a new session.
    enum Entrance: CaseIterable {
        case signUp, signIn, changedPassword, reset
    }

    @Test(
        "fixation: whoever comes in has a cookie that nobody knew before",
        arguments: Entrance.allCases)
    func fixation(_ entrance: Entrance) async throws {
        let bench = try AccountBench()
        let eve = try await bench.signedUp("eve", from: "192.0.2.66")
        let (planted, victim) = (try #require(eve.cookies["session"]), bench.app.browser())
        if entrance != .signUp { _ = try await bench.signedUp("ann") }
        switch entrance {
        case .signUp:
            victim.cookies = ["session": planted]
            _ = try await victim.post(
                "/account/sign-up",
                form: [
                    "email": "ann@example.org", "name": "Ann", "password": AccountBench.password,
                ])
        case .signIn:
            victim.cookies = ["session": planted]
            _ = try await bench.signIn(victim, "ann")
        case .changedPassword:
            _ = try await bench.signIn(victim, "ann")
            let before = victim.cookies["session"]
            _ = try await victim.post(
                "/account/password",
                form: ["old": AccountBench.password, "password": "anderer langer satz"])
            #expect(victim.cookies["session"] != before)
            // Whoever changes a right has it in a new session; hers was never known to Eve.
            #expect(try await bench.user(of: victim) != nil)
            return
        case .reset:
            let token = try await bench.resetToken(victim, "ann", mail: 1)
            victim.cookies = ["session": planted]
            _ = try await victim.post(
                "/account/reset/new", form: ["token": token, "password": "anderer langer satz"])
        }
        let fresh = try #require(victim.cookies["session"])
        #expect(fresh != planted)
        let user = try #require(try await bench.user(of: victim))
        // The one that was planted has ended, whoever's it was.
        try await expectNothing(bench, eve, of: user)
    }

    @Test("a token that a browser has made up is nobody's, before a sign-in and after it")
    func madeUp() async throws {
        let bench = try AccountBench()
        _ = try await bench.signedUp("ann")
        let (victim, eve) = (bench.app.browser(), bench.app.browser(from: "192.0.2.66"))
        let made = SessionToken.random().text
        (victim.cookies, eve.cookies) = (["session": made], ["session": made])
        #expect(try await bench.user(of: eve) == nil)
        #expect(try await bench.signIn(victim, "ann").status == 303)
        #expect(victim.cookies["session"] != made)
        #expect(try await bench.user(of: eve) == nil)
    }

    // MARK: Cookies that were kept or stolen

    @Test("what was kept of a session opens nothing after the sign-out, nor does its open socket")
    func replay() async throws {
        let bench = try AccountBench()
        let ann = try await bench.signedUp("ann")
        let user = try #require(try await bench.user(of: ann))
        let thief = stolen(bench, from: ann)
        let socket = try await thief.socket()
        #expect(try await socket.subscribe("sync:user:\(user)").type == "ack")
        let out = try await ann.post("/account/sign-out", form: [:])
        #expect(out.status == 303 && ann.cookies["session"] == nil)
        try await expectEnd(socket)
        try await expectNothing(bench, thief, of: user)
    }

    @Test("a sign-out everywhere, and of one other, ends open sockets and no others")
    func elsewhere() async throws {
        let bench = try AccountBench()
        let (ann, bob) = (try await bench.signedUp("ann"), try await bench.signedUp("bob"))
        let user = try #require(try await bench.user(of: ann))
        let (phone, tablet) = (bench.app.browser(), bench.app.browser())
        for browser in [phone, tablet] { _ = try await bench.signIn(browser, "ann") }
        let sockets = try await (phone.socket(), tablet.socket(), bob.socket(), ann.socket())
        let credential = try await bench.inside { accounts in
            try await accounts.sessions(of: user).map(\.credential)
        }.first { $0 == SessionToken(phone.cookies["session"] ?? "")?.credential }
        let one = try #require(credential)
        // Whose session it is counts, not who knows its name.
        let foreign = try await bob.post("/account/sessions", form: ["session": one])
        #expect(foreign.status == 404)
        #expect(try await bench.user(of: phone) == user)
        #expect(try await ann.post("/account/sessions", form: ["session": one]).status == 303)
        try await expectEnd(sockets.0)
        try await expectNothing(bench, phone, of: user)
        #expect(try await bench.user(of: tablet) == user)
        _ = try await ann.post("/account/sign-out", form: ["everywhere": "1"])
        try await expectEnd(sockets.1)
        try await expectEnd(sockets.3)
        try await expectNothing(bench, tablet, of: user)
        #expect(try await bench.user(of: bob) != nil)
        #expect(try await sockets.2.subscribe("sync:user:x").code == "scope_denied")
    }

    @Test("after a change of password stolen cookies open nothing, and their sockets end")
    func changedPassword() async throws {
        let bench = try AccountBench()
        let (ann, phone) = (try await bench.signedUp("ann"), bench.app.browser())
        _ = try await bench.signIn(phone, "ann")
        let user = try #require(try await bench.user(of: ann))
        let thieves = [stolen(bench, from: ann), stolen(bench, from: phone)]
        let sockets = try await [thieves[0].socket(), thieves[1].socket()]
        let changed = try await ann.post(
            "/account/password",
            form: ["old": AccountBench.password, "password": "anderer langer satz"])
        #expect(changed.status == 303)
        for socket in sockets { try await expectEnd(socket) }
        for thief in thieves { try await expectNothing(bench, thief, of: user) }
        #expect(try await bench.user(of: ann) == user)
    }

    @Test("the sessions of an account that was deleted are nobody's, also if it is made again")
    func deleted() async throws {
        let bench = try AccountBench()
        let (ann, phone) = (try await bench.signedUp("ann"), bench.app.browser())
        _ = try await bench.signIn(phone, "ann")
        let user = try #require(try await bench.user(of: ann))
        let thieves = [stolen(bench, from: ann), stolen(bench, from: phone)]
        let socket = try await phone.socket()
        #expect(try await socket.subscribe("sync:user:\(user)").type == "ack")
        // Not with a cookie alone.
        let bare = try await thieves[0].post("/account/delete", form: ["password": "a guess"])
        #expect(bare.status == 403)
        let gone = try await ann.post(
            "/account/delete", form: ["password": AccountBench.password])
        #expect(gone.status == 303 && ann.cookies["session"] == nil)
        try await expectEnd(socket)
        for thief in thieves { try await expectNothing(bench, thief, of: user) }
        #expect(try await bench.signIn(phone, "ann").status == 403)
        let again = try await bench.signedUp("ann")
        #expect(try await bench.user(of: again) != user)
        for thief in thieves { try await expectNothing(bench, thief, of: user) }
    }

    @Test("a stolen cookie makes no way in that outlives it for an account without a password")
    func withoutPassword() async throws {
        let bench = try AccountBench()
        let ann = bench.app.browser()
        _ = try await ann.post("/sign-up-without-password", form: [:])
        let user = try #require(try await bench.user(of: ann))
        try await bench.app.advance(.seconds(601))
        let thief = stolen(bench, from: ann)
        for password in ["", "anything"] {
            let set = try await thief.post(
                "/account/password", form: ["old": password, "password": "anderer langer satz"])
            #expect(set.status == 403 && set.code == "forbidden")
            let deletion = try await thief.post("/account/delete", form: ["password": password])
            #expect(deletion.status == 403 && deletion.code == "forbidden")
            let key = try await thief.post(
                "/account/passkeys/register",
                json: #"{"note":"n","credential":{},"password":"\#(password)"}"#)
            #expect(key.status == 403 && key.code == "forbidden")
        }
        #expect(try await bench.user(of: ann) == user)
        // Who has just come in may: by the link of a mail, for one.
        let token = try await bench.resetToken(ann, "ann", mail: 1)
        _ = try await ann.post(
            "/account/reset/new", form: ["token": token, "password": "anderer langer satz"])
        #expect(try await bench.user(of: ann) == user)
        #expect(try await bench.user(of: thief) == nil)
    }

    // MARK: Two people, one browser

    @Test("two people in one browser: the second sees nothing of the first, signed out or not")
    func twoPeople() async throws {
        let bench = try AccountBench()
        let shared = try await bench.signedUp("ann")
        let ann = try #require(try await bench.user(of: shared))
        let thief = stolen(bench, from: shared)
        let page = try await shared.get("/page/\(ann)")
        #expect(page.status == 200 && page.text == "theirs")
        let tag = try #require(page.header("ETag"))
        #expect(page.header("Cache-Control")?.contains("public") != true)
        #expect(try await shared.get("/account").header("Cache-Control") == "no-store")
        let socket = try await shared.socket()
        // Bob signs up over her: she has not signed out.
        let answer = try await shared.post(
            "/account/sign-up",
            form: ["email": "bob@example.org", "name": "Bob", "password": AccountBench.password])
        #expect(answer.status == 303)
        try await expectEnd(socket)
        try await expectNothing(bench, thief, of: ann)
        let bob = try #require(try await bench.user(of: shared))
        #expect(bob != ann)
        // The tag of her page tells nothing either.
        let kept = try await shared.get("/page/\(ann)", headers: ["If-None-Match": tag])
        #expect(kept.status == 403)
        let account = try await shared.get("/account", headers: ["Accept": "text/html"]).text
        #expect(account.contains("bob@example.org") && !account.contains("ann@example.org"))
    }

    @Test("what was made for one person is no shared cache's to keep, and comes to nobody else")
    func sharedCaches() async throws {
        let bench = try AccountBench()
        let (ann, bob) = (try await bench.signedUp("ann"), try await bench.signedUp("bob"))
        // By a plain handler, one that waits, and a page that is kept.
        for path in ["/me", "/inside", "/greeting"] {
            let caching = try await ann.get(path).header("Cache-Control")
            #expect(caching == "private, no-cache", "\(path)")
        }
        let (hers, user) = (try await ann.get("/greeting"), try await bench.user(of: bob))
        let tag = ["If-None-Match": try #require(hers.header("ETag"))]
        let again = try await ann.get("/greeting", headers: tag)
        #expect(again.status == 304 && again.header("Cache-Control") == "private, no-cache")
        // The same address and her tag, from somebody else.
        let his = try await bob.get("/greeting", headers: tag)
        #expect(his.status == 200 && his.text == user && his.text != hers.text)
        // What has been said already stays, and so does what is nobody's.
        let style = try await ann.get("/account/pages.css")
        #expect(style.header("Cache-Control") == "max-age=3600")
        #expect(try await ann.get("/_sync/session").header("Cache-Control") == "no-store")
        #expect(try await bench.app.get("/me").header("Cache-Control") == nil)
    }

    // MARK: The cookie

    @Test("the cookie is as narrow as it can be, and over TLS its name keeps neighbours out")
    func cookie() async throws {
        let bench = try AccountBench()
        let browser = bench.app.browser()
        let answer = try await browser.post(
            "/account/sign-up",
            form: ["email": "ann@example.org", "name": "Ann", "password": AccountBench.password])
        let cookies = answer.headers.filter { $0.name.lowercased() == "set-cookie" }.map(\.value)
        #expect(cookies.count == 2)
        for cookie in cookies {
            for part in ["; HttpOnly", "; SameSite=Lax", "; Path=/"] {
                #expect(cookie.contains(part), "\(cookie)")
            }
            #expect(!cookie.contains("Domain"))
        }
        let secure = SessionCookie.set(.random(), isSecure: true, seconds: 1)
        #expect(secure.name == "__Host-session" && secure.attributes == [.httpOnly, .secure])
        #expect(secure.path == "/" && secure.domain == nil && secure.sameSite == .lax)
    }

    @Test("a cookie that is no token, or too long, or there twice, is nobody's and does no harm")
    func oddCookies() async throws {
        let bench = try AccountBench()
        let ann = try await bench.signedUp("ann")
        let token = try #require(ann.cookies["session"])
        let odd = [
            "", "x", String(repeating: "A", count: 6_000), "%00", "\"", "a=b", token + "A",
            String(token.dropLast()), token.lowercased(), " \(token)x",
        ]
        for value in odd {
            let answer = try await bench.app.get("/me", headers: ["Cookie": "session=\(value)"])
            #expect(answer.text == "nobody", "\(value)")
        }
        // The first counts, as everywhere: what comes behind it signs nobody in.
        let twice = ["Cookie": "session=x; session=\(token)"]
        #expect(try await bench.app.get("/me", headers: twice).text == "nobody")
    }

    @Test("a session ends on its open socket when it is old, however much it is used")
    func oldSocket() async throws {
        let bench = try AccountBench { $0.sessions.absoluteMilliseconds = 600_000 }
        let ann = try await bench.signedUp("ann")
        let user = try #require(try await bench.user(of: ann))
        let socket = try await ann.socket()
        #expect(try await socket.subscribe("sync:user:\(user)").type == "ack")
        try await bench.app.advance(.seconds(590))
        #expect(try await bench.user(of: ann) == user)
        try await bench.app.advance(.seconds(20))
        try await expectEnd(socket)
        try await expectNothing(bench, ann, of: user)
    }
}
