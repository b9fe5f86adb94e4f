// Decoding JSON into Swift types: what is taken, and in which words a refusal names its place.

import MizuBytes
import Testing

private struct Todo: Codable, Equatable {
    var id: String
    var title: String
    var done: Bool
    var rank: Int8?
    var weight: Double?
    var tags: [String]?
    var owner: Owner?

    struct Owner: Codable, Equatable {
        var name: String
        var scores: [String: Int]
    }
}

private enum Color: String, Codable { case red, green }

private final class Tree: Codable {
    var children: [Tree]
}

@Suite("JSON to Decodable types")
struct JSONDecodableTests {
    private func decode<T: Decodable>(_ text: String, as type: T.Type) throws -> T {
        try JSON.parse(ByteSlice(text)).decode(type)
    }

    /// The reason that decoding `text` fails for, in words.
    private func refusal<T: Decodable>(_ text: String, as type: T.Type) -> String? {
        do {
            _ = try decode(text, as: type)
            return nil
        } catch let error as JSONError {
            return "\(error.reason)"
        } catch {
            return "not a JSONError: \(error)"
        }
    }

    @Test("nested types, optionals, arrays and dictionaries are decoded, unknown keys ignored")
    func nested() throws {
        let text = #"""
            {"unknown":[{}],"id":"a\u00e9","title":"x","done":true,"rank":-128,"weight":1.5e1,
             "tags":["p","q"],"owner":{"name":"n","scores":{"b":2,"a":1}}}
            """#
        let todo = try decode(text, as: Todo.self)
        let owner = Todo.Owner(name: "n", scores: ["a": 1, "b": 2])
        let expected = Todo(
            id: "aé", title: "x", done: true, rank: -128, weight: 15, tags: ["p", "q"],
            owner: owner)
        #expect(todo == expected)
        let small = try decode(#"{"id":"","title":"","done":false,"rank":null}"#, as: Todo.self)
        #expect(small.rank == nil && small.tags == nil)
    }

    @Test("a refusal names the place and what was expected there")
    func refusals() {
        let table: [(String, String)] = [
            (#"{"id":"","title":7,"done":true}"#, "title: expected a string"),
            (#"{"id":"","done":true}"#, "title: expected a string"),
            (#"{"id":"","title":"","done":"true"}"#, "done: expected true or false"),
            (
                #"{"id":"","title":"","done":true,"rank":128}"#,
                "rank: expected a whole number from -128 to 127"
            ),
            (
                #"{"id":"","title":"","done":true,"rank":1.0}"#,
                "rank: expected a whole number from -128 to 127"
            ),
            (#"{"id":"","title":"","done":true,"tags":["a",2]}"#, "tags[1]: expected a string"),
            (
                #"{"id":"","title":"","done":true,"owner":{"name":"","scores":{"a":"b"}}}"#,
                "owner.scores.a: expected a whole number"
            ),
            (#"{"id":"","title":"","done":true,"weight":1e999}"#, "weight: expected a number"),
            (#"{"id":"","id":"","title":"","done":true}"#, "id is given twice"),
            (#"{"id":"","\u0069d":"","title":"","done":true}"#, "id is given twice"),
            (#"{"x":1,"id":"","x":2,"title":"","done":true}"#, "x is given twice"),
            ("[]", "expected an object"),
            ("null", "expected an object"),
        ]
        for (text, expected) in table {
            #expect(refusal(text, as: Todo.self) == expected, "\(text)")
        }
        #expect(refusal(#""blue""#, as: Color.self)?.contains("blue") == true)
        #expect(refusal(#"["red","blue"]"#, as: [Color].self)?.hasPrefix("[1]: ") == true)
        #expect(refusal("256", as: UInt8.self) == "expected a whole number from 0 to 255")
        #expect(refusal("18446744073709551616", as: UInt64.self) != nil)
    }

    @Test("the widest integers are decoded exactly")
    func integers() throws {
        #expect(try decode("18446744073709551615", as: UInt64.self) == .max)
        #expect(try decode("-9223372036854775808", as: Int64.self) == .min)
        #expect(try decode("[0,255]", as: [UInt8].self) == [0, 255])
        #expect(try decode("9007199254740993", as: Int.self) == 9_007_199_254_740_993)
    }

    @Test("an object of many members is decoded by its index, and a doubled key still found")
    func manyMembers() throws {
        let members = (0..<2_000).map { "\"k\($0)\":\($0)" }.joined(separator: ",")
        let table = try decode("{\(members)}", as: [String: Int].self)
        #expect(table.count == 2_000 && table["k1999"] == 1_999)
        let doubled = refusal("{\(members),\"k7\":0}", as: [String: Int].self)
        #expect(doubled == "k7 is given twice")
    }

    @Test("a recursive type is refused beyond the depth limit, not decoded off the stack's end")
    func recursion() throws {
        func nested(_ levels: Int) -> String {
            String(repeating: #"{"children":["#, count: levels)
                + String(repeating: "]}", count: levels)
        }
        #expect(refusal(nested(32), as: Tree.self) == nil)
        let deep = try JSON.parse(ByteSlice(nested(50_000)), depthMax: .max)
        #expect(throws: JSONError(offset: 0, reason: .tooDeep(max: 64))) {
            try deep.decode(Tree.self)
        }
    }

    @Test("the offset of a refusal counts from the value that is decoded")
    func offsets() throws {
        let envelope = try JSON.parse(ByteSlice(#"{"args":{"id":"","title":7,"done":true}}"#))
        let args = try #require(envelope.member("args"))
        #expect(
            throws: JSONError(
                offset: 17, reason: .mismatch(path: "title", expected: "a string"))
        ) { try args.decode(Todo.self) }
    }
}
