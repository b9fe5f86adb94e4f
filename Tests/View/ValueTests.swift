// Data: what is true, what is shown, how names are found, where it comes from.

import MizuBytes
import MizuView
import Testing

@Suite("Values of a page")
struct ValueTests {
    @Test("null, false, zero, the empty string and the empty list are false; all else is true")
    func truth() throws {
        let falsy: [ViewValue] = [nil, false, 0, 0.0, "", [], .number("-0.00"), .number("0e7")]
        let truthy: [ViewValue] = [true, 1, -2, 0.5, "0", " ", [0], [:], .number("0.01")]
        let template = "{{#x}}y{{/x}}{{^x}}n{{/x}}"
        for value in falsy { #expect(try rendered(template, ["x": value]) == "n") }
        for value in truthy { #expect(try rendered(template, ["x": value]) == "y") }
    }

    @Test("numbers show as the shortest decimal text; what has no text shows nothing")
    func texts() throws {
        let data: ViewValue = [
            "i": -42, "d": 1.21, "w": 3.0, "t": true, "f": false, "n": nil, "l": ["a"], "o": [:],
            "nan": ViewValue(Double.nan), "big": ViewValue(UInt64.max),
        ]
        let template = "{{i}} {{d}} {{w}} {{t}} {{f}} {{n}}{{l}}{{o}}{{nan}}{{gone}} {{big}}"
        #expect(
            try rendered(template, data) == "-42 1.21 3 true false  18446744073709551615")
    }

    @Test("an inner context hides outer ones, even with null")
    func shadowing() throws {
        let data: ViewValue = ["x": "outer", "y": "seen", "in": ["x": nil]]
        #expect(try rendered("{{#in}}{{x}}{{y}}{{/in}}", data) == "seen")
    }

    @Test("a key given twice counts with its last value")
    func doubledKey() throws {
        let json = try JSON.parse(ByteSlice(#"{"a":1,"a":2}"#))
        #expect(try rendered("{{a}}", ViewValue(json)) == "2")
        #expect(ViewValue(json)["a"] == 2)
        #expect(ViewValue(json)["b"] == nil)
    }

    @Test("JSON becomes data: escapes are resolved, numbers keep their text, order is kept")
    func json() throws {
        let text = #"{"a":"\u003cb\n\ud83d\ude00","n":[1.50,-0,1e3],"o":{"t":true,"z":null}}"#
        let data = ViewValue(try JSON.parse(ByteSlice(text)))
        let page = try rendered("{{{a}}}|{{#n}}{{.}} {{/n}}|{{o.t}}{{o.z}}", data)
        #expect(page == "<b\n😀|1.50 -0 1e3 |true")
    }

    struct Home: Encodable {
        struct Todo: Encodable {
            let id: String
            let title: String
            let done: Bool
        }

        let todos: [Todo]
        let left: Int
        let share: Double
        let note: String?
    }

    @Test("any Encodable becomes data")
    func encodable() throws {
        let home = Home(
            todos: [.init(id: "1", title: "\"<é>\"\n", done: true)], left: 0, share: 0.5, note: nil)
        let template =
            "{{#todos}}{{id}}{{title}}{{done}}{{/todos}}{{^left}}!{{/left}}{{share}}{{note}}"
        #expect(
            try rendered(template, ViewValue(encoding: home)) == "1&quot;&lt;é&gt;&quot;\ntrue!0.5")
        let set = try views(["pages/home.html": ByteSlice(template).string])
        #expect(try set.render("home", encoding: home).count > 0)
        #expect(throws: (any Error).self) { _ = try ViewValue(encoding: [Double.infinity]) }
    }

    @Test("JSON of any depth does not use up the stack")
    func deepJSON() throws {
        let text = String(repeating: "[", count: 5000) + String(repeating: "]", count: 5000)
        let json = try JSON.parse(ByteSlice(text), depthMax: .max)
        #expect(ViewValue(json).isTruthy)
    }

    @Test("members can be added to an object")
    func setting() throws {
        let object = ViewObject([(key: "a", value: 1)]).setting("b", to: 2).setting("a", to: 3)
        #expect(object.count == 2)
        #expect(try rendered("{{a}}{{b}}", .object(object)) == "32")
    }

    @Test("keys are compared byte for byte: two spellings of é are two keys")
    func bytewiseKeys() throws {
        let data: ViewValue = ["\u{E9}": "one", "e\u{301}": "two"]
        #expect(try rendered("{{\u{E9}}} {{e\u{301}}}", data) == "one two")
    }
}
