// The page that a developer sees: complete, marked, and harmless whatever the template holds.

import MizuBytes
import MizuView
import Testing

@Suite("The debug page")
struct DebugPageTests {
    private func page(_ template: String) throws -> String {
        let error = try #require(throws: TemplateError.self) {
            _ = try Template(name: "views/a<b>.html", source: ByteSlice(template))
        }
        return error.debugPage().string
    }

    @Test("it shows place, reason, and the lines around with the culprit marked")
    func lines() throws {
        let text = (1...20).map { "line \($0)" }
        let page = try page((text + ["\t {{#a}} & b"] + text).joined(separator: "\n"))
        #expect(page.contains("<code>views/a&lt;b&gt;.html:21:3</code>"))
        #expect(page.contains("section &quot;a&quot; is not closed"))
        #expect(
            page.contains(
                "  20 | line 20\n<mark>&gt; 21 | \t {{#a}} &amp; b</mark>\n     | \t ^\n"
                    + "  22 | line 1\n"))
        #expect(page.contains("  16 | line 16\n"))
        #expect(!page.contains("line 15\n"))
        #expect(page.contains("  26 | line 5\n"))
        #expect(!page.contains("| line 6\n"))
    }

    @Test("nothing in the template becomes part of the page, and nothing needs inline rights")
    func harmless() throws {
        let page = try page("<script>alert(1)</script>\n{{#</pre><img src=x onerror=alert(1)>}}")
        #expect(!page.contains("<script"))
        #expect(!page.contains("<img"))
        #expect(!page.contains("style"))
        #expect(page.contains("&lt;script&gt;"))
        #expect(page.components(of: "</pre>") == 2)
    }

    @Test("a line of any length is cut, and a place at the very end is shown")
    func edges() throws {
        let long = try page(String(repeating: "é", count: 100_000) + "{{x")
        #expect(long.utf8.count < 3000)
        #expect(long.contains(" …</mark>"))
        let last = try page("a\n\n{{x")
        #expect(last.contains("<mark>&gt; 3 | {{x</mark>"))
    }

    @Test("an error without a place has a page too")
    func withoutPlace() throws {
        let set = try views(["a.html": ""])
        let error = try #require(throws: TemplateError.self) { _ = try set.render("b", [:]) }
        let page = error.debugPage().string
        #expect(page.contains("page &quot;b&quot; does not exist"))
        #expect(!page.contains("<pre>"))
    }
}

extension String {
    /// How many parts `separator` cuts this into.
    fileprivate func components(of separator: String) -> Int { split(separator: separator).count }
}
