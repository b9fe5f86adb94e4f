// A set of views as an app uses it: layouts, pages, components and partials, in both modes.

import MizuBytes
import MizuView
import Synchronization
import Testing

@Suite("Sets of views")
struct ViewSetTests {
    static let app: [String: String] = [
        "layouts/default.html": """
        <!doctype html>
        <title>{{$title}}Mizu{{/title}}</title>
        {{> header}}
        <main>
          {{$content}}
          {{/content}}
        </main>
        {{> partials/footer}}
        """,
        "pages/home.html": """
        {{< layouts/default}}
          {{$title}}{{count}} todos{{/title}}
          {{$content}}
            {{> components/todo-list}}
          {{/content}}
        {{/ layouts/default}}
        """,
        "components/todo-list.html": """
        <ul>
          {{#todos}}
          {{> ./todo-item}}
          {{/todos}}
          {{^todos}}
          <li>Nothing to do</li>
          {{/todos}}
        </ul>

        """,
        "components/todo-item.html": """
        <li data-id="{{id}}">{{title}}{{#done}} ✓{{/done}}</li>

        """,
        "partials/header.html": "<header>{{user.name}}</header>\n",
        "partials/footer.html": "<footer>{{> ../layouts/year.html}}</footer>\n",
        "layouts/year.html": "{{year}}",
        "notes.txt": "{{# not a template",
    ]

    static let data: ViewValue = [
        "count": 2, "year": 2026, "user": ["name": "A & B"],
        "todos": [
            ["id": "t1", "title": "<b>milk</b>", "done": true], ["id": "t2", "title": "tea"],
        ],
    ]

    static let page = """
        <!doctype html>
        <title>2 todos</title>
        <header>A &amp; B</header>
        <main>
          <ul>
            <li data-id="t1">&lt;b&gt;milk&lt;/b&gt; ✓</li>
            <li data-id="t2">tea</li>
          </ul>
        </main>
        <footer>2026</footer>

        """

    @Test("a page is composed of its layout, components and partials")
    func composition() throws {
        let set = try views(ViewSetTests.app)
        #expect(try set.render("home", ViewSetTests.data).string == ViewSetTests.page)
        #expect(set.names.contains("components/todo-item"))
        #expect(set.names.count == 7)
    }

    @Test("a page is found by its name, its path, and its path with suffix")
    func pageNames() throws {
        let set = try views(ViewSetTests.app)
        for name in ["home", "pages/home", "pages/home.html", "home.html", "./pages/home"] {
            #expect(try set.render(name, ViewSetTests.data).string == ViewSetTests.page)
        }
    }

    @Test("names that lead out of the views are refused, and never reach the source")
    func escapes() throws {
        let asked = Mutex<[String]>([])
        let names = [
            "../x", "/etc/passwd", "a/../../x", "", ".", "..", "a//b", "a\\b", "a\0b", "./../x",
        ]
        let set = try ViewSet(paths: [], mode: .rereadOnChange) { path in
            asked.withLock { $0.append(path) }
            return nil
        }
        for name in names {
            #expect(throws: TemplateError.self) { _ = try set.render(name, [:]) }
        }
        let paths = asked.withLock { $0 }
        #expect(paths.allSatisfy { !$0.hasPrefix("/") && !$0.contains("..") && !$0.contains("//") })
        #expect(paths.allSatisfy { !$0.contains("\\") && !$0.contains("\0") })
    }

    @Test("both modes render the same")
    func modesAgree() throws {
        let files = ViewSetTests.app
        let set = try ViewSet(paths: [], mode: .rereadOnChange) { path in
            files[path].map { ByteSlice($0) }
        }
        #expect(try set.render("home", ViewSetTests.data).string == ViewSetTests.page)
        #expect(set.names.isEmpty)
    }

