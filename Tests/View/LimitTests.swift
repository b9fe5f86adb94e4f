// What a template may take: each limit is met by an error with a place, never by a crash.

import MizuBytes
import MizuView
import Testing

@Suite("Limits of templates")
struct LimitTests {
    @Test("a partial that includes itself without end is an error at that tag")
    func endlessPartial() throws {
        for (main, partials) in [
            ("x\n {{>main}}", [:]), ("{{>a}}", ["a": "\n {{>b}}", "b": "\n {{>a}}"]),
            ("\n {{<main}}{{$a}}1{{/a}}{{/main}}", [:]),
            ("\n{{#l}}{{>a}}{{/l}}", ["a": "\n {{>main}}{{>main}}"]),
        ] as [(String, [String: String])] {
            let error = try #require(throws: TemplateError.self) {
                _ = try rendered(main, with: partials, ["l": [1, 2]])
            }
            #expect(error.line == 2)
            #expect(error.reason.contains("does a partial include itself?"))
        }
    }

    @Test("a partial may include itself as deep as the data goes")
    func recursionByData() throws {
        var tree: ViewValue = ["n": 0, "kids": []]
        for depth in 1..<400 { tree = ["n": ViewValue(depth), "kids": [tree]] }
        let page = try rendered("{{n}}{{#kids}},{{>main}}{{/kids}}", with: [:], tree)
        #expect(page == (0..<400).reversed().map(String.init).joined(separator: ","))
    }

    @Test("sections are nested as deep as the limit, and one more is an error")
    func nesting() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "{{#a}}", count: depth) + "x"
                + String(repeating: "{{/a}}", count: depth)
        }
        #expect(try rendered(nested(100), ["a": true]) == "x")
        let error = try #require(throws: TemplateError.self) {
            _ = try rendered(nested(101), ["a": true])
        }
        #expect(
            error.description == "t.html:1:601: more than 100 sections and blocks in each other")
        #expect(throws: TemplateError.self) { _ = try rendered(nested(20_000)) }
    }

    @Test("a template beyond its size is an error, as is a page")
    func sizes() throws {
        var limits = ViewLimits()
        limits.templateBytesMax = 20
        limits.pageBytesMax = 100
        #expect(throws: TemplateError.self) {
            _ = try Template(name: "t", source: "123456789012345678901", limits: limits)
        }
        let set = try views(["a.html": "{{#l}}xy{{/l}}"], options: ViewOptions(limits: limits))
        let fitting = ViewValue.list(Array(repeating: 1, count: 50))
        #expect(try set.render("a", ["l": fitting]).count == 100)
        let error = try #require(throws: TemplateError.self) {
            _ = try set.render("a", ["l": .list(Array(repeating: 1, count: 51))])
        }
        #expect(error.reason == "the page is larger than 100 bytes")
    }

    @Test("a page of a large list is rendered whole")
    func largeList() throws {
        let rows = (0..<20_000).map { ["id": ViewValue($0), "t": "a<b"] as ViewValue }
        let page = try rendered("{{#l}}\n<li id={{id}}>{{t}}\n{{/l}}\n", ["l": .list(rows)])
        #expect(page.utf8.filter { $0 == 0x0A }.count == 20_000)
        #expect(page.hasPrefix("<li id=0>a&lt;b\n<li id=1>"))
        #expect(page.hasSuffix("<li id=19999>a&lt;b\n"))
    }
}
