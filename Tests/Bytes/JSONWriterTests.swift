// The writer and the encoder: commas, escapes, numbers, and that what they write reads back.

import MizuBytes
import Testing

@Suite("Writing JSON")
struct JSONWriterTests {
    @Test("containers get their commas")
    func containers() {
        var json = JSONWriter()
        json.beginObject()
        json.key("a")
        json.int(-1)
        json.key("b" as String)
        json.beginArray()
        json.bool(true)
        json.null()
        json.beginObject()
        json.endObject()
        json.raw(#"{"x":1}"#)
        json.string(ByteSlice("é\""))
        json.endArray()
        json.key(ByteSlice("c\n"))
        json.double(0.5)
        json.endObject()
        let text = json.finish().string
        #expect(text == #"{"a":-1,"b":[true,null,{},{"x":1},"é\""],"c\n":0.5}"#)
    }

    @Test("every character is escaped as it must be, and reads back")
    func escapes() throws {
        for escaping in [JSONEscaping.standard, .html] {
            for code in (0...0x3000 as ClosedRange<UInt32>) {
                guard let scalar = Unicode.Scalar(code) else { continue }
                var json = JSONWriter(escaping: escaping)
                let text = "a\(Character(scalar))b"
                json.string(text)
                let written = json.finish()
                #expect(try JSON.parse(written).string == text)
                guard escaping == .html else { continue }
                #expect(!written.array.contains { "<>&".utf8.contains($0) })
                #expect(code & 0xFFFE != 0x2028 || written.string == #""a\u\#(hex(code))b""#)
            }
        }
        var json = JSONWriter()
        json.string("\"\\\u{8}\u{9}\u{A}\u{C}\u{D}\u{1F}/\u{7F}é" as String)
        #expect(json.finish().string == "\"\\\"\\\\\\b\\t\\n\\f\\r\\u001f/\u{7F}é\"")
        var script = JSONWriter(escaping: .html)
        script.string("</script><!--&\u{2028}\u{2029}‧" as String)
        let expected = #""\u003c/script\u003e\u003c!--\u0026\u2028\u2029‧""#
        #expect(script.finish().string == expected)
    }

    private func hex(_ code: UInt32) -> String { String(code, radix: 16) }

    @Test("ill-formed bytes are repaired, so that the text is JSON whatever went in")
    func repaired() throws {
        var json = JSONWriter()
        json.string(ByteSlice([0x61, 0xFF, 0x62, 0xE2, 0x80]))
        #expect(try JSON.parse(json.finish()).string == "a\u{FFFD}b\u{FFFD}")
    }

    @Test("numbers are written in the shortest form that reads back")
    func numbers() throws {
        let table: [(Double, String)] = [
            (0, "0"), (-0.0, "-0"), (1, "1"), (0.1, "0.1"), (-2.5, "-2.5"), (1e21, "1e+21"),
            (.leastNonzeroMagnitude, "5e-324"), (.infinity, "null"), (.nan, "null"),
            (0.1 + 0.2, "0.30000000000000004"),
        ]
        for (number, expected) in table {
            var json = JSONWriter()
            json.double(number)
            let text = json.finish()
            #expect(text.string == expected)
            if number.isFinite { #expect(try JSON.parse(text).double == number) }
        }
        for number in [Int.min, -1, 0, 10, .max] {
            var json = JSONWriter()
            json.int(number)
            #expect(json.finish().string == "\(number)")
        }
    }
}

private struct Everything: Codable, Equatable {
    enum Kind: String, Codable { case plain, fancy }
    enum Shape: Codable, Equatable { case circle(radius: Double), dot }

    var text = "é\"\u{2028}"
    var flag = false
    var small: Int8 = -128
    var large: UInt64 = .max
    var low: Int64 = .min
    var ratio = 0.1
    var narrow: Float = 0.1
    var kind = Kind.fancy
    var shapes = [Shape.circle(radius: 2), .dot]
    var missing: Int?
    var table = ["b": [1], "a": [], "é": [2, 3]]
    var numbers = [10: "x", 9: "y"]
    var matrix = [[1, 2], []]
    var optionals: [Int?] = [nil, 1]
}

@Suite("Encodable types to JSON")
struct JSONEncodableTests {
    @Test("all sorts of members read back equal")
    func roundTrip() throws {
        let bytes = try JSONEncoding.encode(Everything())
        #expect(try JSON.parse(bytes).decode(Everything.self) == Everything())
    }

    @Test("members stand in the order of the type, dictionaries in the order of their keys")
    func order() throws {
        let expected = #"""
            {"text":"é\"\#u{2028}","flag":false,"small":-128,"large":18446744073709551615,
            "low":-9223372036854775808,"ratio":0.1,"narrow":0.1,"kind":"fancy",
            "shapes":[{"circle":{"radius":2}},{"dot":{}}],"table":{"a":[],"b":[1],"é":[2,3]},
            "numbers":{"10":"x","9":"y"},"matrix":[[1,2],[]],"optionals":[null,1]}
            """#
        let text = try JSONEncoding.encode(Everything()).string
        #expect(text == expected.split(separator: "\n").joined())
        let keys = Dictionary(uniqueKeysWithValues: (100..<400).map { ("k\($0)", $0) })
        let sorted = keys.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }
        #expect(try JSONEncoding.encode(keys).string == "{\(sorted.joined(separator: ","))}")
    }

    @Test("scalars and empty containers stand alone")
    func roots() throws {
        #expect(try JSONEncoding.encode("a").string == #""a""#)
        #expect(try JSONEncoding.encode(Int?.none).string == "null")
        #expect(try JSONEncoding.encode([Int]()).string == "[]")
        #expect(try JSONEncoding.encode([String: Int]()).string == "{}")
        #expect(try JSONEncoding.encode("</", escaping: .html).string == #""\u003c/""#)
    }

    @Test("a number that JSON cannot write is refused with its place, the buffer untouched")
    func notFinite() {
        var buffer = ByteBuffer(capacity: 4)
        let error = JSONError(
            offset: 0, reason: .refused(path: "[0].a", why: "inf has no form in JSON"))
        #expect(throws: error) {
            try JSONEncoding.encode([["a": Double.infinity]], into: &buffer)
        }
        #expect(buffer.takeSlice().isEmpty)
    }
}
