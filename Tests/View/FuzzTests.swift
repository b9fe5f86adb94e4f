// Templates of any text: they compile or they are refused, they render or they throw, in bounded
// time. Seeded: a failure names the seed that brings it back.

import MizuBytes
import MizuTestSupport
import MizuView
import Testing

@Suite("Arbitrary templates")
struct FuzzTests {
    static let pieces = [
        "{{", "}}", "{{{", "}}}", "{{#a}}", "{{/a}}", "{{^a}}", "{{$b}}", "{{/b}}", "{{<p}}",
        "{{/p}}", "{{>p}}", "{{>q}}", "{{>*n}}", "{{<*n}}", "{{/*n}}", "{{a}}", "{{&a}}", "{{.}}",
        "{{!x}}", "{{=<% %>=}}", "<%={{ }}=%>", "<%a%>", "\n", "\r\n", "\r", "  ", "\t", "text",
        "{{a.b}}", "{{#.}}", "{{/.}}", "=", "*", "\u{0}", "é", "{{>main}}",
    ]

    @Test("no template of shuffled tags crashes or hangs", arguments: 0..<8)
    func shuffledTags(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let data: ViewValue = ["a": [1, ["a": [], "b": "<"], "x"], "n": "q", "b": true]
        var compiled = 0
        for _ in 0..<150 {
            var files: [String: String] = ["q": "q\n{{$b}}\n  d\n{{/b}}\n"]
            for name in ["main", "p"] {
                files[name] = FuzzTests.balanced(&random, depth: 0)
            }
            compiled += FuzzTests.rendersOrThrows(files, data) ? 1 : 0
            files["main"] = (0..<Int.random(in: 0..<20, using: &random))
                .map { _ in FuzzTests.pieces.randomElement(using: &random) ?? "" }.joined()
            compiled += FuzzTests.rendersOrThrows(files, data) ? 1 : 0
        }
        // Otherwise the generator tests refusals only.
        #expect(compiled > 40, "seed \(seed)")
    }

    @Test("no template of random bytes crashes, and changed bytes of a page do not either")
    func randomBytes() {
        var random = SeededGenerator(seed: 42)
        let alphabet = Array("{}#/^$<>=!&*. ab\n\r\t\u{80}".utf8)
        for _ in 0..<1000 {
            let bytes = (0..<Int.random(in: 0..<60, using: &random))
                .map { _ in alphabet.randomElement(using: &random) ?? 0 }
            let template = try? Template(name: "t", source: ByteSlice(bytes))
            _ = try? template?.render(["a": [1, 2], "b": "x"])
        }
        let page = Array((ViewSetTests.app["pages/home.html"] ?? "").utf8)
        for _ in 0..<200 {
            var bytes = page
            for _ in 0..<3 {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                bytes[index] = UInt8.random(in: 0...255, using: &random)
            }
            do throws(TemplateError) {
                _ = try Template(name: "t", source: ByteSlice(bytes))
            } catch {
                #expect(error.line >= 1 && error.column >= 1)
                _ = error.debugPage()
            }
        }
    }

    @Test("text without tags is rendered as it is, and text between tags is kept")
    func textIsKept() throws {
        var random = SeededGenerator(seed: 7)
        for _ in 0..<300 {
            let texts = (0..<5).map { _ in
                String(
                    (0..<Int.random(in: 0..<6, using: &random)).map { _ in
                        "ab \n\t{}é".randomElement(using: &random) ?? "a"
                    })
            }
            // Two braces would be a tag, and one beside a tag a part of it.
            let safe = texts.map { "|" + $0.replacing("{", with: "{ ") + "|" }
            #expect(
                try rendered(safe.joined(separator: "{{x}}"), ["x": "X"])
                    == safe.joined(separator: "X"))
        }
    }

    /// Whether the set compiled and rendered; either way nothing but an error may come out.
    private static func rendersOrThrows(_ files: [String: String], _ data: ViewValue) -> Bool {
        var options = ViewOptions(unknownPartials: .renderEmpty, suffix: "", folder: "")
        options.limits.pageBytesMax = 1 << 16
        options.limits.renderDepthMax = 20
        guard let set = try? views(files, options: options) else { return false }
        return (try? set.render("main", data)) != nil
    }

    /// A template whose tags pair.
    private static func balanced(_ random: inout SeededGenerator, depth: Int) -> String {
        var text = ""
        for _ in 0..<Int.random(in: 0..<5, using: &random) {
            let blank = ["", "\n", "\n  ", " "].randomElement(using: &random) ?? ""
            let inner = depth < 4 ? balanced(&random, depth: depth + 1) : "x"
            switch Int.random(in: 0..<9, using: &random) {
            case 0: text += "\(blank){{#a}}\(blank)\(inner)\(blank){{/a}}"
            case 1: text += "\(blank){{^a}}\(inner){{/a}}\(blank)"
            case 2: text += "\(blank){{$b}}\(blank)\(inner)\(blank){{/b}}\(blank)"
            case 3: text += "\(blank){{<q}}\(blank){{$b}}\(blank)\(inner){{/b}}{{/q}}\(blank)"
            case 4: text += "\(blank){{<*n}}{{$b}}\(inner){{/b}}\(blank){{/*n}}"
            case 5: text += "\(blank){{>q}}\(blank)"
            case 6: text += "{{a}}"
            case 7: text += "t\(blank)"
            default: text += "{{!c}}\(blank)"
            }
        }
        return text
    }
}
