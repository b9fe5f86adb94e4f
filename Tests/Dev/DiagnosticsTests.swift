// What a compiler complained of, read from whole outputs as Swift 6.3 and clang write them.

import Testing

@testable import MizuDev

@Suite("Diagnostics")
struct DiagnosticsTests {
    private func read(_ text: String) -> Diagnostics {
        Diagnostics(output: Array(text.utf8), root: "/work/shop")
    }

    static let output = """
        Building for debugging...
        [0/4] Write sources
        [3/5] Compiling Shop main.swift
        /work/shop/Sources/Shop/main.swift:143:14: error: cannot convert value of type 'String'
        141 | }
        142 | // a line
        143 | let x: Int = "no"
            |              `- error: cannot convert value of type 'String'
        144 | 
        [4/5] Emitting module Shop
        /work/shop/Sources/Shop/main.swift:143:14: error: cannot convert value of type 'String'
        143 | let x: Int = "no"
        /work/shop/Sources/Shop/main.swift:9:5: warning: variable 'y' was never used
        9 | var y = 1
        /usr/include/thing.h:3:1: error: unknown type name 'foo'
            3 | foo bar;
              | ^
        error: fatalError
        """

    @Test("errors come first, each once, with place, message and code")
    func whole() {
        let diagnostics = read(Self.output)
        #expect(diagnostics.list.map(\.severity) == [.error, .error, .warning])
        let first = diagnostics.list[0]
        #expect(first.file == "Sources/Shop/main.swift")
        #expect((first.line, first.column) == (143, 14))
        #expect(first.message == "cannot convert value of type 'String'")
        #expect(first.excerpt.count == 5)
        #expect(first.excerpt[2] == "143 | let x: Int = \"no\"")
        #expect(diagnostics.list[1].file == "/usr/include/thing.h")
        #expect(diagnostics.list[1].excerpt == ["    3 | foo bar;", "      | ^"])
        #expect(diagnostics.errors.count == 2)
    }

    @Test("a complaint about the package itself has no place")
    func package() {
        let diagnostics = read("error: 'shop': Invalid manifest\nmore\n")
        #expect(
            diagnostics.list == [
                Diagnostic(severity: .error, message: "'shop': Invalid manifest")
            ])
        #expect(diagnostics.tail == "error: 'shop': Invalid manifest\nmore\n")
    }

    @Test(
        "what is no complaint is none",
        arguments: [
            "", "\n\n", "error:", "a: error: b", "/x:1: error: b", "/x:a:2: error: b",
            "x:1:2: error: b", "note: error", "[3/5] Compiling error: no",
        ])
    func none(text: String) {
        #expect(read(text).list == [])
    }

    @Test("a path may hold colons and spaces")
    func oddPath() {
        let one = read("/work/shop/So urces/a:b.swift:1:2: error: c: d").list.first
        #expect(one?.file == "So urces/a:b.swift")
        #expect(one?.message == "c: d")
    }

    @Test("lists, excerpts and lines have limits, and bytes that are no text are repaired")
    func limits() {
        let many = (1...100).map { "/a.swift:\($0):1: error: no \($0)" }
        #expect(read(many.joined(separator: "\n")).list.count == Diagnostics.listedMax)
        let long = ["/a.swift:1:1: error: x"] + (1...50).map { "\($0) | code" }
        let excerpt = read(long.joined(separator: "\n")).list.first?.excerpt
        #expect(excerpt?.count == Diagnostics.excerptLinesMax)
        let wide = "/a.swift:1:1: error: " + String(repeating: "é", count: 1000)
        #expect((read(wide).list.first?.message.count ?? 0) < 1000)
        let bytes: [UInt8] = Array("/a.swift:1:1: error: ".utf8) + [0xFF, 0xC0, 0x41]
        #expect(Diagnostics(output: bytes, root: "/").list.first?.message.hasSuffix("A") == true)
    }

    @Test("every beginning of an output can be read")
    func prefixes() {
        let bytes = Array(Self.output.utf8)
        for end in bytes.indices {
            let diagnostics = Diagnostics(output: Array(bytes[..<end]), root: "/work/shop")
            #expect(diagnostics.list.count <= 4)
        }
    }
}
