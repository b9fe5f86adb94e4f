// Parents, blocks and dynamic names, where the spec's own cases leave off.

import MizuBytes
import MizuView
import Testing

@Suite("Inheritance and dynamic names")
struct InheritanceTests {
    struct Case: Sendable, CustomStringConvertible {
        let description: String
        let main: String
        var partials: [String: String] = [:]
        var data: ViewValue = [:]
        let page: String
    }

    static let cases: [Case] = [
        Case(
            description: "a block in an argument may have the argument's own name",
            main: "{{<p}}{{$a}}<{{$a}}inner{{/a}}>{{/a}}{{/p}}", partials: ["p": "{{$a}}d{{/a}}"],
            page: "<inner>"),
        Case(
            description: "arguments reach a partial of the parent, not one in an argument",
            main: "{{<p}}{{$t}}mine{{/t}}{{$c}}{{>q}}{{/c}}{{/p}}",
            partials: ["p": "{{>q}} {{$c}}{{/c}}", "q": "[{{$t}}own{{/t}}]"],
            page: "[mine] [own]"),
        Case(
            description: "each element of a list has the argument anew",
            main: "{{<p}}{{$a}}{{.}}{{/a}}{{/p}}", partials: ["p": "{{#l}}({{$a}}{{/a}}){{/l}}"],
            data: ["l": [1, 2, 3]], page: "(1)(2)(3)"),
        Case(
            description: "an argument that is not asked for is not rendered",
            main: "{{<p}}{{$zz}}{{>main}}{{/zz}}{{/p}}", partials: ["p": "fine"], page: "fine"),
        Case(
            description: "tags and text in a parent outside of blocks write nothing",
            main: "{{<p}} {{x}} {{>gone}} {{#y}}t{{/y}} {{$a}}1{{/a}} {{/p}}!",
            partials: ["p": "{{$a}}{{/a}}"], data: ["x": 1, "y": true], page: "1!"),
        Case(
            description: "an argument keeps its inner indentation and takes on the block's",
            main: "{{<p}}\n  {{$a}}\n    <ul>\n      <li>\n\n    </ul>\n  {{/a}}\n{{/p}}\n",
            partials: ["p": "<main>\n  {{$a}}\n  {{/a}}\n</main>\n"],
            page: "<main>\n  <ul>\n    <li>\n  \n  </ul>\n</main>\n"),
        Case(
            description: "indentation adds up through partials",
            main: "-\n  {{>a}}\n-\n", partials: ["a": "a\n  {{>b}}\na\n", "b": "b\n{{x}}\n"],
            data: ["x": "1\n2"], page: "-\n  a\n    b\n    1\n2\n  a\n-\n"),
        Case(
            description: "a partial in the middle of a line keeps its lines as they are",
            main: "  {{>a}}\n", partials: ["a": "x {{>b}}\ny\n", "b": "1\n2"],
            page: "  x 1\n2\n  y\n"),
        Case(
            description: "the default of a block is indented like the text around it",
            main: "  {{>a}}\n", partials: ["a": "x\n  {{$b}}1\n  2{{/b}}\n{{$c}}\n3\n{{/c}}\n"],
            page: "  x\n    1\n    2\n  3\n"),
        Case(
            description: "an argument on a block's line is indented once",
            main: "  {{<a}}{{$b}}1\n2{{/b}}{{/a}}\n", partials: ["a": "{{$b}}d{{/b}}!\n"],
            page: "  1\n  2!\n"),
        Case(
            description: "lines may end with CRLF",
            main: "{{<p}}\r\n{{$a}}\r\n\tx\r\n{{/a}}\r\n{{/p}}\r\nend",
            partials: ["p": "<\r\n  {{$a}}\r\n  {{/a}}\r\n>\r\n"],
            page: "<\r\n  x\r\n>\r\nend"),
        Case(
            description: "delimiters set inside a parent hold from there on, in this file only",
            main: "{{<p}}{{=<% %>=}}<%$a%>{{x}}<%x%><%/a%><%/p%><%x%>",
            partials: ["p": "{{x}}{{$a}}{{/a}}<%x%>"], data: ["x": 1], page: "1{{x}}1<%x%>1"),
        Case(
            description: "a layout may extend a layout, and pass on what it was given",
            main: "{{<page}}{{$body}}B{{/body}}{{/page}}",
            partials: [
                "page": "{{<base}}{{$main}}<p>{{$body}}none{{/body}}</p>{{/main}}{{/base}}",
                "base": "<html>{{$main}}{{/main}}</html>",
            ], page: "<html><p>B</p></html>"),
        Case(
            description: "a name from the data chooses the partial",
            main: "{{#l}}{{>*kind}} {{/l}}", partials: ["t": "T{{v}}", "i": "I{{v}}"],
            data: ["l": [["kind": "t", "v": 1], ["kind": "i", "v": 2]]], page: "T1 I2 "),
        Case(
            description: "a dotted dynamic name is resolved whole and pushes no context",
            main: "{{>* a.b }}", partials: ["p": "[{{v}}]"],
            data: ["a": ["b": "p", "v": "no"], "v": "yes"], page: "[yes]"),
        Case(
            description: "the element itself may be the name",
            main: "{{#l}}{{>*.}}{{/l}}", partials: ["a": "1", "b": "2"],
            data: ["l": ["b", "a"]], page: "21"),
        Case(
            description: "a name from the data chooses the parent",
            main: "  {{<*layout}}{{$x}}in{{/x}}{{/*layout}}\n",
            partials: ["p": "<\n{{$x}}{{/x}}\n>\n"], data: ["layout": "p"],
            page: "  <\n  in\n  >\n"),
    ]

    @Test("layout and partials compose", arguments: cases)
    func composes(_ test: Case) throws {
        let page = try rendered(
            test.main, with: test.partials, test.data, unknown: .renderEmpty)
        #expect(page == test.page)
    }

    @Test("dynamic names that lead nowhere are nothing by the spec, and errors by default")
    func dynamicMiss() throws {
        let data: ViewValue = ["a": "gone", "n": nil, "up": "../../etc/passwd", "l": []]
        for tag in ["{{>*a}}", "{{>*n}}", "{{>*zz}}", "{{>**a}}", "{{>*up}}", "{{>*l}}"] {
            let template = "<\(tag)>"
            #expect(try rendered(template, with: [:], data, unknown: .renderEmpty) == "<>")
            let error = try #require(throws: TemplateError.self) {
                _ = try rendered(template, with: [:], data)
            }
            #expect(error.column == 2)
        }
    }
}
