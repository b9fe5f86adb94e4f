// Reads the sources and holds them to the house's rules: how a file begins and how long it may be,
// names and calls that are not used, and what lies at the top level. Who may import what is in
// RoomTests.

import Foundation
import MizuScaffold
import Testing

@Suite("The sources keep the rules of the house")
struct TidyTests {
    @Test("every room in Sources has a row in the guide's table of rooms, and every row a room")
    func rooms() throws {
        let rows = SourceTree.text("Assets/Guides/architecture.md").split(separator: "\n").map {
            line in
            line.split(separator: "|", omittingEmptySubsequences: false)
                .map { $0.trimmingCharacters(in: [" ", "`", "*"]) }
        }
        let head = try #require(
            rows.firstIndex { $0.count > 2 && $0[1] == "room" && $0[2] == "its one duty" },
            "architecture.md has no table of rooms and their duties")
        let named = rows[(head + 2)...].prefix { $0.count > 2 }.map { $0[1] }
        #expect(Set(named) == Set(SourceTree.names(in: "Sources")))
    }

    @Test("no line is longer than 100 columns", arguments: SourceTree.swift + SourceTree.c)
    func columns(file: SourceFile) {
        for (index, line) in file.lines.enumerated() where line.count > 100 {
            Issue.record("\(file.path):\(index + 1) has \(line.count) columns")
        }
    }

    @Test("no bare function lies in a Mutex (FunctionSlot says why)", arguments: SourceTree.swift)
    func functionsInMutexes(file: SourceFile) {
        for (index, line) in file.lines.enumerated() where !line.hasPrefix("//") {
            if line.contains(/Mutex<\(*(@Sendable )?\(.*\) *->/) {
                Issue.record("\(file.path):\(index + 1): a FunctionSlot does not grow by calls")
            }
        }
    }

    @Test("no file is longer than 450 lines", arguments: SourceTree.swift + SourceTree.c)
    func length(file: SourceFile) {
        #expect(file.lines.count <= 450, "\(file.path): is it one concept?")
    }

    @Test(
        "every file opens with a paragraph of its own", arguments: SourceTree.swift + SourceTree.c)
    func paragraph(file: SourceFile) {
        // A sentence at least; most take several lines.
        let opening = file.lines.prefix { $0.hasPrefix("//") }.joined(separator: " ")
        #expect(
            opening.count >= 40 && opening.contains("."), "\(file.path) does not say what it is for"
        )
    }

    @Test("nothing is left for later, and no placeholder stays")
    func leftovers() throws {
        let marks = try Regex(#"\b(FIXME|TODO|XXX|HACK)\b"#)
        for file in SourceTree.swift + SourceTree.c {
            for (index, line) in file.lines.enumerated() where line.contains(marks) {
                Issue.record("\(file.path):\(index + 1): \(line)")
            }
        }
        let placeholders = (SourceTree.paths(under: "Sources") + SourceTree.paths(under: "Tests"))
            .filter { $0.hasSuffix("Placeholder.swift") }
        #expect(placeholders == [])
    }

    @Test(
        "a construct that the house does without is nowhere in the sources",
        arguments: [
            #"\btry!"#, #"\bas!"#, #"\bfatalError\("#, #"\bnonisolated\(unsafe\)"#,
            #"\bimport\s+Foundation"#, #"\busleep\(|\bsleep\("#, #"\bSIMD\d+<"#,
            #"\b(class|struct|enum|actor|protocol|typealias)\s+\w*(Manager|Helper|Utils)\w*"#,
        ])
    func banned(pattern: String) throws {
        for file in SourceTree.swift {
            #expect(try file.matches(pattern) == [])
        }
    }

    @Test("only the command line prints")
    func printing() throws {
        for file in SourceTree.swift where file.room != "CLI" {
            #expect(try file.matches(#"(^|[^.\w])(debugPrint|print|dump)\("#) == [])
        }
    }

    @Test("unchecked Sendable are SharedBytes, counters, and what a worker's task captures")
    func unchecked() throws {
        let found = try SourceTree.swift.flatMap { try $0.matches("@unchecked") }
        let files = [
            "Sources/Bytes/SharedBytes.swift", "Sources/Metrics/CounterWords.swift",
            "Sources/Server/TaskDriver.swift",
        ]
        #expect(found.map { $0.prefix { $0 != ":" } }.sorted() == files.map { $0[...] })
    }

    @Test("no shim header defines _GNU_SOURCE: two modules would then see glibc differently")
    func featureMacros() {
        for file in SourceTree.c where file.path.hasSuffix(".h") {
            #expect(!file.code.contains { $0.contains("_GNU_SOURCE") }, "\(file.path)")
        }
    }

    @Test(
        "a template's table of embedded files names every view and static file, sorted",
        arguments: ["sync", "live"])
    func assetsTable(template: String) {
        let folder = "Assets/Templates/\(template)"
        let assets = ["static", "views"].flatMap { part in
            SourceTree.paths(under: "\(folder)/Assets/\(part)")
                .map { String($0.dropFirst(folder.count + "/Assets/".count)) }
        }
        #expect(
            Self.rows(of: "\(folder)/CShims/CAssets/CAssets.c") == assets,
            "run `make assets` and commit what it writes")
    }

    @Test("the table of `mizu new` names every file of every template and licence, sorted")
    func templatesTable() {
        let built: Set<Substring> = [".build", ".swiftpm", "data", "Package.resolved"]
        let files = ["Licenses", "Templates"].flatMap { part in
            SourceTree.paths(under: "Assets/" + part, including: .all)
                .filter { !$0.split(separator: "/").contains(where: built.contains) }
                .map { String($0.dropFirst("Assets/".count)) }
        }
        #expect(
            Self.rows(of: "CShims/CTemplates/CTemplates.c") == files,
            "run `make assets` and commit what it writes")
    }

    @Test("what `make assets` writes is up to date, the joined scripts too")
    func assetsWritten() {
        // Foundation's Process reads beyond the end of readdir(3)'s buffer when a process has a
        // thousand open files, as this one may have: the address sanitizer ends it there.
        let script = SourceTree.root.appendingPathComponent("CShims/assets.sh").path
        let status = system("sh '\(script)' --check")
        #expect(status == 0, "run `make assets` and commit what it writes")
    }

    private static func rows(of table: String) -> [String] {
        SourceTree.text(table).split(separator: "\n").filter { $0.hasPrefix("    {\"") }
            .map { String($0.dropFirst(6).prefix { $0 != "\"" }) }
    }

    @Test("no app can have the name of one of this package's targets")
    func reservedNames() {
        let manifest = SourceTree.text("Package.swift")
        let names = manifest.matches(of: /\.(?:executableT|t)arget\(\s*name: "(\w+)"/)
            .map { String($0.1) }
        #expect(names.count >= 10)
        for name in names {
            #expect(throws: ScaffoldError.self, "\(name) is free") { try ModuleName(name) }
        }
    }

    @Test("the top level holds what was agreed and nothing else")
    func topLevel() {
        let agreed: Set = [
            "Package.swift", "README.md", "LICENSE", "Makefile", "Sources", "Tests", "CShims",
            "Assets",
        ]
        // Not committed: what SwiftPM resolves, and the data of a server that was run here.
        let ignored: Set = ["Package.resolved", "data"]
        let found = SourceTree.names(in: ".").filter { !$0.hasPrefix(".") && !ignored.contains($0) }
        #expect(Set(found) == agreed)
    }
}
