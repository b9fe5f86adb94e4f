// The app as people use it: sign-up, a list, an invitation, an edit, the end of a membership. All
// by plain forms, so what works here works without JavaScript.

import Mizu
import MizuTesting
import Testing

@testable import MizuTeam
@testable import MizuTeamServer

@Suite("People and their lists")
struct PeopleTests {
    /// The whole app, with a database in memory.
    static func app() throws -> TestApp {
        try TestApp { try makeApp($0, assets: embeddedAssets()) }
    }

    /// Somebody with an account, signed in.
    static func person(_ name: String, in app: TestApp) async throws -> TestBrowser {
        let browser = app.browser()
        let answer = try await browser.post(
            "/account/sign-up",
            form: [
                "name": name, "email": "\(name)@example.org", "password": "a sentence of \(name)",
            ])
        #expect(answer.status == 303)
        return browser
    }

    /// - Returns: the path of a new list's page.
    static func list(_ title: String, of browser: TestBrowser) async throws -> String {
        let made = try await browser.post("/lists", form: ["title": title])
        #expect(made.status == 303)
        return try #require(made.location)
    }

    /// - Returns: the path of a link that lets somebody in.
    static func invitation(
        to list: String, as role: String, by browser: TestBrowser
    ) async throws -> String {
        let made = try await browser.post(list, form: ["do": "invite", "role": role])
        let query = try #require(made.location).split(separator: "link=").last ?? ""
        return try #require(PercentCoding.decode(ByteSlice(String(query)))?.string)
    }

    @Test("nobody is shown what the app is, and a list sends them to the sign-in")
    func nobody() async throws {
        let app = try Self.app()
        #expect(try await app.get("/").text.contains("Make an account"))
        let list = try await app.get("/lists/abc")
        #expect(list.status == 303 && list.location?.hasPrefix("/account/sign-in") == true)
    }

    @Test("an owner invites, an editor edits, and is taken out again")
    func story() async throws {
        let app = try Self.app()
        let ann = try await Self.person("Ann", in: app)
        let bob = try await Self.person("Bob", in: app)
        let list = try await Self.list("Milk & bread", of: ann)
        #expect(try await ann.get("/").text.contains("Milk &amp; bread"))
        #expect(try await bob.get(list).status == 403)

        let link = try await Self.invitation(to: list, as: "editor", by: ann)
        #expect(try await bob.get(link).text.contains("Somebody shares a list"))
        #expect(try await bob.post(link, form: [:]).location == list)
        let add = ["do": "add", "id": "i1", "title": "Tea"]
        #expect(try await bob.post(list, form: add).status == 303)
        #expect(try await bob.post(list, form: add).status == 303)
        let page = try await ann.get(list)
        #expect(page.text.ranges(of: ">Tea<").count == 1)
        #expect(page.text.contains("Bob"))

        let removed = try await ann.post(
            list, form: ["do": "remove", "user": try await Self.me(bob)])
        #expect(removed.location == list)
        #expect(try await bob.get(list).status == 403)
        #expect(try await !bob.get("/").text.contains("Milk &amp; bread"))
        // Nor does the link let him in again.
        #expect(try await bob.post(link, form: [:]).location?.contains("not_found") == true)
        #expect(try await bob.get(list).status == 403)
    }

    @Test("whoever may only read from now on does not get more by the link of before")
    func lowered() async throws {
        let app = try Self.app()
        let ann = try await Self.person("Ann", in: app)
        let bob = try await Self.person("Bob", in: app)
        let list = try await Self.list("Milk", of: ann)
        let scope = "list:" + list.dropFirst("/lists/".count)
        let link = try await Self.invitation(to: list, as: "editor", by: ann)
        _ = try await bob.post(link, form: [:])
        let me = try await Self.me(bob)
        // Nobody makes an owner of themselves.
        let asked = try await bob.post(list, form: ["do": "owner", "user": me])
        #expect(asked.location?.contains("problem=forbidden") == true)
        let made = try await ann.post(list, form: ["do": "owner", "user": me])
        #expect(made.location == list)
        // Who may manage may step down by themselves.
        let down = ["user": me, "role": "reader"]
        #expect(try await bob.push("member.role", down, scope: scope).isApplied)
        _ = try await bob.post(link, form: [:])
        let add = ["do": "add", "id": "i1", "title": "Tea"]
        #expect(try await bob.post(list, form: add).status == 403)
    }

    @Test("a reader sees and does not write")
    func reader() async throws {
        let app = try Self.app()
        let ann = try await Self.person("Ann", in: app)
        let bob = try await Self.person("Bob", in: app)
        let list = try await Self.list("Milk", of: ann)
        let link = try await Self.invitation(to: list, as: "reader", by: ann)
        _ = try await bob.post(link, form: [:])
        #expect(try await bob.get(list).status == 200)
        let add = ["do": "add", "id": "i1", "title": "Tea"]
        #expect(try await bob.post(list, form: add).status == 403)
    }

    /// Who somebody is, as the page's script asks.
    static func me(_ browser: TestBrowser) async throws -> String {
        try #require(try await browser.get("/_sync/session").json().member("user")?.string)
    }
}
