// ASCII classes against the RFC's own lists, case, trimming, and numbers that do not fit.

import MizuBytes
import Testing

@Suite("ASCII bytes")
struct ASCIITests {
    private func with<R>(_ text: String, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        Array(text.utf8).withUnsafeBytes(body)
    }

    @Test("letters and digits are those of ASCII and no others")
    func classes() {
        for byte in UInt8.min ... .max {
            let isAlphanumeric =
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
                || (0x61...0x7A).contains(byte)
            #expect((ASCII.isDigit(byte) || ASCII.isLetter(byte)) == isAlphanumeric)
        }
    }

    @Test("case is ignored for ASCII letters and for nothing else")
    func comparing() {
        let table: [(String, StaticString, Bool)] = [
            ("Keep-Alive", "keep-alive", true), ("kEEP-aLIVE", "Keep-Alive", true),
            ("keep-alive", "keep-aliv", false), ("@", "`", false), ("[", "{", false),
            ("É", "é", false), ("", "", true),
        ]
        for (text, name, expected) in table {
            #expect(with(text) { ASCII.equalIgnoringCase($0, name) } == expected, "\(text)")
        }
        #expect(with("12345678abc") { ASCII.equal($0, "12345678abc") })
        #expect(!with("12345678abc") { ASCII.equal($0, "12345678abd") })
        #expect(!with("12345678abc") { ASCII.equal($0, "02345678abc") })
        #expect("AZ[@az-É".utf8.map(ASCII.lowercased) == Array("az[@az-É".utf8))
    }

    @Test("a byte that differs is seen wherever it stands, in words and behind them")
    func comparingAtEachPlace() {
        for count in 0...20 {
            let text = (0..<count).map { UInt8(ascii: "a") + UInt8($0) }
            for place in 0..<count {
                var (other, capital) = (text, text)
                other[place] = UInt8(ascii: "{")
                capital[place] -= 0x20
                func isSame(_ bytes: [UInt8]) -> Bool {
                    bytes.withUnsafeBytes { bytes in
                        text.withUnsafeBytes { ASCII.equalIgnoringCase($0, bytes) }
                    }
                }
                #expect(isSame(text) && isSame(capital) && !isSame(other))
            }
        }
    }

    @Test("spaces and tabs are trimmed at both ends, and only they")
    func trimming() {
        let table = [("  a b\t", 2..<5), ("", 0..<0), (" \t ", 3..<3), ("\na", 0..<2)]
        for (text, expected) in table { #expect(with(text, ASCII.trimmingOWS) == expected) }
    }

    @Test("a number too large is told from text that is no number")
    func decimalReadings() {
        let table: [(String, ASCII.Decimal)] = [
            ("12", .number(12)), ("9223372036854775808", .tooLarge),
            ("99999999999999999999999999999999x", .malformed), ("", .malformed),
        ]
        for (text, expected) in table { #expect(with(text, ASCII.readDecimal) == expected) }
    }

    @Test("a decimal number is digits alone and must fit")
    func decimals() {
        let table: [(String, Int?)] = [
            ("0", 0), ("007", 7), ("9223372036854775807", .max), ("9223372036854775808", nil),
            ("92233720368547758070", nil), ("", nil), ("-1", nil), ("+1", nil), (" 1", nil),
            ("1a", nil), ("99999999999999999999999999999999", nil),
        ]
        for (text, expected) in table {
            #expect(ASCII.decimal(ByteSlice(text)) == expected, "\(text)")
            #expect(ASCII.decimal(text) == expected, "\(text)")
        }
    }
}
