// What changed files mean, from a table.

import Testing

@testable import MizuDev

@Suite("PathRules")
struct PathRulesTests {
    static let rules = PathRules(assets: "Assets", tests: ["Tests/AppTests"])

    static let table: [(String, Change?)] = [
        ("Assets/static/css/app.css", .stylesheet("static/css/app.css")),
        ("Assets/views/pages/home.html", .page("views/pages/home.html")),
        ("Assets/static/js/app.js", .page("static/js/app.js")),
        ("Assets/static/img/a.svg", .page("static/img/a.svg")),
        ("Assets/views/pages/home.html~", nil),
        ("Assets/views/pages/.home.html.swp", nil),
        ("Assets/views/pages/4913", nil),
        ("Assets/static/#app.css#", nil),
        ("Assets/static/css/.#app.css", nil),
        ("Sources/App/main.swift", .source("Sources/App/main.swift")),
        ("Sources/CThing/include/thing.h", .source("Sources/CThing/include/thing.h")),
        ("Sources/App/notes.txt", nil),
        ("Sources/App/main.swift.orig", nil),
        ("Package.swift", .source("Package.swift")),
        ("Package.resolved", .source("Package.resolved")),
        ("Sources/Package.resolved", nil),
        ("README.md", nil),
        ("Tests/AppTests/AppTests.swift", nil),
        ("Tests/Other/Other.swift", .source("Tests/Other/Other.swift")),
        (".build/debug/App.build/main.swift", nil),
        ("Sources/.hidden/a.swift", nil),
        (".git/HEAD", nil),
        ("data/mizu.db", nil),
        ("data/a.swift", nil),
        ("Assets/data/a.json", .page("data/a.json")),
        ("mizu.db-wal", nil),
        ("Assets/mizu.db", nil),
        ("node_modules/a/b.c", nil),
        ("", nil),
        ("Assets/", nil),
        ("AssetsOther/a.css", nil),
    ]

    @Test("a path means what the table says", arguments: table)
    func meaning(path: String, change: Change?) {
        #expect(Self.rules.meaning(of: path) == change)
    }

    @Test("assets may lie deeper, as those of the template here do")
    func deeper() {
        let rules = PathRules(assets: "Assets/Templates/sync/Assets/")
        #expect(
            rules.meaning(of: "Assets/Templates/sync/Assets/static/a.css")
                == .stylesheet("static/a.css"))
        #expect(
            rules.meaning(of: "Assets/Templates/sync/Sources/App/App.swift")
                == .source("Assets/Templates/sync/Sources/App/App.swift"))
        #expect(
            rules.meaning(of: "Assets/Client/lane.js") == .page("Assets/Client/lane.js"),
            "the client that its pages import")
    }

    @Test(
        "folders that are hidden or hold data are not looked into",
        arguments: [
            (".build", false), (".git", false), ("data", false), ("Sources/node_modules", false),
            ("Sources", true), ("Assets/views", true), ("Sources/data", true), ("a/.b", false),
        ])
    func folders(path: String, follows: Bool) {
        #expect(Self.rules.follows(folder: path) == follows)
    }
}
