// Holds comments and guides to what there is, so that a reader who follows a name finds something:
// titles of guides, files of the form `Type+Aspect`, types and functions between back ticks. It
// knows names only, not whether they mean what the sentence says.

import Testing

@Suite("What comments and guides name is there")
struct CitationTests {
    /// Names between back ticks that others own: of Swift's library, of HTTP, of systemd, of Linux,
    /// of JavaScript; and examples. Everything else must be declared in this package.
    static let foreign: Set<String> = [
        "Codable", "CodingKey", "Decodable", "Decoder", "DecodingError", "Double", "Encodable",
        "Encoder", "Int", "Sendable", "Set", "StaticString", "String", "Synchronization",
        "UnsafeMutableRawPointer", "Span",
        "Accept", "Allow", "Connection", "Date", "ETag", "Forwarded", "Host", "Location", "Origin",
        "Upgrade", "Vary",
        "LimitNOFILE", "Math", "MyApp", "MyHTTPApp2", "MyTodoApp", "Offline", "SameSite",
    ]

    /// Markdown that is neither a guide nor the README.
    static let otherDocuments: Set = ["xxhash_spec.md"]

    /// Every file with comments that name things, but for this one, which speaks of their form.
    static let commented =
        SourceTree.swift + SourceTree.c + [SourceFile(path: "Package.swift")]
        + SourceTree.files(under: "Tests", ending: ".swift")
        .filter { $0.baseName != "CitationTests" }

    static let scripts =
        SourceTree.files(under: "Assets", ending: ".js")
        + SourceTree.files(under: "Tests", ending: ".py")

    static let guides =
        SourceTree.files(under: "Assets/Guides", ending: ".md") + [SourceFile(path: "README.md")]

    /// The words of all code: what a name between back ticks may be made of.
    static let identifiers = Set(
        (commented + scripts).flatMap { file in file.code.flatMap(Words.of) })

    /// Types, the classes of scripts too, generic parameters, files and targets.
    static let types: Set<String> = {
        let kinds: Set = [
            "struct", "class", "enum", "protocol", "actor", "typealias", "associatedtype",
        ]
        var found = foreign
        for file in commented {
            found.insert(file.baseName)
            for line in file.code {
                let words = Words.of(line)
                for (kind, name) in zip(words, words.dropFirst()) where kinds.contains(kind) {
                    found.insert(name)
                }
                // Generic parameters, names of targets, and structures of C.
                if line.contains("<") || file.path == "Package.swift" || !file.isSwift {
                    found.formUnion(words)
                }
            }
        }
        for line in scripts.flatMap(\.code) {
            let words = Words.of(line)
            for (kind, name) in zip(words, words.dropFirst()) where kind == "class" {
                found.insert(name)
            }
        }
        return found.union(["Mizu"] + SourceTree.names(in: "CShims"))
    }()

    @Test("a title that a comment cites stands in that guide")
    func titles() {
        let titles = Dictionary(uniqueKeysWithValues: Self.guides.map { ($0.name, $0.titles) })
        for file in Self.commented + Self.scripts + Self.guides {
            for (guide, title) in file.citations {
                #expect(
                    titles[guide]?.contains(title) == true, "\(file.path): \(guide), \"\(title)\"")
            }
        }
    }

    @Test("a document that a comment names is a guide or the README")
    func documents() {
        let known = Self.otherDocuments.union(Self.guides.map(\.name))
        for file in Self.commented where !file.path.hasPrefix("Tests/") {
            for comment in file.comments where comment.contains(".md") {
                for match in comment.matches(of: /[\w-]+\.md\b/) {
                    #expect(known.contains(String(match.0)), "\(file.path): \(comment)")
                }
            }
        }
    }

    @Test("an aspect that a comment or a guide names is a file")
    func aspects() {
        let files = Set(Self.commented.map(\.baseName))
        for file in Self.commented + Self.guides {
            for text in file.prose where text.contains("+") {
                for match in text.matches(of: /\b[A-Z]\w+\+[A-Z]\w+\b/) {
                    #expect(files.contains(String(match.0)), "\(file.path): \(match.0)")
                }
            }
        }
    }

    @Test("a type or function between back ticks is declared somewhere")
    func names() {
        for file in Self.commented + Self.guides {
            for text in file.prose where text.contains("`") {
                for quoted in text.split(separator: "`", omittingEmptySubsequences: false)
                    .enumerated().filter({ $0.offset % 2 == 1 }).map(\.element)
                {
                    if let missing = Self.missingName(in: quoted) {
                        Issue.record("\(file.path): `\(quoted)`: there is no \(missing)")
                    }
                }
            }
        }
    }

    /// The part of a name in Swift's form (`Type`, `Type.member`, `function(label:)`) that nothing
    /// declares; nil if there is none, or the text has another form.
    private static func missingName(in quoted: Substring) -> String? {
        let path = quoted.prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "." }
        let rest = quoted.dropFirst(path.count)
        guard rest.isEmpty || (rest.hasPrefix("(") && rest.hasSuffix(")")) else { return nil }
        let parts = path.split(separator: ".").map(String.init)
        guard let first = parts.first, !path.hasPrefix(".") else { return nil }
        let isType = first.first?.isUppercase == true && first.contains(where: \.isLowercase)
        if isType, !types.contains(first) { return first }
        guard !rest.isEmpty || (isType && !foreign.contains(first)) else { return nil }
        return parts.first { !identifiers.contains($0) && !types.contains($0) }
    }

    @Test("the README is for one reader: at most 150 lines")
    func readme() {
        #expect(SourceFile(path: "README.md").lines.count <= 150)
    }
}

/// The words of a line of code.
enum Words {
    static func of(_ line: String) -> [String] {
        line.utf8.split { !isWord($0) }.map { String(Substring($0)) }
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}

extension SourceFile {
    var name: String { path.split(separator: "/").last.map(String.init) ?? path }
    var baseName: String { String(name.prefix { $0 != "." }) }
    var isSwift: Bool { path.hasSuffix(".swift") }

    /// What stands behind `//` on each line that has it.
    var comments: [String] {
        zip(lines, code).compactMap { line, code in
            line.count == code.count ? nil : String(line.dropFirst(code.count))
        }
    }

    /// The lines that are written for people: comments, or a guide without its fenced blocks.
    var prose: [String] {
        guard path.hasSuffix(".md") else { return comments }
        var isFenced = false
        return lines.filter { line in
            if line.hasPrefix("```") { isFenced.toggle() }
            return !isFenced && !line.hasPrefix("    ")
        }
    }

    /// A guide's headings, and the words in bold with which its paragraphs begin.
    var titles: Set<String> {
        var found: Set<String> = []
        for line in prose {
            if let heading = line.firstMatch(of: /^#+ (.+)$/) { found.insert(String(heading.1)) }
            for lead in line.matches(of: /\*\*([^*]+?)\.?\*\*/) { found.insert(String(lead.1)) }
        }
        return found
    }

    /// Each `guide.md, "Title"` of the text; a title may begin on the next line of its comment.
    var citations: [(guide: String, title: String)] {
        guard lines.contains(where: { $0.contains(".md,") }) else { return [] }
        let text = lines.joined(separator: "\n").replacing(
            /\n[ \t]*(?:\/\/+|\*|#)?[ \t]*/, with: " ")
        return text.matches(of: /([\w-]+\.md), "([^"]+)"/).map { (String($0.1), String($0.2)) }
    }
}
