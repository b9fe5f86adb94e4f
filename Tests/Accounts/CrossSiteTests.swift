// Forms of other sites, on each route below /account that changes something: none of them may
// change anything, sign anybody in or out, or set a cookie, whatever the browser says of where it
// came from; nor may an address that is only looked at.

import MizuTesting
import Testing

@testable import Mizu

@Suite("Forms of other sites")
struct CrossSiteTests {
    /// What a form of another site may look like.
    static let foreign: [[String: String]] = [
        ["Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"],
        ["Origin": "https://evil.example", "Sec-Fetch-Site": ""],
        ["Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"],
        // A frame without an origin, a redirect through another site.
        ["Origin": "null", "Sec-Fetch-Site": "cross-site"],
        ["Origin": "null", "Sec-Fetch-Site": ""],
        ["Origin": "null", "Sec-Fetch-Site": "same-site"],
        ["Origin": "", "Sec-Fetch-Site": "cross-site"],
        // A neighbour: another name, another port, names that only begin or end alike.
        ["Origin": "", "Sec-Fetch-Site": "same-site"],
        ["Origin": "http://sub.localhost", "Sec-Fetch-Site": "same-site"],
        ["Origin": "http://localhost:81", "Sec-Fetch-Site": "same-site"],
        ["Origin": "http://localhost.evil.example", "Sec-Fetch-Site": "cross-site"],
        ["Origin": "http://evil-localhost", "Sec-Fetch-Site": "cross-site"],
        ["Origin": "http://localhost@evil.example", "Sec-Fetch-Site": "cross-site"],
        ["Origin": "ftp://localhost", "Sec-Fetch-Site": "cross-site"],
    ]

    /// Each route that changes something, with what would be right in it.
    static let routes: [(path: String, form: [String: String])] = [
        ("/sign-in", ["email": "eve@example.org", "password": AccountBench.password]),
        ("/sign-up", ["email": "x@example.org", "name": "X", "password": "ein langer satz 9"]),
        ("/sign-out", [:]), ("/sign-out", ["everywhere": "1"]),
        ("/name", ["name": "Mallory"]),
        ("/password", ["old": AccountBench.password, "password": "anderer langer satz"]),
        ("/sessions", ["session": "others"]), ("/tokens", ["token": "all"]),
        ("/delete", ["password": AccountBench.password]),
        ("/reset", ["email": "ann@example.org"]),
        ("/reset/new", ["token": "x", "password": "anderer langer satz"]),
        ("/passkeys/register/options", [:]), ("/passkeys/register", [:]),
        ("/passkeys/sign-in/options", [:]), ("/passkeys/sign-in", [:]),
        ("/passkeys/remove", ["id": "x"]),
    ]

    @Test("a form of another site changes nothing, on any route", arguments: routes.indices)
    func forms(_ index: Int) async throws {
        let (path, form) = Self.routes[index]
        let bench = try AccountBench()
        let (ann, phone) = (try await bench.signedUp("ann"), bench.app.browser())
        _ = try await bench.signedUp("eve")
        _ = try await bench.signIn(phone, "ann")
        let (user, cookies) = (try await bench.user(of: ann), ann.cookies)
        for headers in Self.foreign {
            let answer = try await ann.post("/account" + path, form: form, headers: headers)
            #expect(answer.status == 403 && answer.code == "origin_denied", "\(headers)")
            #expect(answer.header("Set-Cookie") == nil)
            #expect(answer.header("Clear-Site-Data") == nil)
        }
        #expect(ann.cookies == cookies)
        for browser in [ann, phone] { #expect(try await bench.user(of: browser) == user) }
        #expect(try await ann.get("/_sync/session").json().member("name")?.string == "Ann")
        #expect(bench.mails.isEmpty)
        // There is such a route: the site's own form comes through to it.
        let own = try await ann.post("/account" + path, form: form)
        #expect(own.status.code != 404 && own.status.code != 405 && own.code != "origin_denied")
    }

    @Test("an address that is only looked at changes nothing", arguments: ["GET", "HEAD"])
    func looking(_ method: String) async throws {
        let bench = try AccountBench()
        let ann = try await bench.signedUp("ann")
        let user = try await bench.user(of: ann)
        for (path, form) in Self.routes {
            let query = form.map { "\($0.key)=\($0.value)" }.joined(separator: "&")
                .replacing(" ", with: "+")
            let answer = try await ann.send(
                method, "/account\(path)?\(query)", headers: ["Accept": "text/html"])
            #expect(answer.header("Set-Cookie") == nil && answer.header("Clear-Site-Data") == nil)
        }
        #expect(try await bench.user(of: ann) == user)
        #expect(bench.mails.isEmpty)
    }

    @Test("a page of another site opens no socket with somebody's cookie")
    func sockets() async throws {
        let bench = try AccountBench()
        let ann = try await bench.signedUp("ann")
        for headers in Self.foreign where headers["Origin"]?.isEmpty == false {
            await #expect(throws: TestError.self, "\(headers)") {
                try await ann.socket(headers: headers)
            }
        }
    }

