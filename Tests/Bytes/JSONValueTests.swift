// Asking values: scalars of the protocol, members with doubled keys, strings with escapes.

import MizuBytes
import Testing

@Suite("JSON values in place")
struct JSONValueTests {
    private func parse(
        _ text: String, surrogates: JSON.Surrogates = .refuse
    ) throws -> JSONValue {
        try JSON.parse(ByteSlice(text), surrogates: surrogates)
    }

    @Test("a number of the protocol is whole, not negative, plain and below 2^53")
    func integers() throws {
        let table: [(String, Int?)] = [
            ("0", 0), ("7", 7), ("9007199254740991", 9_007_199_254_740_991),
            ("9007199254740992", nil), ("99999999999999999999", nil), ("-0", nil), ("-1", nil),
            ("1.0", nil), ("1e2", nil), ("\"1\"", nil), ("true", nil), ("[1]", nil),
        ]
        for (text, expected) in table { #expect(try parse(text).int == expected, "\(text)") }
    }

    @Test("each kind answers its own question only")
    func kinds() throws {
        let text = #"[{},[],"s",-1.5e2,true,false,null]"#
        let values = Array(try parse(text).elements)
        #expect(values.map(\.kind) == [.object, .array, .string, .number, .true, .false, .null])
        #expect(values.map(\.string) == [nil, nil, "s", nil, nil, nil, nil])
        #expect(values.map(\.double) == [nil, nil, nil, -150, nil, nil, nil])
        #expect(values.map(\.bool) == [nil, nil, nil, nil, true, false, nil])
        #expect(values.map(\.isNull) == [false, false, false, false, false, false, true])
        #expect(values.map { Array($0.elements).count } == [0, 0, 0, 0, 0, 0, 0])
        #expect(values.map(\.depth) == [1, 1, 0, 0, 0, 0, 0])
        #expect(try parse("1e400").double == nil)
    }

    @Test("members come in order with exactly their own bytes, shared and not copied")
    func members() throws {
        let document = ByteSlice(#" { "a" : [1, {"b":2}] , "c":"x,]}\"" } "#)
        let value = try JSON.parse(document)
        let members = Array(value.members)
        #expect(members.map(\.key.string) == ["a", "c"])
        #expect(members.map(\.value.bytes.string) == [#"[1, {"b":2}]"#, #""x,]}\"""#])
        #expect(members.allSatisfy { $0.value.bytes.owner === document.owner })
        #expect(value.member("c")?.string == #"x,]}""#)
        #expect(value.member("d") == nil)
        #expect(value.member(named: "a")?.depth == 2)
    }

    @Test("known members are collected, unknown ones ignored, doubled ones refused")
    func named() throws {
        let value = try parse(#"{"x":1,"x":2,"scope":"s","mutations":[]}"#)
        let found = try value.members(named: ["scope", "client", "mutations"])
        #expect(found.map { $0?.bytes.string } == [#""s""#, nil, "[]"])
        let doubled = try parse(#"{"scope":1,"b":0,"sc\u006Fpe":1}"#)
        #expect(throws: JSONError(offset: 17, reason: .duplicateKey("scope"))) {
            try doubled.members(named: ["scope"])
        }
        #expect(throws: JSONError.self) { try parse("[]").members(named: ["a"]) }
    }

    @Test("keys are compared byte for byte after unescaping, without normalisation")
    func keys() throws {
        let value = try parse("{\"e\u{301}\":1,\"\\u00e9\":2}")
        #expect(value.member("é")?.int == 2)
        #expect(value.member("e\u{301}")?.int == 1)
    }

    @Test("strings are unescaped; without escapes they share the document's bytes")
    func strings() throws {
        let table: [(String, String)] = [
            (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"),
            (#""\u0041\u00e9\u20AC\uD834\uDD1E""#, "Aé€𝄞"), (#""\u0000""#, "\0"),
            (#""é\u00e9""#, "éé"), (#""""#, ""),
        ]
        for (text, expected) in table { #expect(try parse(text).string == expected) }
        let plain = try parse("\"plain é\"")
        #expect(plain.utf8?.owner === plain.bytes.owner)
    }

    @Test("half a surrogate pair is found by the check of its own value")
    func surrogates() throws {
        for half in [#"\uD800"#, #"\uDC00"#, #"\uD800\uD800"#, #"\uD800x"#, #"\uDC00\uD800"#] {
            let text = #"{"a":{"t":"\#(half)","\#(half)":1},"b":{"t":"\ud834\udd1e"}}"#
            #expect(throws: JSONError.self) { try parse(text) }
            let value = try parse(text, surrogates: .allow)
            let bad = try #require(value.member("a"))
            #expect(throws: JSONError.self) { try bad.check() }
            #expect(bad.member("t")?.kind == .string)
            #expect(bad.member("t")?.string == nil)
            let good = try #require(value.member("b"))
            #expect(throws: Never.self) { try good.check() }
        }
    }

    @Test("text that was never checked gives wrong answers but no trap")
    func unchecked() {
        for text in [
            "", "{", "[", "\"", "\"\\", "{\"a", "{\"a\"", "{\"a\":", "[,", "}", "[1", "-",
            "{{{{", "[\"\\", ":", "{]", "\"\\u12\"", "{\"a\":\"\\uD834\\u\"}", "   ", "\"a\\",
        ] {
            let value = JSONValue(validated: ByteSlice(text))
            walk(value, depthMax: 8)
            _ = value.depth
            _ = try? value.decode([String: [String]].self)
            _ = try? value.members(named: ["a"])
        }
        #expect(JSONValue(validated: " 12\n").int == 12)
    }
}