    @Test("rereading, an edit, a new file and an error show at once, and so does the repair")
    func rereading() throws {
        let files = Files(["pages/a.html": "one {{>*p}}", "partials/q.html": "q"])
        let set = try ViewSet(paths: [], mode: .rereadOnChange) { files[$0] }
        let data: ViewValue = ["p": "q"]
        #expect(try set.render("a", data).string == "one q")
        files["pages/a.html"] = "two {{>b}}{{#no}}{{>c}}{{/no}}"
        files["partials/b.html"] = "b"
        let missing = try #require(throws: TemplateError.self) { _ = try set.render("a", data) }
        #expect(missing.description.hasPrefix("views/pages/a.html:1:18: partial \"c\" does not"))
        files["components/c.html"] = "\n{{#c}}"
        let broken = try #require(throws: TemplateError.self) { _ = try set.render("a", data) }
        #expect(
            broken.description == "views/components/c.html:2:1: section \"c\" is not closed")
        files["components/c.html"] = "c"
        #expect(try set.render("a", data).string == "two b")
    }

    @Test("compiled once, the source is read at the start, once for each file, and never again")
    func compiledOnce() throws {
        let files = Files(["a.html": "1{{>b}}", "b.html": "2"])
        let set = try ViewSet(paths: ["a.html", "b.html"], mode: .compiledOnce) { files[$0] }
        files["a.html"] = "changed"
        #expect(try set.render("a", [:]).string == "12")
        #expect(files.reads == 2)
    }

    @Test("rereading, a file is read once for each page however often it is used")
    func readsPerPage() throws {
        let files = Files(["a.html": "{{>b}}{{>b}}{{>b}}", "b.html": "2"])
        let set = try ViewSet(paths: [], mode: .rereadOnChange) { files[$0] }
        #expect(try set.render("a", [:]).string == "222")
        #expect(files.reads == 2)
    }

    @Test("rereading, templates that only the data names are found, each read once for a page")
    func rereadsDynamicNames() throws {
        let files = Files([
            "a.html": "{{#x}}{{>*n}}{{#y}}{{>*n}}{{/y}},{{/x}}", "b.html": "[{{>*m}}]",
        ])
        let data: ViewValue = [
            "m": "c", "y": true, "x": [["n": "b"], ["n": "c"], ["n": "d"], ["n": "b"]],
        ]
        files["c.html"] = "c"
        let lenient = ViewOptions(unknownPartials: .renderEmpty)
        let set = try ViewSet(paths: [], mode: .rereadOnChange, options: lenient) { files[$0] }
        #expect(try set.render("a", data).string == "[c][c],cc,,[c][c],")
        #expect(files.reads == 3)
        let strict = try ViewSet(paths: [], mode: .rereadOnChange) { files[$0] }
        let error = try #require(throws: TemplateError.self) { _ = try strict.render("a", data) }
        #expect(error.reason.hasPrefix("partial \"d\" does not exist"))
    }

    @Test("pages of one name that grow and shrink are each whole")
    func sizes() throws {
        let set = try views(["a.html": "{{#l}}<li>{{.}}{{/l}}"])
        for count in [0, 10_000, 1, 3, 20_000, 0, 5_000, 5_001] {
            let page = try set.render("a", ["l": .list(Array(repeating: "x", count: count))])
            #expect(page.string == String(repeating: "<li>x", count: count))
        }
    }

    @Test("added members count before the data's own, in every page and row")
    func added() throws {
        let set = try views(["a.html": "{{x.y}}{{z}}{{#l}}{{x.y}}{{.}}{{/l}}"])
        let added: ViewValue = ["x": ["y": "new"]]
        let page = try set.render("a", ["x": ["y": "old"], "z": "-", "l": [1, 2]], adding: added)
        #expect(page.string == "new-new1new2")
        #expect(try set.render("a", .null, adding: added).string == "new")
    }

    @Test("a page is written behind what the buffer holds; a failed one leaves no byte")
    func neverHalf() throws {
        let set = try views(["a.html": "written {{>*gone}}", "b.html": "b"])
        var page = ByteBuffer(capacity: 4)
        page.append("head" as StaticString)
        try set.render("b", [:], into: &page)
        do throws(TemplateError) {
            try set.render("a", ["gone": "nowhere"], into: &page)
            Issue.record("rendered a page without its partial")
        } catch {
            #expect(error.line == 1)
        }
        #expect(page.takeSlice().string == "headb")
    }

    @Test("threads render with one set at the same time")
    func concurrent() async throws {
        let set = try views(ViewSetTests.app)
        let same = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    (try? set.render("home", ViewSetTests.data).string) == ViewSetTests.page
                }
            }
            return await group.reduce(true) { $0 && $1 }
        }
        #expect(same)
    }
}

/// Files that a test edits while a set reads them.
final class Files: Sendable {
    private let state: Mutex<(files: [String: String], reads: Int)>

    init(_ files: [String: String]) { state = Mutex((files, 0)) }

    var reads: Int { state.withLock { $0.reads } }

    subscript(path: String) -> ByteSlice? {
        state.withLock { state in
            guard let text = state.files[path] else { return nil }
            state.reads += 1
            return ByteSlice(text)
        }
    }

    subscript(path: String) -> String {
        get { state.withLock { $0.files[path] ?? "" } }
        set { state.withLock { $0.files[path] = newValue } }
    }
}
