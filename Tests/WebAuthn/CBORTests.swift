// CBOR as authenticators write it: the examples of RFC 8949 appendix A that are of this subset,
// those that are not, and bytes that were made to hurt.

import MizuBytes
import MizuTestSupport
import Testing

@testable import MizuWebAuthn

@Suite("CBOR in CTAP2's canonical form (RFC 8949)")
struct CBORTests {
    private func read(_ hex: String) -> CBOR? {
        Hex.decode(Array(hex.utf8)).flatMap { CBOR(ByteSlice($0)) }
    }

    @Test("the RFC's examples are read")
    func examples() {
        let table: [(String, CBOR)] = [
            ("00", .unsigned(0)), ("17", .unsigned(23)), ("1818", .unsigned(24)),
            ("1903e8", .unsigned(1_000)), ("1a000f4240", .unsigned(1_000_000)),
            ("1bffffffffffffffff", .unsigned(.max)), ("20", .negative(0)),
            ("3903e7", .negative(999)), ("3bffffffffffffffff", .negative(.max)),
            ("f4", .bool(false)), ("f5", .bool(true)), ("f6", .null), ("40", .bytes("")),
            ("4401020304", .bytes(ByteSlice([1, 2, 3, 4]))), ("60", .text("")),
            ("62c3bc", .text("ü")), ("80", .array([])),
            ("8201820203", .array([.unsigned(1), .array([.unsigned(2), .unsigned(3)])])),
            ("a0", .map([])),
            (
                "a26161016162820203",
                .map([
                    .init(key: .text("a"), value: .unsigned(1)),
                    .init(key: .text("b"), value: .array([.unsigned(2), .unsigned(3)])),
                ])
            ),
        ]
        for (hex, item) in table { #expect(read(hex) == item, "\(hex)") }
        #expect(read("3bffffffffffffffff")?.int == nil && read("3903e7")?.int == -1_000)
    }

    @Test(
        "what is not canonical, or not of the subset, is refused",
        arguments: [
            "", "1800", "1817", "190001", "1900ff", "1a0000ffff", "1b00000000ffffffff", "18",
            "19ff",
            "1c", "1f", "5f42010243030405ff", "7f61616162ff", "9fff", "bfff", "c074",
            "d74401020304",
            "f7", "f8ff", "f90000", "fa47c35000", "fb3ff199999999999a", "fc", "ff", "4401", "61ff",
            "62c328", "81", "a1", "a101", "a201000100", "a2616100616101", "a1f400", "a1400000",
            "a18000", "0000", "8200",
        ])
    func refused(hex: String) {
        #expect(read(hex) == nil)
    }

    @Test("a bomb costs nothing: lengths beyond the bytes, and nests beyond the limit")
    func bombs() {
        for prefix in ["5b", "7b", "9b", "bb"] {
            #expect(read(prefix + "ffffffffffffffff") == nil)
            #expect(read(prefix + "7fffffffffffffff" + "00") == nil)
            #expect(read(prefix + "0000000100000000" + "00") == nil)
        }
        #expect(read(String(repeating: "81", count: 100_000) + "00") == nil)
        #expect(read(String(repeating: "81", count: CBOR.depthMax + 1) + "00") == nil)
        #expect(read(String(repeating: "81", count: CBOR.depthMax) + "00") != nil)
        let wide = "99" + "0400" + String(repeating: "00", count: 1_024)
        #expect(read(wide) == nil)
        // A map of many keys, each compared with those before it, ends at the limit of items.
        #expect(read("b9" + "4000" + String(repeating: "1903e800", count: 16_384)) == nil)
    }

    @Test("100,000 runs of random bytes trap nothing")
    func fuzz() {
        var random = SeededGenerator(seed: 8949)
        for _ in 0..<100_000 {
            let count = random.next(below: 24)
            let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            let slice = ByteSlice(bytes)
            _ = CBOR(slice)
            _ = try? AuthenticatorData(
                ByteSlice([UInt8](repeating: 0, count: 32) + bytes.prefix(5) + bytes))
        }
    }
}
