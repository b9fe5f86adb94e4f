// What a JSON text says, whichever way it says it (protocol.md, "Push": the same mutation).

import MizuBytes
import Testing

@Suite("JSONDigest")
struct JSONDigestTests {
    private func digest(_ text: String) throws -> JSONDigest {
        let value = try JSON.parse(ByteSlice(text), depthMax: .max, surrogates: .allow)
        return try #require(value.bytes.withUnsafeBytes { JSONDigest(json: $0) })
    }

    @Test(
        "texts that say the same",
        arguments: [
            (#"{"a":1,"b":[true,null,"x"]}"#, "{ \"b\" : [ true , null,\n\"x\" ] ,\t\"a\":1}"),
            (#"{"a":{"x":1,"y":2},"b":{}}"#, #"{"b":{},"a":{"y":2,"x":1}}"#),
            (#"{"\u0061":"\u00e9\/\n"}"#, #"{"a":"é/\u000A"}"#),
            (#""\ud83d\ude00 and more text behind it""#, #""😀 and more text behind it""#),
            (
                #"{"longer name than eight":"a","b":1}"#,
                #"{"b":1,"longer \u006eame than eight":"a"}"#
            ),
            (#"[[{"a":1,"b":2}],{}]"#, #"[ [ { "b":2, "a":1 } ], { } ]"#),
        ])
    func same(_ one: String, _ other: String) throws {
        #expect(try digest(one) == digest(other))
    }

    @Test("texts that say something else, each from each other")
    func different() throws {
        let texts = [
            "1", "1.0", "10", "-1", "1e0", "true", "false", "null", "\"\"", "\"1\"", "\"true\"",
            "{}",
            "[]", "[[]]", "[{}]", "[1]", "[1,2]", "[2,1]", "[1,[2]]", "[[1],2]", "[[1,2]]", "[12]",
            #"{"a":1}"#, #"{"a":"1"}"#, #"{"b":1}"#, #"{"a":1,"a":1}"#, #"{"a":1,"b":1}"#,
            #"{"a":2,"b":1}"#, #"{"a":1,"b":2}"#, #"{"a":{"b":1}}"#, #"{"a":{},"b":1}"#,
            #"{"a":{"b":1},"c":2}"#, #"{"a":{"b":1,"c":2}}"#, #"{"a":[1],"b":[2]}"#,
            #"{"a":[2],"b":[1]}"#, #"{"":""}"#, #"{"":null}"#, #""\u0000""#, #""\u0000\u0000""#,
            #""abcdefgh""#, #""abcdefg\u0000""#, #""abcdefgh\u0000""#, #""\ud800""#, #""\ud801""#,
            #""e\u0301""#, #""\u00e9""#, #"["a","b"]"#, #"["ab",""]"#, #"["","ab"]"#, #"["a b"]"#,
        ]
        var seen: [JSONDigest: String] = [:]
        for text in texts {
            let digest = try digest(text)
            #expect(seen[digest] == nil, "\(text) and \(seen[digest] ?? "")")
            seen[digest] = text
        }
    }

    @Test("it follows to its depth and no deeper, and needs no stack for that")
    func deep() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(try digest(nested(96)) != digest(nested(95)))
        for depth in [97, 1000, 500_000] {
            let text = ByteSlice(nested(depth))
            #expect(text.withUnsafeBytes { JSONDigest(json: $0) } == nil)
        }
    }

    @Test("text that was never checked gives some digest or none, and no trap")
    func unchecked() {
        for text in [
            "", "\"", "\"\\", "{", "}", "]", "[", ",", ":", "{\"a\"", "{\"a\":", "[1", "}{",
            "\"\\u12", "{]", "[}", "{1}", "{\"a\":1]", "tru", "--",
        ] {
            _ = ByteSlice(text).withUnsafeBytes { JSONDigest(json: $0) }
        }
    }
}
