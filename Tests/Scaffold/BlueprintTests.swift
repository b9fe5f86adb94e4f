// What a new app consists of: every template with other names in it, and nothing of the template's
// own left over.

import Testing

@testable import MizuScaffold

@Suite("Blueprints")
struct BlueprintTests {
    @Test(
        "nothing of a template's own names is left, in texts or in paths",
        arguments: ["sync", "live", "minimal"])
    func filled(template: String) throws {
        let blueprint = try Embedded.blueprint(template, folder: "plain-words")
        for file in blueprint.files {
            let text = file.path + "\n" + String(decoding: file.bytes, as: UTF8.self)
            for own in ["Todo", "Counter", "Hello"] {
                for spelling in [
                    "Mizu\(own)", "Mizu \(own)", "mizu-\(own.lowercased())",
                    "mizu_\(own.lowercased())",
                ] {
                    #expect(!text.contains(spelling), "\(file.path) says \(spelling)")
                }
            }
            #expect(!text.contains("../../.."), "\(file.path)")
        }
    }

    @Test(
        "every template has what its owner needs",
        arguments: ["sync", "live", "minimal"])
    func complete(template: String) throws {
        let paths = Set(try Embedded.blueprint(template).files.map(\.path))
        let expected = [
            "Package.swift", "Makefile", "README.md", ".gitignore", "Assets/systemd/my-app.service",
        ]
        for path in expected { #expect(paths.contains(path), "\(path)") }
        #expect(!paths.contains("template.json"))
        #expect(!paths.contains("LICENSE"))
        #expect(paths.contains { $0.hasPrefix("Tests/") && $0.hasSuffix(".swift") })
    }

    @Test("the manifest has the names, and says where Mizu is")
    func manifest() throws {
        let text = try #require(try Embedded.blueprint("sync").text("Package.swift"))
        #expect(text.contains(#"name: "MyApp","#))
        #expect(text.contains(#".executable(name: "my-app", targets: ["MyAppServer"])"#))
        #expect(text.contains(#".package(name: "mizu", path: "/opt/mizu")"#))
        #expect(text.contains(#"package: "mizu""#))
        let odd = try Embedded.blueprint("sync", location: .folder(#"/a "b" \c"#))
        #expect(odd.text("Package.swift")?.contains(#"path: "/a \"b\" \\c")"#) == true)
    }

    @Test(
        "an address may end with a version, a branch or a commit",
        arguments: [
            ("https://example.org/x/mizu", #"url: "https://example.org/x/mizu", branch: "main""#),
            ("https://example.org/x/mizu.git@1.2.3", #"mizu.git", from: "1.2.3""#),
            ("https://example.org/x/mizu@v1.2.3", #"mizu", from: "1.2.3""#),
            ("https://example.org/x/mizu@next", #"branch: "next""#),
            ("https://me@example.org/x/mizu", #"url: "https://me@example.org/x/mizu", branch"#),
            ("git@example.org:x/mizu.git@1.0.0", #"url: "git@example.org:x/mizu.git", from"#),
            (
                "https://example.org/mizu@0123456789abcdef0123456789abcdef01234567",
                #"revision: "0123456789abcdef0123456789abcdef01234567""#
            ),
        ])
    func address(text: String, line: String) throws {
        let location = try MizuLocation(text)
        #expect(location.manifestLine.contains(line), "\(location.manifestLine)")
        #expect(location.identity == "mizu")
    }

    @Test("products are asked of the package by the name that its address gives it")
    func identity() throws {
        let location = try MizuLocation("https://example.org/Swift-Mizu.git@1.0.0")
        let text = try Embedded.blueprint(location: location).text("Package.swift")
        #expect(text?.contains(#"package: "swift-mizu""#) == true)
    }

    @Test(
        "what is no address of a package is refused",
        arguments: [
            "", "a\nb", "https://x/y@a b", "https://h/m\");print(\"x\");let x=(\"",
            "https://h/a\"b",
            "https://h/\\(1)", "https://h/a b", "https://h/a`b", "https://h/m?a", "https://h/m#a",
            "https://", "https:///m", "https://h", "https://h/", "https://h/.git", "https://h/..",
            "ftp://h/m", "javascript://h/m", "git@h", "git@:m", "git@h:", "git@a/b:m",
            "https://h/ä", "https://h/" + String(repeating: "m", count: 2_000),
        ])
    func badLocation(text: String) {
        let error = #expect(throws: ScaffoldError.self) { try MizuLocation(text) }
        #expect(error?.code == .badOption)
        #expect(error?.message.contains("print") != true)
    }

    @Test("an address with a password is taken, and warned of")
    func password() throws {
        #expect(try MizuLocation("https://user:secret@h.example/mizu@1.0.0").warning != nil)
        let plain = [
            "https://user@h.example/mizu", "git@h.example:mizu", "https://h:81/mizu", "/a:b@c",
        ]
        for text in plain {
            #expect(try MizuLocation(text).warning == nil, "\(text)")
        }
    }

    @Test("what is put into Swift, JSON or HTML is that text there")
    func quoting() {
        let odd = Array("a\"b\\(c)<&>\u{1}".utf8)
        func text(_ path: String) -> String {
            String(decoding: Quoting.of(path: path).apply(to: odd), as: UTF8.self)
        }
        #expect(text("App.swift") == #"a\"b\\(c)<&>\u{01}"#)
        #expect(text("site.webmanifest") == #"a\"b\\(c)<&>\u0001"#)
        #expect(text("a/page.html") == "a&quot;b\\(c)&lt;&amp;&gt;\u{1}")
        #expect(text("README.md") == "a\"b\\(c)<&>\u{1}")
    }

    @Test("an ampersand in a title is escaped where the file is HTML, and only there")
    func escaping() throws {
        let blueprint = try Embedded.blueprint("sync", title: "Salt & Pepper")
        let layout = try #require(blueprint.text("Assets/views/layouts/default.html"))
        #expect(layout.contains("Salt &amp; Pepper"))
        #expect(blueprint.text("README.md")?.hasPrefix("# Salt & Pepper\n") == true)
    }

    @Test("a title that contains a template's name is put in once")
    func once() throws {
        let text = try Embedded.blueprint("sync", title: "Mizu Todo Mizu").text("README.md")
        #expect(text?.hasPrefix("# Mizu Todo Mizu\n") == true)
    }

    @Test("variables replace their texts, and only known ones are taken")
    func variables() throws {
        let blueprint = try Embedded.blueprint("live", variables: ["summary": "Counts sheep."])
        #expect(blueprint.text("README.md")?.contains("Counts sheep.") == true)
        let unit = blueprint.text("Assets/systemd/my-app.service")
        #expect(unit?.contains("Description=Counts sheep.\n") == true)
        let error = try #require(throws: ScaffoldError.self) {
            try Embedded.blueprint("live", variables: ["sumary": "x"])
        }
        #expect(error.hint?.contains("summary") == true)
        let author = try #require(throws: ScaffoldError.self) {
            try Embedded.blueprint(variables: ["author": "Ada"])
        }
        #expect(author.hint?.contains("--license") == true)
    }

    @Test("a licence has its year and holder", arguments: [Licence.mit, .apache, .bsd])
    func licences(licence: Licence) throws {
        let text = try #require(try Embedded.blueprint(licence: licence).text("LICENSE"))
        #expect(text.contains("2031"))
        #expect(text.contains("The authors of My App"))
        let own = try Embedded.blueprint(
            licence: licence, variables: ["author": "Ada", "year": "1843"])
        #expect(own.text("LICENSE")?.contains("1843") == true)
        #expect(own.text("LICENSE")?.contains("Ada") == true)
        #expect(own.text("LICENSE")?.contains("[") == (licence == .apache ? true : false))
    }

    @Test(
        "a slip is answered with the word that was meant",
        arguments: [
            ("snyc", "sync"), ("minmal", "minimal"), ("Live", "live"), ("syn", "sync"),
        ])
    func slips(typed: String, meant: String) throws {
        let error = try #require(throws: ScaffoldError.self) { try Embedded.blueprint(typed) }
        #expect(error.hint == "did you mean \"\(meant)\"?")
    }

    @Test("what is near nothing is answered with all there is")
    func farOff() throws {
        let error = try #require(throws: ScaffoldError.self) { try Embedded.blueprint("django") }
        #expect(error.hint == "there are: sync, team, live, minimal")
        #expect(Suggestion.nearest(to: "", among: ["a"]) == nil)
        #expect(Suggestion.nearest(to: String(repeating: "a", count: 99), among: ["a"]) == nil)
    }
}
