// SHA-256 against the examples of its standard, HMAC against those of RFC 4231.

import MizuBytes
import Testing

@Suite("SHA-256 and HMAC (FIPS 180-4, RFC 4231)")
struct SHA256Tests {
    @Test("the digests of the standard's examples")
    func examples() {
        let known: [(String, String)] = [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
            (
                String(repeating: "a", count: 1_000),
                "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3"
            ),
        ]
        for (text, digest) in known {
            #expect(SHA256.digest(text).hex == digest)
            #expect(Hex.encode(SHA256.digest(Array(text.utf8)).bytes) == Array(digest.utf8))
        }
    }

    @Test("digests at each length around a block are those of another order of adding")
    func lengths() {
        var seen: Set<SHA256.Digest> = []
        for count in 0..<200 { seen.insert(SHA256.digest([UInt8](repeating: 7, count: count))) }
        #expect(seen.count == 200)
    }

    @Test("the codes of RFC 4231, sections 4.2, 4.3 and 4.7")
    func codes() {
        func code(_ key: [UInt8], _ text: String) -> String {
            SHA256.authenticationCode(of: Array(text.utf8), key: key).hex
        }
        #expect(
            code([UInt8](repeating: 0x0B, count: 20), "Hi There")
                == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
        #expect(
            code(Array("Jefe".utf8), "what do ya want for nothing?")
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        #expect(
            code(
                [UInt8](repeating: 0xAA, count: 131),
                "Test Using Larger Than Block-Size Key - Hash Key First")
                == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
    }

    @Test("secrets are compared whole")
    func comparison() {
        #expect(ConstantTime.equal([1, 2, 3], [1, 2, 3]))
        #expect(!ConstantTime.equal([1, 2, 3], [1, 2, 4]))
        #expect(!ConstantTime.equal([1, 2, 3], [0, 2, 3]))
        #expect(!ConstantTime.equal([1, 2, 3], [1, 2]))
    }
}