    // MARK: What strangers learn

    @Test("an unknown address and a wrong password differ in nothing that is sent")
    func enumeration() async throws {
        let bench = try AccountBench()
        _ = try await bench.signedUp("ann")
        func answer(_ name: String, _ password: String) async throws -> [String] {
            let browser = bench.app.browser()
            let answer = try await bench.signIn(browser, name, password)
            let head = answer.headers.filter { $0.name != "Date" && $0.name != "X-Request-Id" }
            // What was typed stands in the page again; both names are as long.
            let text = answer.text.replacing("\(name)@example.org", with: "…")
            return ["\(answer.status.code)", "\(browser.cookies.keys.sorted())", text]
                + head.map { "\($0.name): \($0.value)" }
        }
        let wrong = try await answer("ann", "wrong password 9")
        #expect(wrong[0] == "403" && wrong[1] == "[]")
        #expect(try await answer("bob", "wrong password 9") == wrong)
        #expect(try await answer("bob", String(repeating: "x", count: 5_000)) == wrong)
        #expect(try await answer("ann", String(repeating: "x", count: 5_000)) == wrong)
    }

    @Test("whoever has many addresses of one network is one: an IPv6 /64 counts as one address")
    func network() async throws {
        let bench = try AccountBench()
        _ = try await bench.signedUp("ann")
        var statuses: [Int] = []
        for index in 1...30 {
            let browser = bench.app.browser(from: "2001:db8::\(index)")
            // What a sign-up says of an address that is taken must not be asked for ever.
            statuses.append(
                try await browser.post(
                    "/account/sign-up",
                    form: [
                        "email": "ann@example.org", "name": "X", "password": "ein langer satz 9",
                    ]
                ).status.code)
        }
        #expect(statuses.prefix(21).allSatisfy { $0 == 409 })
        #expect(statuses.dropFirst(21).allSatisfy { $0 == 429 })
        let other = bench.app.browser(from: "2001:db8:1::1")
        #expect(
            try await other.post(
                "/account/sign-up",
                form: ["email": "y@example.org", "name": "Y", "password": "ein langer satz 9"]
            ).status == 303)
        // A storm of mails is one, too.
        statuses = []
        for index in 1...30 {
            let browser = bench.app.browser(from: "2001:db8:2::\(index)")
            statuses.append(
                try await browser.post(
                    "/account/reset", form: ["email": "p\(index)@example.org"]
                ).status.code)
        }
        #expect(statuses.filter { $0 == 429 }.count == 9)
    }

    @Test("an IPv6 /48 has as many guesses as eight of its /64s")
    func site() async throws {
        let bench = try AccountBench()
        var statuses: [Int] = []
        for index in 1...165 {
            let browser = bench.app.browser(from: "2001:db8:3:\(index)::1")
            statuses.append(try await bench.signIn(browser, "user\(index)", "guess").status.code)
        }
        #expect(statuses.prefix(161).allSatisfy { $0 == 403 })
        #expect(statuses.dropFirst(161).allSatisfy { $0 == 429 })
        let other = bench.app.browser(from: "2001:db8:4::1")
        #expect(try await bench.signIn(other, "user", "guess").status == 403)
    }
}
