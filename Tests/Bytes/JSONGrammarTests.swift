// The scanner against a table of its own: what is taken, and for each refusal its reason and place.

import MizuBytes
import Testing

@Suite("RFC 8259: the grammar")
struct JSONGrammarTests {
    static let valid = [
        "0", "-0", "1.5", "-12.25e+3", "1E5", "0e0", "1e-9", "true", "false", "null", #""""#,
        #""a""#, #""\"\\\/\b\f\n\r\t""#, #""\u00e9\uD834\uDD1E""#, "\"é𝄞\u{7F}\"", "[]", "{}",
        " [ ] ", "\t{\r\n} ", "[1,2]", #"{"a":1}"#, #"{ "a" : [ { } , [ ] , "" ] , "b" : null }"#,
        "[[[[]]]]", #"{"":{"":{"":""}}}"#, #"["sixteen bytes or more, so that words are read"]"#,
    ]

    static let refused: [(text: String, offset: Int, reason: JSONError.Reason)] = [
        ("", 0, .unexpectedEnd), (" ", 1, .unexpectedEnd), ("[", 1, .unexpectedEnd),
        ("{", 1, .unexpectedEnd), ("[1", 2, .unexpectedEnd), ("[1,", 3, .unexpectedEnd),
        (#"{"a""#, 4, .unexpectedEnd), (#"{"a":"#, 5, .unexpectedEnd), ("tru", 3, .unexpectedEnd),
        (#""a"#, 2, .unexpectedEnd), (#""\"#, 2, .unexpectedEnd), (#""\u12"#, 5, .unexpectedEnd),
        ("-", 1, .unexpectedEnd), ("1.", 2, .unexpectedEnd), ("1e+", 3, .unexpectedEnd),
        ("1 2", 2, .trailingBytes), ("{}}", 2, .trailingBytes), ("nullx", 4, .trailingBytes),
        ("\u{FEFF}1", 0, .byteOrderMark), ("[1,]", 3, .unexpectedByte(0x5D)),
        ("[,1]", 1, .unexpectedByte(0x2C)), ("[1 2]", 3, .unexpectedByte(0x32)),
        (#"{"a":1,}"#, 7, .unexpectedByte(0x7D)), ("{1:2}", 1, .unexpectedByte(0x31)),
        (#"{"a" 1}"#, 5, .unexpectedByte(0x31)), ("[1}", 2, .unexpectedByte(0x7D)),
        (#"{"a":1]"#, 6, .unexpectedByte(0x5D)), ("+1", 0, .unexpectedByte(0x2B)),
        (".5", 0, .unexpectedByte(0x2E)), ("'a'", 0, .unexpectedByte(0x27)),
        ("truE", 3, .unexpectedByte(0x45)), ("\u{0C}1", 0, .unexpectedByte(0x0C)),
        ("01", 1, .badNumber), ("-01", 2, .badNumber), ("1.x", 2, .badNumber),
        ("1ex", 2, .badNumber), ("-x", 1, .badNumber),
        (#""\x""#, 2, .badEscape), (#""\u12G4""#, 5, .badEscape), ("\"\n\"", 1, .controlCharacter),
        ("\"0123456789\u{0}\"", 11, .controlCharacter), (#""\uD800""#, 1, .loneSurrogate),
        (#""\uDC00""#, 1, .loneSurrogate), (#""ab\uD800\n""#, 3, .loneSurrogate),
        (#""\uD800\uD800""#, 1, .loneSurrogate),
    ]

    @Test("each valid text is taken and can be walked", arguments: valid)
    func taken(text: String) throws {
        let value = try JSON.parse(ByteSlice(text))
        #expect(walk(value, depthMax: 64) >= 1)
        #expect(value.bytes.string == text.trimmed)
    }

    @Test("each bad text is refused with its reason and its place")
    func refusals() {
        for (text, offset, reason) in Self.refused {
            let expected = JSONError(offset: offset, reason: reason)
            #expect(throws: expected, "\(text)") { try JSON.parse(ByteSlice(text)) }
        }
    }

    @Test("every prefix of a valid container or string is refused", arguments: valid)
    func prefixes(text: String) {
        let bytes = [UInt8](text.trimmed.utf8)
        guard let first = bytes.first, "{[\"tfn".utf8.contains(first) else { return }
        for end in 0..<bytes.count {
            #expect(throws: JSONError.self) { try JSON.parse(Array(bytes[..<end])) }
        }
    }

    @Test("ill-formed UTF-8 in a string is refused at its first byte")
    func illFormed() {
        let table: [[UInt8]] = [
            [0x80], [0xC0, 0x80], [0xC3], [0xC3, 0x28], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80],
            [0xF4, 0x90, 0x80, 0x80], [0xF8], [0xFF], [0xE2, 0x82], [0xF0, 0x9F, 0x98],
        ]
        for bad in table {
            for padding in 0..<9 {
                let text = [0x22] + [UInt8](repeating: 0x61, count: padding) + bad + [0x22]
                let expected = JSONError(offset: 1 + padding, reason: .illFormedUTF8)
                #expect(throws: expected) { try JSON.parse(text) }
            }
        }
    }

    @Test("what must be seen in a string is seen at every place in a word")
    func places() {
        for (byte, reason) in [
            (0x1F, JSONError.Reason.controlCharacter), (0x00, .controlCharacter),
            (0x80, .illFormedUTF8),
        ] as [(UInt8, JSONError.Reason)] {
            for place in 1..<40 {
                // 0x20, 0x21 and 0x23 lie next to what the word trick looks for.
                for filler in [0x20, 0x21, 0x23, 0x5B, 0x5D, 0x7F] as [UInt8] {
                    var text = [0x22] + [UInt8](repeating: filler, count: 40) + [0x22]
                    #expect(throws: Never.self) { try JSON.parse(text) }
                    text[place] = byte
                    let expected = JSONError(offset: place, reason: reason)
                    #expect(throws: expected) { try JSON.parse(text) }
                }
            }
        }
    }

    @Test("nesting is refused one beyond the limit, and any depth can be allowed")
    func depth() throws {
        func nested(_ count: Int) -> ByteSlice {
            ByteSlice(
                [UInt8](repeating: 0x5B, count: count) + [UInt8](repeating: 0x5D, count: count))
        }
        #expect(try JSON.parse(nested(64)).depth == 64)
        #expect(throws: JSONError(offset: 64, reason: .tooDeep(max: 64))) {
            try JSON.parse(nested(65))
        }
        #expect(try JSON.parse(nested(100_000), depthMax: .max).depth == 100_000)
        #expect(throws: JSONError(offset: 0, reason: .tooDeep(max: 0))) {
            try JSON.parse("[]", depthMax: 0)
        }
        // Kinds of containers are told apart beyond the first word of the stack.
        let opening = String(repeating: #"[{"a":"#, count: 70)
        let mixed = ByteSlice(opening + "1" + String(repeating: "}]", count: 70))
        #expect(try JSON.parse(mixed, depthMax: 140).depth == 140)
        let wrong = ByteSlice(opening + "1" + String(repeating: "]}", count: 70))
        #expect(throws: JSONError.self) { try JSON.parse(wrong, depthMax: 140) }
    }

    @Test("input that fills its allocation to the last byte is read no further")
    func flush() {
        // AddressSanitizer makes this test bite; without it a stray read may go unseen.
        for text in Self.valid + Self.refused.map(\.text) {
            let bytes = Array(text.utf8)
            let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes.count, alignment: 1)
            memory.copyMemory(from: bytes, byteCount: bytes.count)
            let slice = ByteSlice(SharedBytes(adopting: memory, count: bytes.count))
            if let value = try? JSON.parse(slice) { walk(value, depthMax: 64) }
        }
    }
}

extension String {
    /// Without JSON's white space at the ends.
    var trimmed: String {
        let isSpace: (Character) -> Bool = { " \t\r\n\r\n".contains($0) }
        return String(drop(while: isSpace).reversed().drop(while: isSpace).reversed())
    }
}
