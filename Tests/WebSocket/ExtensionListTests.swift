// `Sec-WebSocket-Extensions` by its grammar: what is read from it, and what must fail the handshake.

import MizuBytes
import Testing

@testable import MizuWebSocket

@Suite("RFC 6455 §9.1: the list of extensions")
struct ExtensionListTests {
    /// An entry as `name;parameter=value;parameter`, to be compared at a glance.
    private func read(_ fields: [String]) -> [String]? {
        let values = HandshakeTests.lookup(fields.map { ("sec-websocket-extensions", $0) })
        return ExtensionList.read(values)?.map { entry in
            let parameters = entry.parameters.map { parameter in
                let name = String(decoding: parameter.name, as: UTF8.self)
                return parameter.value.map { "\(name)=\(String(decoding: $0, as: UTF8.self))" }
                    ?? name
            }
            return ([String(decoding: entry.name, as: UTF8.self)] + parameters)
                .joined(separator: ";")
        }
    }

    @Test("names, parameters and values are read in order, with every freedom of white space")
    func accepted() {
        let table: [([String], [String])] = [
            ([], []),
            (["a"], ["a"]),
            (["  a\t"], ["a"]),
            (["a;b"], ["a;b"]),
            (["a;b=1"], ["a;b=1"]),
            (["a ; b = 1 ;\tc\t; d=2"], ["a;b=1;c;d=2"]),
            (["a,b"], ["a", "b"]),
            (["a , b;c=1,\td"], ["a", "b;c=1", "d"]),
            (["a;b=1;b=2;b"], ["a;b=1;b=2;b"]),
            (["a,a;b,a"], ["a", "a;b", "a"]),
            (["a", "b", "c;d"], ["a", "b", "c;d"]),
            (["a, b", "c;d=\"e\", f"], ["a", "b", "c;d=e", "f"]),
            (
                ["!#$%&'*+-.^_`|~09AZaz;x=!#$%&'*+-.^_`|~09AZaz"],
                ["!#$%&'*+-.^_`|~09AZaz;x=!#$%&'*+-.^_`|~09AZaz"]
            ),
        ]
        for (fields, expected) in table { #expect(read(fields) == expected, "\(fields)") }
    }

    @Test("a quoted value is what is inside, with its escapes taken away, and must be a token")
    func quoted() {
        let good: [(String, String)] = [
            (#"a;b="c""#, "a;b=c"), (#"a;b="\c""#, "a;b=c"), (#"a;b="1\0""#, "a;b=10"),
            (#"a;b="\1\5""#, "a;b=15"), (#"a; b = "c" ;d"#, "a;b=c;d"), (#"a;b=" c""#, ""),
            (#"a;b="c ""#, ""), (#"a;b="c,d""#, ""), (#"a;b="c;d""#, ""), (#"a;b="c\"d""#, ""),
            (#"a;b="\\""#, ""), (#"a;b="é""#, ""),
        ]
        for (field, expected) in good {
            #expect(read([field]) == (expected.isEmpty ? nil : [expected]), "\(field)")
        }
    }

    @Test("empty elements of the list are passed over")
    func emptyElements() {
        for field in ["a,", ",a", ",,a,,", " , ,a , ,\t"] { #expect(read([field]) == ["a"]) }
        for field in ["", " ", ",", " ,\t,"] { #expect(read([field]) == []) }
        #expect(read(["", "a", ",", "b"]) == ["a", "b"])
    }

    @Test("what is malformed makes the whole list so, wherever it stands")
    func malformed() {
        let bad = [
            ";", "a;", "a;;b", ";a", "a b", "a b;c", "a;b c", "a;b=", "a;b= ,c", "a;=1", "a;b=1 2",
            "a;b==1", "a=1", "a;b=\"", "a;b=\"c", "a;b=\"c\\", "a;b=\"c\\\"", "a;b=\"\"",
            "a;b=\"c\"d", "a;b=\"c\"\"d\"", "\"a\"", "a;\"b\"", "a/b", "a(b)", "a:b", "a@b", "a[b]",
            "a{b}", "a?b", "a<b>", "a\\b", "é", "a;b=é", "a\u{0}", "a;b=\u{7F}", "a;b=1;", "=",
            "a\r\nb", "a\u{B}", "a;b=\u{A0}1",
        ]
        for field in bad {
            #expect(read([field]) == nil, "\(field)")
            #expect(read(["good, " + field]) == nil, "\(field), behind")
            #expect(read([field + ", good"]) == nil, "\(field), before")
            #expect(read(["good", field, "good;a=b"]) == nil, "\(field), between")
        }
    }

    @Test("64 extensions of all fields together are read, and no more")
    func limit() {
        let half = [String](repeating: "x;y=1", count: 32).joined(separator: ",")
        #expect(read([half, half])?.count == 64)
        #expect(read([half, half, ","])?.count == 64)
        #expect(read([half, half, "x"]) == nil)
        #expect(read([half + "," + half + ",x"]) == nil)
    }

    @Test("a field cut anywhere is read as what is left or refused, and nothing traps")
    func cut() {
        let field = Array(#"x-one; a="b\c"; d ,permessage-deflate;e=1, ,"f""#.utf8)
        let memory = GuardedMemory(capacity: 64)
        for end in 0...field.count {
            let whole = ExtensionList.read(
                UnsafeRawBufferPointer(memory.place(Array(field[..<end]))))
            #expect((whole?.count ?? 0) <= 2)
        }
        for byte in UInt8.min...UInt8.max {
            for place in [0, 7, 9, 12, 20] {
                var changed = field
                changed[place] = byte
                _ = ExtensionList.read(UnsafeRawBufferPointer(memory.place(changed)))
            }
        }
    }
}
