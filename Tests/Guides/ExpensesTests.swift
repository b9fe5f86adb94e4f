// The expenses app, tested as its authors would: households, their members, a person in two of them,
// the total of a month, the bank's rows and the card's payments.

import Foundation
import Mizu
import MizuTesting
import Synchronization
import Testing

@testable import MizuExpenses

@Suite("The expenses app")
struct ExpensesTests {
    private static let secret = "what only the card company knows"

    private static let views = Assets([
        "views/pages/household.html": """
        {{household}}: {{#totals}}{{cents}} {{/totals}}
        {{#expenses}}<li>{{title}} {{cents}}</li>{{/expenses}}
        """
    ])

    private static func app() throws -> TestApp {
        try TestApp { try makeExpenses($0, assets: views, secret: secret) }
    }

    /// A household of ann's with bob in it.
    private static func household() async throws -> TestApp {
        let app = try app()
        let form = ["id": "e1", "title": "Bread", "cents": "320", "mutation": "m1"]
        let page = try await app.post("/h/oak", form: form, as: "ann", redirects: .followed)
        #expect(page.status == 200)
        #expect(page.text.contains("Bread 320"))
        let link = try await app.post("/h/oak/invite", form: [:], as: "ann")
        #expect(link.status == 200)
        let joined = try await app.post(link.text, form: [:], as: "bob", redirects: .followed)
        #expect(joined.status == 200)
        return app
    }

    private static func totals(_ app: TestApp, as user: String) async throws -> [String: Total] {
        try await app.pull(as: user, scope: "oak").records(of: "total")
    }

    @Test("members add and see; a month's total follows, by who paid")
    func totals() async throws {
        let app = try await Self.household()
        _ = try await app.push(
            "expense.add", json: #"{"id":"e2","title":"Milk","cents":150}"#, as: "bob", scope: "oak"
        )
        _ = try await app.push(
            "expense.add", json: #"{"id":"e3","title":"Rent","cents":90000,"day":"2025-12-31"}"#,
            as: "ann", scope: "oak")
        #expect(
            try await Self.totals(app, as: "bob") == [
                "2026-01": Total(cents: 470, byPayer: ["ann": 320, "bob": 150]),
                "2025-12": Total(cents: 90_000, byPayer: ["ann": 90_000]),
            ])
        let others = try await app.push("expense.delete", ["id": "e1"], as: "bob", scope: "oak")
        #expect(others.code == "forbidden")
        let own = try await app.push("expense.delete", ["id": "e2"], as: "bob", scope: "oak")
        #expect(own.isApplied)
        let owners = try await app.push("expense.delete", ["id": "e1"], as: "ann", scope: "oak")
        #expect(owners.isApplied)
        #expect(try await Self.totals(app, as: "ann")["2026-01"] == Total())
    }

    @Test("a person is in two households, and a stranger in none")
    func households() async throws {
        let app = try await Self.household()
        let elm = ["id": "e1", "title": "Tea", "cents": "80", "mutation": "m1"]
        #expect(try await app.post("/h/elm", form: elm, as: "bob").status == 303)
        let scopes = try await app.pull(as: "bob", scope: "user:bob")
        #expect(Set(scopes.changes.map(\.id)) == ["oak", "elm"])
        #expect(try await app.get("/h/elm", as: "bob").text.contains("Tea 80"))
        #expect(try await app.get("/h/elm", as: "ann").status == 403)
        #expect(try await app.get("/h/oak", as: "eve").status == 403)
        #expect(try await app.post("/h/oak/invite", form: [:], as: "bob").status == 403)
    }

    @Test("who is taken out sees nothing more, on an open page neither")
    func removal() async throws {
        let app = try await Self.household()
        let socket = try await app.socket(as: "bob")
        #expect(try await socket.subscribe("sync:oak").type == "ack")
        let out = try await app.push("member.remove", ["user": "bob"], as: "ann", scope: "oak")
        #expect(out.isApplied)
        #expect(try await socket.next("error").code == "scope_denied")
        #expect(try await app.get("/h/oak", as: "bob").status == 403)
    }

    @Test("the bank's rows are imported by the hour, each once, however often they come")
    func bank() async throws {
        let rows = Mutex("2026-01-02;Water;4500\nno row\n2026-01-03;Power;6100\n")
        let app = try TestApp { configuration in
            try makeExpenses(configuration, assets: Self.views, secret: Self.secret) {
                ["oak": rows.withLock { $0 }]
            }
        }
        _ = try await app.push(
            "expense.add", json: #"{"id":"e1","title":"Bread","cents":320}"#, as: "ann",
            scope: "oak")
        // The job's first run is in the first minute.
        try await app.advance(.seconds(60))
        try await Self.wait(for: ["ann": 320, "bank": 10_600], in: "2026-01", app)
        rows.withLock { $0 += "2026-02-01;Gas;100\n" }
        try await app.advance(.seconds(3600))
        try await Self.wait(for: ["bank": 100], in: "2026-02", app)
        #expect(try await Self.totals(app, as: "ann")["2026-01"]?.cents == 10_920)
    }

    /// Jobs have a thread of their own.
    private static func wait(
        for payers: [String: Int], in month: String, _ app: TestApp
    ) async throws {
        for _ in 0..<30_000 where try await totals(app, as: "ann")[month]?.byPayer != payers {
            try await Task.sleep(for: .milliseconds(2))
        }
        #expect(try await totals(app, as: "ann")[month]?.byPayer == payers)
    }

    @Test("a person with an account and a session has a household of their own")
    func accounts() async throws {
        let app = try Self.app()
        let ann = app.browser()
        let form = [
            "email": "ann@example.org", "name": "Ann", "password": "gurkensalat mit dill",
            "next": "/h/elm",
        ]
        #expect(try await ann.post("/account/sign-up", form: form).location == "/h/elm")
        let tea = ["id": "e1", "title": "Tea", "cents": "80", "mutation": "m1"]
        let page = try await ann.post("/h/elm", form: tea, redirects: .followed)
        #expect(page.text.contains("Tea 80"))
        #expect(try await app.browser().get("/h/elm").status == 403)
    }

    @Test("a card's payment counts once, and only with the company's signature")
    func card() async throws {
        let app = try await Self.household()
        let body = Array(#"{"id":"p1","shop":"Bakery","cents":700}"#.utf8)
        let code = SHA256.authenticationCode(of: body, key: Array(Self.secret.utf8)).hex
        for _ in 1...2 {
            let told = try await app.send(
                "POST", "/card/oak", headers: ["X-Signature": code], body: body)
            #expect(told.status == 204)
        }
        #expect(try await Self.totals(app, as: "ann")["2026-01"]?.byPayer["card"] == 700)
        for wrong in ["", "00", String(code.reversed())] {
            let told = try await app.send(
                "POST", "/card/oak", headers: ["X-Signature": wrong], body: body)
            #expect(told.status == 401)
        }
    }

    @Test("it is as short as it was to be")
    func size() throws {
        func lines(_ path: String) throws -> Int {
            let tests = URL(fileURLWithPath: #filePath)
                .deletingLastPathComponent().deletingLastPathComponent()
            return try String(contentsOf: tests.appendingPathComponent(path), encoding: .utf8)
                .split(separator: "\n", omittingEmptySubsequences: false).count - 1
        }
        #expect(try lines("Expenses/ExpensesApp.swift") <= 200)
        #expect(try lines("Expenses/expenses.js") <= 40)
    }
}
