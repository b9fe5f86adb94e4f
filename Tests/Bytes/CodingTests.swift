// Base 64, base 16, percent-coding and the two hashes against their specifications' vectors.

import MizuBytes
import MizuTestSupport
import Testing

@Suite("RFC 4648: base 64 and base 16")
struct Base64Tests {
    @Test("the section 10 vectors are written and read")
    func vectors() {
        let table = [
            ("", "", ""), ("f", "Zg==", "66"), ("fo", "Zm8=", "666f"), ("foo", "Zm9v", "666f6f"),
            ("foob", "Zm9vYg==", "666f6f62"), ("fooba", "Zm9vYmE=", "666f6f6261"),
            ("foobar", "Zm9vYmFy", "666f6f626172"),
        ]
        for (plain, base64, hex) in table {
            let bytes = Array(plain.utf8)
            #expect(Base64.encode(bytes) == Array(base64.utf8))
            #expect(Base64.decode(Array(base64.utf8)) == bytes)
            let unpadded = Array(base64.utf8.filter { $0 != UInt8(ascii: "=") })
            #expect(Base64.encode(bytes, alphabet: .url) == unpadded)
            #expect(Base64.decode(unpadded, alphabet: .url) == bytes)
            #expect(Hex.encode(bytes) == Array(hex.utf8))
            #expect(Hex.decode(Array(hex.uppercased().utf8)) == bytes)
        }
        #expect(Base64.encode([0xFB, 0xFF]) == Array("+/8=".utf8))
        #expect(Base64.encode([0xFB, 0xFF], alphabet: .url) == Array("-_8".utf8))
    }

    @Test("whatever is written reads back, for each length and byte")
    func roundTrip() {
        var random = SeededGenerator(seed: 3)
        for count in 0..<100 {
            let bytes = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) }
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
            #expect(Base64.decode(Base64.encode(bytes, alphabet: .url), alphabet: .url) == bytes)
            #expect(Hex.decode(Hex.encode(bytes)) == bytes)
        }
    }

    @Test("text that encoding would not have written is refused")
    func strict() {
        for text in [
            "Zg", "Zg=", "Zg===", "=", "====", "Z===", "Zh==", "Zm9=", "Zm9v\n", " Zm9v", "Zm-v",
            "Zg==Zg==", "Zm9vYg=", "Z", "Zm9v=", "Zm=v",
        ] {
            #expect(Base64.decode(Array(text.utf8)) == nil, "\(text)")
        }
        for text in ["Zg==", "Zh", "Z", "Zm+v", "Zm/v"] {
            #expect(Base64.decode(Array(text.utf8), alphabet: .url) == nil, "\(text)")
        }
        for text in ["0", "0g", "  ", "0x"] { #expect(Hex.decode(Array(text.utf8)) == nil) }
        #expect(Hex.encode(0x0123_4567_89AB_CDEF) == Array("0123456789abcdef".utf8))
    }
}

@Suite("RFC 4648 §8: numbers in base 16")
struct HexadecimalTests {
    @Test("zeros lead only up to the digits that are asked for")
    func digits() {
        let table: [(UInt64, Int, String)] = [
            (0, 1, "0"), (0xF, 1, "f"), (0x10, 1, "10"), (0xABC, 1, "abc"),
            (0xABC, 16, "0000000000000abc"),
            (.max, 1, "ffffffffffffffff"), (.max, 16, "ffffffffffffffff"),
            (0, 18, String(repeating: "0", count: 18)),
        ]
        for (value, digitsMin, text) in table {
            var buffer = ByteBuffer(capacity: 1)
            buffer.append(hexadecimal: value, digitsMin: digitsMin)
            buffer.append(UInt8(ascii: "."))
            #expect(String(decoding: buffer.readable, as: UTF8.self) == text + ".")
        }
    }
}

@Suite("RFC 3174 and XXH64: hashes")
struct HashTests {
    @Test("SHA-1 of the section 7.3 vectors and of each length around a block")
    func sha1() {
        let table = [
            ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "84983e441c3bd26ebaae4aa1f95129e5e54670f1"
            ),
            (String(repeating: "a", count: 1_000), "291e9a6c66994949b57ba5e650361e98fc36b1ba"),
            (
                String(repeating: "01234567", count: 80),
                "dea356a2cddd90c7a7ecedc5ebb563934f460452"
            ),
            ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        ]
        for (text, expected) in table {
            #expect(Hex.encode(SHA1.digest(Array(text.utf8))) == Array(expected.utf8), "\(text)")
        }
    }

    @Test("the accept key of RFC 6455 §1.3 comes out")
    func acceptKey() {
        let key = Array("dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11".utf8)
        #expect(Base64.encode(SHA1.digest(key)) == Array("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".utf8))
    }

    @Test("XXH64 of the published vectors, short and beyond a stripe")
    func xxh64() {
        let table: [(String, UInt64)] = [
            ("", 0xEF46_DB37_51D8_E999), ("a", 0xD24E_C4F1_A98C_6E5B),
            ("abc", 0x44BC_2CF5_AD77_0999),
            ("Nobody inspects the spammish repetition", 0xFBCE_A83C_8A37_8BF1),
        ]
        for (text, expected) in table {
            #expect(XXHash64.hash(Array(text.utf8)) == expected, "\(text)")
        }
        #expect(XXHash64.hash(ByteSlice("abc"), seed: 1) != XXHash64.hash(ByteSlice("abc")))
    }
}

@Suite("RFC 3986: percent-coding")
struct PercentCodingTests {
    @Test("escapes are read; a broken one is refused; plus is a space only in forms")
    func decoding() {
        let table: [(String, PercentCoding.Plus, String?)] = [
            ("a%20b+c", .literal, "a b+c"), ("a%20b+c", .space, "a b c"), ("%C3%a9", .space, "é"),
            ("%2B", .space, "+"), ("", .space, ""), ("%", .space, nil), ("%4", .literal, nil),
            ("%4g", .literal, nil), ("a%%20", .literal, nil), ("%25%32%30", .literal, "%20"),
        ]
        for (text, plus, expected) in table {
            let decoded = PercentCoding.decode(ByteSlice(text), plus: plus)
            #expect(decoded?.string == expected, "\(text)")
            let bytes = PercentCoding.decode(Array(text.utf8), plus: plus)
            #expect(bytes == expected.map { Array($0.utf8) })
        }
        let plain = ByteSlice("plain")
        #expect(PercentCoding.decode(plain)?.owner === plain.owner)
    }

    @Test("all bytes but the unreserved are escaped in capitals, and read back")
    func encoding() {
        let bytes = (UInt8.min ... .max).map { $0 }
        for plus in [PercentCoding.Plus.literal, .space] {
            let text = PercentCoding.encode(bytes, plus: plus)
            #expect(PercentCoding.decode(text, plus: plus) == bytes)
        }
        #expect(PercentCoding.encode(Array("é ~/?".utf8)) == Array("%C3%A9%20~%2F%3F".utf8))
        #expect(PercentCoding.encode(Array("a b+".utf8), plus: .space) == Array("a+b%2B".utf8))
        let unreserved = bytes.filter(PercentCoding.isUnreserved)
        let listed = "-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~"
        #expect(unreserved == Array(listed.utf8))
    }
}
