// JSON that templates read in place: whatever the template and the text, the page is the one that
// values made of the JSON give.

import MizuBytes
import MizuTestSupport
import MizuView
import Testing

@Suite("Rows of stored JSON")
struct JSONRowsTests {
    @Test("a section goes through rows as through a list, with names outside of them as well")
    func rows() throws {
        let rows = try [
            #"{"id":"t1","title":"Milk & \"bread\"","done":true}"#,
            #" { "id" : "t2", "title" : "<\u003c\n\ud83d\ude00", "done" : false } "#,
            #"{"title":null,"id":3.50}"#,
        ].map { try JSON.parse(ByteSlice($0)) }
        let page = try rendered(
            "{{#todos}}{{#done}}*{{/done}}{{id}}:{{title}}/{{{title}}}/{{filter}}\n{{/todos}}"
                + "{{id}}",
            ["todos": .rows(rows), "filter": "<all>", "id": "outer"])
        #expect(
            page == """
                *t1:Milk &amp; &quot;bread&quot;/Milk & "bread"/&lt;all&gt;
                t2:&lt;&lt;
                😀/<<
                😀/&lt;all&gt;
                3.50://&lt;all&gt;
                outer
                """)
    }

    @Test("a name that a row lacks means what it does outside, again in each row")
    func missingMembers() throws {
        let rows = try [#"{"a":1,"b":2}"#, #"{"b":3}"#, "7", #"{"a":null}"#, "{}"].map {
            try JSON.parse(ByteSlice($0))
        }
        #expect(
            try rendered(
                "{{#r}}{{a}}{{b}};{{/r}}{{a}}{{b}}", ["a": "A", "b": "B", "r": .rows(rows)])
                == "12;A3;AB;B;AB;AB")
    }

    @Test("no rows are false, rows are true, and their values are true as data's are")
    func truth() throws {
        let template = "{{#x}}y{{/x}}{{^x}}n{{/x}}"
        #expect(try rendered(template, ["x": .rows([])]) == "n")
        for (text, expected) in [
            ("null", "n"), ("false", "n"), ("0", "n"), ("-0.0e9", "n"), (#""""#, "n"), ("[ ]", "n"),
            ("true", "y"), ("1", "y"), (#""0""#, "y"), (#""\u0000""#, "y"), ("{}", "y"),
            ("[0]", "y"), (#""\ud800""#, "n"), (#""a\udc00""#, "n"), (#""\ud83d\ude00""#, "y"),
        ] {
            let json = try JSON.parse(ByteSlice(text), surrogates: .allow)
            #expect(try rendered(template, ["x": .json(json)]) == expected, "\(text)")
            #expect(ViewValue.json(json).isTruthy == (expected == "y"), "\(text)")
            #expect(ViewValue(json).isTruthy == (expected == "y"), "\(text)")
        }
    }

    @Test("long and escaped names are told apart by all of their bytes")
    func names() throws {
        let json = try JSON.parse(
            ByteSlice(
                #"{"a_name_of_17_bytes":1,"a_name_oX_17_bytes":2,"\u0061b":3,"":4,"ab":5,"é":6}"#))
        let template =
            "{{a_name_of_17_bytes}}{{a_name_oX_17_bytes}}{{a_name_oY_17_bytes}}{{ab}}{{é}}"
        for data in [ViewValue.json(json), ViewValue(json)] {
            #expect(try rendered(template, data) == "1256")
            #expect(try rendered("{{#x}}\(template){{/x}}", ["x": data]) == "1256")
            #expect(try rendered("{{x.ab}}{{x.a_name_oX_17_bytes}}", ["x": data]) == "52")
        }
    }

    @Test("strings of any length and with any escape at any place mean the same in place")
    func everyPosition() throws {
        let template = try Template(name: "t", source: "{{s}}|{{{s}}}|{{#r}}{{.}},{{/r}}")
        let marks = [
            "<", "'", #"\""#, #"\\"#, #"\n"#, #"\u003e"#, #"\u00e9"#, #"\u20ac"#, #"\ud83d\ude00"#,
            "é",
        ]
        for count in 0..<36 {
            for place in 0...count {
                let mark = marks[(count + place) % marks.count]
                let text =
                    "\"" + String(repeating: "x", count: place) + mark
                    + String(repeating: "y", count: count - place) + "\""
                // With bytes of its own, so that a checker of memory sees a look beyond the end.
                let json = try JSON.parse(ByteSlice(text))
                let list = try JSON.parse(ByteSlice("[\(text),\(text)]"))
                let page = try template.render(["s": .json(json), "r": .json(list)])
                let expected = try template.render(["s": ViewValue(json), "r": ViewValue(list)])
                #expect(page == expected, "\(text)")
            }
        }
    }

    @Test("a template's name may come from JSON")
    func dynamicNames() throws {
        let json = try JSON.parse(ByteSlice(#"[{"n":"p\u0031"},{"n":2},{"n":[]}]"#))
        #expect(
            try rendered(
                "{{#x}}[{{>*n}}]{{/x}}", with: ["p1": "one", "2": "two"], ["x": .json(json)],
                unknown: .renderEmpty) == "[one][two][]")
    }

    @Test("JSON in place equals the data that is made of it")
    func equality() throws {
        let json = try JSON.parse(ByteSlice(#"{"a":[1,"x",{"b":null}]}"#))
        #expect(ViewValue.json(json) == ["a": [1, "x", ["b": nil]]])
        #expect(ViewValue.json(json)["a"] == .list([1, "x", ["b": nil]]))
        #expect(ViewValue.rows([json]) == [ViewValue(json)])
        #expect(ViewValue.string("x") == .text("x") && ViewValue(7) == .number("7"))
        #expect(ViewValue.string("7") != .number("7"))
    }

    // MARK: - Any template, any data

    @Test("any template shows JSON in place as the data made of it", arguments: 0..<8)
    func anyTemplate(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var (rendered, bytes) = (0, 0)
        for round in 0..<120 {
            let texts = (0..<Int.random(in: 0..<4, using: &random))
                .map { _ in Self.json(&random, depth: 0) }
            let rows = try texts.map { try JSON.parse(ByteSlice($0), surrogates: .allow) }
            let whole = try JSON.parse(
                ByteSlice("[\(texts.joined(separator: " , "))]"), surrogates: .allow)
            var files: [String: String] = [:]
            for (name, partials) in [("main", ["p", "q"]), ("p", ["q"]), ("q", [])] {
                files[name] = Self.template(&random, partials, depth: 0)
            }
            var options = ViewOptions(unknownPartials: .renderEmpty, suffix: "", folder: "")
            options.limits.pageBytesMax = 1 << 18
            options.limits.renderDepthMax = 25
            let set = try views(files, options: options)
            func page(_ list: ViewValue, _ one: ViewValue) -> String {
                let data: ViewValue = ["list": list, "a": one, "outer": "<o>", "b": [1, 2]]
                do throws(TemplateError) {
                    let page = try set.render("main", data)
                    rendered += 1
                    bytes += page.count
                    return page.string
                } catch {
                    return "\(error)"
                }
            }
            let one = rows.first.map { ViewValue($0) } ?? .null
            let expected = page(.list(rows.map { ViewValue($0) }), one)
            let inPlace = rows.first.map { ViewValue.json($0) } ?? .null
            let about = "seed \(seed), round \(round): \(files), \(texts)"
            #expect(page(.rows(rows), inPlace) == expected, "\(about)")
            #expect(page(.json(whole), inPlace) == expected, "\(about)")
        }
        // Otherwise errors are compared, or nothing.
        #expect(rendered > 200 && bytes > 2_000, "seed \(seed)")
    }

    @Test("text that was never checked gives some page, and no trap")
    func uncheckedText() throws {
        var random = SeededGenerator(seed: 11)
        let alphabet = Array(#"{}[]",:\u00d8ab 1etrufalsn<&"#.utf8) + [0xFF, 0x00]
        let set = try views([
            "main.html": "{{#x}}{{.}}{{a}}{{{b}}}{{a.b}}{{#a}}{{.}}{{/a}}{{^b}}-{{/b}}{{/x}}"
        ])
        for _ in 0..<3_000 {
            let bytes = (0..<Int.random(in: 0..<40, using: &random))
                .map { _ in alphabet.randomElement(using: &random) ?? 0 }
            let value = JSONValue(validated: ByteSlice(bytes))
            _ = try set.render("main", ["x": .json(value)])
            _ = try set.render("main", ["x": .rows([value, value])])
        }
    }

    private static let names = ["a", "b", "list", "a_name_longer_than_16", "é", "outer"]

    private static func json(_ random: inout SeededGenerator, depth: Int) -> String {
        let space = ["", "", " ", "\n\t"].randomElement(using: &random) ?? ""
        switch Int.random(in: 0..<(depth < 3 ? 9 : 6), using: &random) {
        case 0:
            return ["null", "true", "false"].randomElement(using: &random) ?? "null"
        case 1:
            return ["0", "-0.0", "12", "1.5e3", "0E1", "-7"].randomElement(using: &random) ?? "0"
        case 2, 3, 4, 5:
            let pieces = [
                "x", "<", "&", "'", "\\\"", "\\\\", "\\n", "\\u003c", "\\u00e9", "\\ud83d\\ude00",
                "é", "😀", "\\/", "long text without marks", "\\u0000", "]", "}", ",",
            ]
            var text = (0..<Int.random(in: 0..<7, using: &random))
                .map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
            if Int.random(in: 0..<30, using: &random) == 0 { text += "\\ud800" }
            return "\"\(text)\""
        case 6:
            let elements = (0..<Int.random(in: 0..<4, using: &random))
                .map { _ in json(&random, depth: depth + 1) }
            return "[\(space)" + elements.joined(separator: space + ",") + "\(space)]"
        default:
            let members = (0..<Int.random(in: 0..<6, using: &random)).map { _ in
                var name = names.randomElement(using: &random) ?? "a"
                if Int.random(in: 0..<8, using: &random) == 0 {
                    name = name.replacing("a", with: "\\u0061")
                }
                return "\"\(name)\"\(space):\(space)" + json(&random, depth: depth + 1)
            }
            return "{\(space)" + members.joined(separator: "\(space),\(space)") + "}"
        }
    }

    /// A template whose tags pair.
    private static func template(
        _ random: inout SeededGenerator, _ partials: [String], depth: Int
    ) -> String {
        var text = ""
        for _ in 0..<Int.random(in: 1..<6, using: &random) {
            let blank = ["", "", "\n", "\n  ", " "].randomElement(using: &random) ?? ""
            var name = names.randomElement(using: &random) ?? "a"
            switch Int.random(in: 0..<6, using: &random) {
            case 0: name += "." + (names.randomElement(using: &random) ?? "a")
            case 1: name = "."
            default: break
            }
            let partial = partials.randomElement(using: &random) ?? "none"
            let inner = depth < 3 ? template(&random, partials, depth: depth + 1) : "{{a}}{{.}}"
            switch Int.random(in: 0..<10, using: &random) {
            case 0, 1, 2: text += "\(blank){{#\(name)}}\(blank)\(inner)\(blank){{/\(name)}}"
            case 3: text += "\(blank){{^\(name)}}\(inner){{/\(name)}}\(blank)"
            case 4: text += "\(blank){{>\(partial)}}\(blank)"
            case 5: text += "\(blank){{<\(partial)}}{{$a}}\(inner){{/a}}{{/\(partial)}}"
            case 6: text += "{{$a}}\(inner){{/a}}"
            case 7: text += "{{{\(name)}}}\(blank)"
            default: text += "{{\(name)}}\(blank)"
            }
        }
        return text
    }
}
