// What somebody does who wants another's account: the table of attacks, one test each.

import MizuEventLoop
import MizuIdentity
import MizuTesting
import Testing

@testable import Mizu

@Suite("Attacks on accounts")
struct AttackTests {
    @Test("fixation: a session that was planted before the sign-in is worth nothing after it")
    func fixation() async throws {
        let bench = try AccountBench()
        let (victim, attacker) = (try await bench.signedUp("ann"), try await bench.signedUp("eve"))
        let planted = try #require(attacker.cookies["session"])
        victim.cookies = ["session": planted]
        #expect(try await bench.signIn(victim, "ann").status == 303)
        #expect(victim.cookies["session"] != planted)
        // The planted one has ended with the sign-in, whoever's it was.
        #expect(try await bench.user(of: attacker) == nil)
        let mine = SessionToken.random().text
        victim.cookies = ["session": mine]
        _ = try await bench.signIn(victim, "ann")
        attacker.cookies = ["session": mine]
        #expect(try await bench.user(of: attacker) == nil)
    }

    @Test("replay: a cookie is worth nothing after the sign-out")
    func replay() async throws {
        let bench = try AccountBench()
        let browser = try await bench.signedUp("ann")
        let (thief, stolen) = (bench.app.browser(), browser.cookies)
        thief.cookies = stolen
        #expect(try await bench.user(of: thief) != nil)
        _ = try await browser.post("/account/sign-out", form: [:])
        #expect(try await bench.user(of: thief) == nil)
        let push = try await thief.push("note.put", ["id": "n"], scope: "any")
        #expect(push.status == 403 || push.status == 401)
    }

    @Test("a stolen cookie is worth nothing after a change of password, nor is its socket")
    func changedPassword() async throws {
        let bench = try AccountBench()
        let browser = try await bench.signedUp("ann")
        let thief = bench.app.browser()
        thief.cookies = browser.cookies
        let user = try #require(try await bench.user(of: thief))
        let socket = try await thief.socket()
        #expect(try await socket.subscribe("sync:user:\(user)").type == "ack")
        let changed = try await browser.post(
            "/account/password",
            form: ["old": AccountBench.password, "password": "anderer langer satz"])
        #expect(changed.status == 303)
        #expect(try await bench.user(of: thief) == nil)
        #expect(try await bench.user(of: browser) == user)
        #expect(browser.cookies["session"] != thief.cookies["session"])
        #expect(try await socket.next("error").code == "token_expired")
        #expect(try await bench.signIn(thief, "ann").status == 403)
        #expect(try await bench.signIn(thief, "ann", "anderer langer satz").status == 303)
    }

