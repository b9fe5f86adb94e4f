// Errors that a person must be able to act on: the right file, line, column and words.

import MizuBytes
import MizuView
import Testing

@Suite("Template errors")
struct ErrorTests {
    struct Wrong: Sendable, CustomStringConvertible {
        let template: String
        let error: String
        var description: String { template.debugDescription }

        init(_ template: String, _ error: String) {
            self.template = template
            self.error = error
        }
    }

    static let wrong: [Wrong] = [
        Wrong("{{name", "1:1: tag is not closed: }} is missing"),
        Wrong("a\nb {{{x}} c", "2:3: tag is not closed: }}} is missing"),
        Wrong("{{! never", "1:1: tag is not closed: }} is missing"),
        Wrong("{{=<% %>", "1:1: tag is not closed: =}} is missing"),
        Wrong("{{=<% %>=}}\n<%x", "2:1: tag is not closed: %> is missing"),
        Wrong("{{", "1:1: tag is not closed: }} is missing"),
        Wrong("x{{}}", "1:2: tag has no name"),
        Wrong("x{{#  }}", "1:2: tag has no name"),
        Wrong("{{>*}}", "1:1: tag has no name"),
        Wrong("{{a b}}", "1:1: name \"a b\" contains white space"),
        Wrong("{{a..b}}", "1:1: name \"a..b\" has an empty part"),
        Wrong("{{#.a}}{{/.a}}", "1:1: name \".a\" has an empty part"),
        Wrong(
            "{{=<%=}}",
            "1:1: delimiters must be two, parted by white space, without =: {{=<% %>=}}"),
        Wrong(
            "{{== ===}}",
            "1:1: delimiters must be two, parted by white space, without =: {{=<% %>=}}"),
        Wrong("<ul>\n  {{#todos}}\n</ul>", "2:3: section \"todos\" is not closed"),
        Wrong("{{^todos}}", "1:1: inverted section \"todos\" is not closed"),
        Wrong("\n\n é{{$body}}", "3:3: block \"body\" is not closed"),
        Wrong("{{<layout}}", "1:1: parent \"layout\" is not closed"),
        Wrong("{{<*layout}}", "1:1: parent \"*layout\" is not closed"),
        Wrong("a\n{{/b}}", "2:1: \"b\" is closed but was not opened"),
        Wrong("{{#a}}\n{{/b}}", "2:1: \"b\" is closed while section \"a\" is open"),
        Wrong(
            "{{#a}}{{^b}}\n  {{/a}}{{/b}}",
            "2:3: \"a\" is closed while inverted section \"b\" is open"),
        Wrong("{{<*a}}{{/a}}", "1:8: \"a\" is closed while parent \"*a\" is open"),
        Wrong(
            "{{<p}}{{#s}}{{$b}}{{/b}}{{/s}}{{/p}}",
            "1:13: block \"b\" stands in section \"s\": a parent takes only blocks that stand "
                + "directly inside it"),
        Wrong(
            "{{<p}}{{$b}}{{/b}}\n{{$b}}{{/b}}{{/p}}",
            "2:1: block \"b\" is given twice to one parent"),
    ]

    @Test("an error names file, line, column and reason", arguments: wrong)
    func places(_ wrong: Wrong) throws {
        let error = try #require(throws: TemplateError.self) {
            _ = try Template(name: "views/a.html", source: ByteSlice(wrong.template))
        }
        #expect(error.description == "views/a.html:" + wrong.error)
    }

    @Test("columns count characters, not bytes; a line ends with its line feed")
    func columns() throws {
        let error = try #require(throws: TemplateError.self) {
            _ = try Template(name: "a", source: "x\r\n日本 {{/b}}")
        }
        #expect(error.line == 2)
        #expect(error.column == 4)
    }

    @Test("a start shows every error of every template at once")
    func allErrors() throws {
        let errors = try #require(throws: TemplateErrors.self) {
            _ = try views([
                "pages/a.html": "{{#x}}", "pages/b.html": "{{>a}}{{>d}}", "pages/c.html": "{{y",
            ])
        }
        #expect(
            errors.description == """
                views/pages/a.html:1:1: section "x" is not closed
                views/pages/c.html:1:1: tag is not closed: }} is missing
                views/pages/b.html:1:7: partial "d" does not exist (looked for views/d.html, \
                views/pages/d.html, views/partials/d.html, views/components/d.html)
                """)
    }

    @Test("an unknown partial or parent is an error with the places looked at")
    func unknownPartials() throws {
        let errors = try #require(throws: TemplateErrors.self) {
            _ = try views(["pages/a.html": "hm\n {{> todo-itm}}{{#no}}{{< base}}{{/base}}{{/no}}"])
        }
        #expect(
            errors.description == """
                views/pages/a.html:2:2: partial "todo-itm" does not exist (looked for \
                views/todo-itm.html, views/pages/todo-itm.html, views/partials/todo-itm.html, \
                views/components/todo-itm.html)
                views/pages/a.html:2:23: parent "base" does not exist (looked for \
                views/base.html, views/pages/base.html, views/layouts/base.html)
                """)
    }

    @Test("unknown partials render as nothing where that is asked for")
    func unknownAllowed() throws {
        let page = try rendered(
            "a{{>b}}{{<c}}{{$d}}x{{/d}}{{/c}}{{>*e}}z", with: [:], unknown: .renderEmpty)
        #expect(page == "az")
    }

    @Test("a page that does not exist is an error without a place")
    func unknownPage() throws {
        let set = try views(["pages/home.html": ""])
        let error = try #require(throws: TemplateError.self) { _ = try set.render("hom", [:]) }
        #expect(
            error.description == "views/hom.html: page \"hom\" does not exist "
                + "(looked for views/hom.html, views/pages/hom.html)")
    }

    @Test("a file that was promised and cannot be read is an error")
    func unreadable() throws {
        let errors = try #require(throws: TemplateErrors.self) {
            _ = try ViewSet(paths: ["a.html"], mode: .compiledOnce) { _ in nil }
        }
        #expect(errors.description == "views/a.html: cannot be read")
    }

    @Test("a lone template that names a partial says so when it is rendered")
    func loneTemplate() throws {
        let error = try #require(throws: TemplateError.self) { _ = try rendered("\n{{>a/b}}") }
        #expect(error.line == 2)
        #expect(error.reason.hasPrefix("partial \"a/b\" does not exist"))
    }
}
