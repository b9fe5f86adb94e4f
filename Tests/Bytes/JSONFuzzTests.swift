// Documents changed by a seeded generator: none may trap the reader, and each that is taken must
// be readable to the last leaf, write itself, and parse again to the same. The long run of the
// same check is `Tests/Fuzz/FuzzJSON`.

import MizuBytes
import MizuTestSupport
import Testing

/// Writes `value` anew from what its accessors say; half surrogate pairs go as they stand.
func rewrite(_ value: JSONValue, with json: inout JSONWriter) {
    switch value.kind {
    case .object:
        json.beginObject()
        for (key, member) in value.members {
            if let name = key.utf8 { json.key(name) } else { json.key("half" as StaticString) }
            rewrite(member, with: &json)
        }
        json.endObject()
    case .array:
        json.beginArray()
        for element in value.elements { rewrite(element, with: &json) }
        json.endArray()
    case .string:
        if let text = value.utf8 { json.string(text) } else { json.value(value) }
    case .number: json.value(value)
    case .true, .false: json.bool(value.kind == .true)
    case .null: json.null()
    }
}

@Suite("JSON under random changes")
struct JSONFuzzTests {
    static let seeds = [
        #"{"scope":"s","client":"c1","mutations":[{"id":"m1","name":"todo.create","args":{}}]}"#,
        #"[1,-2.5e3,true,false,null,"\u00e9\uD834\uDD1E\n",{"a":{"b":[[],{}]}}]"#,
        "\"é𝄞 and a long run of plain text so that words are read\"",
    ].map { Array($0.utf8) }

    @Test("50,000 changed documents do no harm, and what is taken writes and reads back the same")
    func mutations() throws {
        var random = SeededGenerator(seed: 7)
        let alphabet = Array("{}[]\",:\\u0dD8eE+-.1tfn \n\u{0}é".utf8) + [0xED, 0xA0, 0xF4, 0xFF]
        var takenCount = 0
        for round in 0..<50_000 {
            var bytes = Self.seeds[round % Self.seeds.count]
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                let byte = alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
                switch UInt8.random(in: 0..<5, using: &random) {
                case 0: bytes[place] = byte
                case 1: bytes.insert(byte, at: place)
                case 2 where bytes.count > 1: bytes.remove(at: place)
                case 3: bytes.swapAt(place, 0)
                default: bytes.insert(contentsOf: bytes[place...].prefix(8), at: place)
                }
            }
            guard let value = try? JSON.parse(bytes, surrogates: .allow) else { continue }
            takenCount += 1
            var first = JSONWriter()
            rewrite(value, with: &first)
            let once = first.finish()
            var second = JSONWriter()
            rewrite(try JSON.parse(once, surrogates: .allow), with: &second)
            #expect(second.finish() == once)
        }
        // The generator must not have drifted into refusals only.
        #expect(takenCount > 2_000)
    }
}