    @Test("who signs in with the old password while it is being changed gets no session")
    func race() async throws {
        let bench = try AccountBench()
        let browser = try await bench.signedUp("ann")
        let user = try #require(try await bench.user(of: browser))
        let known = try await bench.inside { accounts in
            try await accounts.credentials(of: EmailAddress("ann@example.org"))
        }
        let found = try #require(known)
        _ = try await browser.post(
            "/account/password",
            form: ["old": AccountBench.password, "password": "anderer langer satz"])
        await #expect(throws: AccountError.wrongPassword) {
            try await bench.inside { accounts in
                try await accounts.push(
                    AccountMutations.startSession,
                    AccountMutations.StartSession(
                        user: user,
                        session: AccountMutations.NewSession(
                            hash: SessionToken.random().hash, device: "", address: ""),
                        proof: found.phc))
            }
        }
        #expect(try await bench.inside { try await $0.sessions(of: user).count } == 1)
    }

    @Test("a form of another site changes nothing")
    func otherOrigin() async throws {
        let bench = try AccountBench()
        let browser = try await bench.signedUp("ann")
        let user = try await bench.user(of: browser)
        let evil: [[String: String]] = [
            ["Origin": "https://evil.example"], ["Origin": "null", "Sec-Fetch-Site": "cross-site"],
            ["Origin": "", "Sec-Fetch-Site": "cross-site"],
            ["Origin": "https://sub.localhost", "Sec-Fetch-Site": "same-site"],
        ]
        for headers in evil {
            for path in [
                "sign-out", "sign-in", "sign-up", "name", "password", "delete", "sessions",
            ] {
                let answer = try await browser.post(
                    "/account/" + path,
                    form: ["email": "eve@example.org", "password": AccountBench.password],
                    headers: headers)
                #expect(answer.status == 403 && answer.code == "origin_denied")
            }
        }
        #expect(try await bench.user(of: browser) == user)
        // Nothing is changed by an address that is only looked at.
        for path in ["sign-out", "delete", "sessions", "password"] {
            #expect(try await browser.get("/account/" + path).status == 405)
        }
    }

    @Test("an unknown address and a wrong password get the same words for the same work")
    func enumeration() async throws {
        let bench = try AccountBench()
        _ = try await bench.signedUp("ann")
        let hasher = try bench.accounts.hasher
        var seen: [(status: Int, text: String, hashes: UInt64)] = []
        for (name, password) in [
            ("ann", "wrong"), ("bob", "wrong"), ("bob", String(repeating: "x", count: 2_000)),
        ] {
            let before = hasher.hashCount
            let answer = try await bench.signIn(bench.app.browser(), name, password)
            let text = answer.text.replacing("\(name)@example.org", with: "…")
            seen.append((answer.status.code, text, hasher.hashCount - before))
        }
        for other in seen { #expect((other == seen[0]) as Bool) }
        #expect(seen[0].status == 403 && seen[0].hashes == 1)
        var pages: Set<String> = []
        for name in ["ann", "bob"] {
            let answer = try await bench.app.browser().post(
                "/account/reset", form: ["email": "\(name)@example.org"],
                headers: ["Accept": "text/html"])
            #expect(answer.status == 200)
            pages.insert(answer.text)
        }
        #expect(pages.count == 1)
        #expect(try await bench.mails(1).map(\.account.name) == ["Ann"])
    }

    @Test("guesses are slowed down more and more, and the owner's own browser is not")
    func guesses() async throws {
        let bench = try AccountBench()
        let owner = try await bench.signedUp("ann")
        let attacker = bench.app.browser(from: "192.0.2.66")
        for _ in 0..<6 {
            #expect(try await bench.signIn(attacker, "ann", "guess").status == 403)
        }
        for _ in 0..<20 {
            let answer = try await bench.signIn(attacker, "ann", "guess")
            #expect(answer.status == 429 && answer.header("Retry-After") == "1")
        }
        // Another address of the attacker's, and a name that nobody has, fare the same.
        let second = bench.app.browser(from: "192.0.2.77")
        #expect(try await bench.signIn(second, "ann", "guess").status == 429)
        try await bench.app.advance(.seconds(2))
        #expect(try await bench.signIn(attacker, "ann", "guess").status == 403)
        let later = try await bench.signIn(attacker, "ann", "guess")
        #expect(later.header("Retry-After") == "2")
        // The right password is no way round it, but a browser that is known is.
        #expect(try await bench.signIn(second, "ann").status == 429)
        _ = try await owner.post("/account/sign-out", form: [:])
        #expect(try await bench.signIn(owner, "ann").status == 303)
        // And so is time: the longest wait is a quarter of an hour.
        try await bench.app.advance(.seconds(901))
        #expect(try await bench.signIn(second, "ann").status == 303)
    }

    @Test("whoever guesses from an owner's address, or asks for their mails, costs them nothing")
    func neighbours() async throws {
        let bench = try AccountBench()
        let owner = try await bench.signedUp("ann", from: "192.0.2.66")
        _ = try await owner.post("/account/sign-out", form: [:])
        let neighbour = bench.app.browser(from: "192.0.2.66")
        for index in 0..<22 { _ = try await bench.signIn(neighbour, "user\(index)", "guess") }
        for _ in 0..<5 {
            _ = try await neighbour.post("/account/reset", form: ["email": "ann@example.org"])
        }
        #expect(try await bench.signIn(neighbour, "ann").status == 429)
        #expect(try await bench.signIn(owner, "ann").status == 303)
        let mail = try await owner.post("/account/reset", form: ["email": "ann@example.org"])
        #expect(mail.status == 200)
        // What makes a browser known is good for its own account alone.
        #expect(try await bench.signIn(owner, "bob", "guess").status == 429)
    }

    @Test("one address that guesses at many names is slowed down, others are not")
    func spraying() async throws {
        let bench = try AccountBench()
        _ = try await bench.signedUp("ann")
        let attacker = bench.app.browser(from: "192.0.2.66")
        var statuses: [Int] = []
        for index in 0..<40 {
            statuses.append(try await bench.signIn(attacker, "user\(index)", "guess").status.code)
        }
        #expect(statuses.prefix(21).allSatisfy { $0 == 403 })
        #expect(statuses.dropFirst(21).allSatisfy { $0 == 429 })
        let other = bench.app.browser(from: "192.0.2.77")
        #expect(try await bench.signIn(other, "ann").status == 303)
    }

    @Test("a link to choose a password is good once, in its time, and ends all sessions")
    func reset() async throws {
        let bench = try AccountBench()
        let browser = try await bench.signedUp("ann")
        func ask() async throws {
            _ = try await bench.app.browser().post(
                "/account/reset", form: ["email": "ann@example.org"])
        }
        try await ask()
        let mail = try #require(try await bench.mails(1).first)
        #expect(mail.link == "http://localhost" + mail.path)
        // Whoever asks for somebody else's mail writes the Host: no link leads to their address.
        for host in ["192.0.2.66:8080", "[2001:db8::66]"] {
            let origin = "http://" + host
            let answer = try await bench.app.browser().post(
                "/account/reset", form: ["email": "ann@example.org"],
                headers: ["Host": host, "Origin": origin])
            #expect(answer.status == 200)
        }
        let fresh = bench.app.browser()
        let page = try await fresh.get(mail.path)
        #expect(page.status == 200 && page.header("Cache-Control") == "no-store")
        let token = String(mail.path.split(separator: "token=")[1])
        func set(_ token: String, _ password: String) async throws -> Int {
            try await fresh.post(
                "/account/reset/new", form: ["token": token, "password": password]
            ).status.code
        }
        #expect(try await set(token + "A", "neuer langer satz") == 403)
        #expect(try await set(token, "password") == 422)
        #expect(try await set(token, "neuer langer satz") == 303)
        #expect(try await bench.user(of: fresh) != nil)
        #expect(try await bench.user(of: browser) == nil)
        #expect(try await set(token, "noch ein langer satz") == 403)
        #expect(try await fresh.get(mail.path).status == 403)

        try await ask()
        let mails = try await bench.mails(2)
        #expect(mails.allSatisfy { $0.link.hasPrefix("http://localhost/") })
        let late = try #require(mails.last)
        try await bench.app.advance(.seconds(3_601))
        #expect(
            try await set(String(late.path.split(separator: "token=")[1]), "x y z langer satz")
                == 403)
    }

    @Test(
        "of links to one account that are used at once one works, and the others are told so",
        arguments: ["one link", "two links"])
    func resetsAtOnce(_ links: String) async throws {
        let bench = try AccountBench()
        let ann = try await bench.signedUp("ann")
        var tokens = [try await bench.resetToken(bench.app.browser(), "ann", mail: 1)]
        tokens.append(
            links == "one link"
                ? tokens[0] : try await bench.resetToken(bench.app.browser(), "ann", mail: 2))
        // Each takes a hash between the look at the link and the change.
        let answers = try await withThrowingTaskGroup(of: (Int, TestResponse).self) { group in
            for number in 0..<4 {
                let (token, browser) = (tokens[number % 2], bench.app.browser())
                group.addTask {
                    let form = ["token": token, "password": "langer satz nummer \(number)"]
                    return (number, try await browser.post("/account/reset/new", form: form))
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let (good, late) = (
            answers.filter { $0.1.status == 303 }, answers.filter { $0.1.status == 403 }
        )
        #expect(good.count == 1 && late.count == 3)
        for answer in late.map(\.1) {
            #expect(answer.code == "forbidden" && answer.text.contains("This link does not hold"))
            #expect(answer.header("Set-Cookie") == nil)
        }
        #expect(try await bench.user(of: ann) == nil)
        for number in 0..<4 {
            let status = try await bench.signIn(ann, "ann", "langer satz nummer \(number)").status
            #expect(status == (number == good.first?.0 ? 303 : 403))
        }
    }

    @Test("somebody cannot be sent a hundred mails")
    func mailStorm() async throws {
        let bench = try AccountBench()
        _ = try await bench.signedUp("ann")
        var statuses: [Int] = []
        for index in 0..<10 {
            let browser = bench.app.browser(from: "192.0.2.\(index + 1)")
            statuses.append(
                try await browser.post("/account/reset", form: ["email": "ann@example.org"])
                    .status.code)
        }
        #expect(statuses == [200, 200, 200, 200, 429, 429, 429, 429, 429, 429])
    }

    @Test("no wire reads or writes accounts, whoever asks")
    func wires() async throws {
        let bench = try AccountBench()
        let browser = try await bench.signedUp("ann")
        let user = try #require(try await bench.user(of: browser))
        for scope in ["mizu:accounts", "user:somebody"] {
            #expect(try await browser.pull(scope: scope).status == 403)
            let push = try await browser.push("note.put", ["id": "n"], scope: scope)
            #expect(push.status == 403)
        }
        for (name, scope) in [
            ("mizu.session.create", "any"), ("mizu.account.delete", "user:\(user)"),
            ("mizu.account.empty", "any"),
        ] {
            let push = try await browser.push(name, ["user": user], scope: scope)
            #expect(!push.isApplied)
        }
    }

    @Test("sessions and secrets survive a restart, and passwords are hashed anew when it is time")
    func restart() async throws {
        let folder = try TemporaryFolder()
        let settings = ["DATABASE_URL": "sqlite:\(folder.path)/app.db"]
        var bench = try AccountBench(settings: settings)
        let browser = try await bench.signedUp("ann")
        let user = try #require(try await bench.user(of: browser))
        let invitation = try await bench.inside { $0.invitation() }
        let cookies = browser.cookies
        #expect(folder.mode(of: "session-secret") == 0o600)
        bench.app.stop()

        let stronger = PasswordParameters(memory: 16, passes: 2)
        bench = try AccountBench(settings: settings) { $0.hashing = stronger }
        let same = bench.app.browser()
        same.cookies = cookies
        #expect(try await bench.user(of: same) == user)
        let isSigned = try await bench.inside { accounts in
            let now = WallClock.milliseconds
            return accounts.keys.verify(invitation, for: .invitation, now: now) != nil
        }
        #expect(isSigned)
        let open = bench
        func parameters() async throws -> PasswordParameters? {
            try await open.inside { accounts in
                let found = try await accounts.credentials(of: EmailAddress("ann@example.org"))
                return found?.phc.flatMap { PasswordHash($0) }?.parameters
            }
        }
        #expect(try await parameters() == .weakest)
        #expect(try await bench.signIn(same, "ann").status == 303)
        #expect(try await parameters() == stronger)
        #expect(try await bench.signIn(same, "ann").status == 303)
        bench.app.stop()
    }
}
