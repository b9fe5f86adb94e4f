// Names that people have, and names that only look like one.

import MizuBytes
import Testing

@Suite("Text of others (RFC 8266 §2, RFC 8264 §9.12, §9.13)")
struct DisplayTextTests {
    @Test(
        "what people write with is let through as it is",
        arguments: [
            "Ann", "Søren Ångström", "O’Neill – \"x\" <b>", "e\u{301}",
            "\u{645}\u{6CC}\u{200C}\u{62E}\u{648}\u{627}\u{647}\u{645}",
            "\u{915}\u{94D}\u{200D}\u{937}", "\u{5D3}\u{5D5}\u{5D3}", "李 小龙", "한글",
            "葛\u{E0100}城", "❤\u{FE0F}", "👩\u{200D}👩\u{200D}👧", "👩🏽",
            "🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}", "\u{E000}",
        ])
    func names(_ name: String) {
        #expect(name.isDisplayable && name.displayable == name)
    }

    @Test("what turns or hides text is refused, and left out where nobody can be told")
    func hidden() {
        let turning = Array(0x202A...0x202E) + Array(0x2066...0x2069) + [0x200E, 0x200F, 0x61C]
        let controls = [0, 0x9, 0xA, 0xD, 0x1B, 0x7F, 0x85, 0x9F, 0x2028, 0x2029]
        let unseen = [
            0xAD, 0x34F, 0x115F, 0x1160, 0x180E, 0x200B, 0x2060, 0x2064, 0x206A, 0x3164, 0xFEFF,
            0xFFA0, 0xFFF9, 0xFFFE, 0x1D173, 0xE0001, 0xE0041, 0x10FFFF,
        ]
        for value in turning + controls + unseen {
            guard let scalar = Unicode.Scalar(UInt32(value)) else { continue }
            let name = "A\(Character(scalar))nn"
            #expect(!name.isDisplayable && name.displayable == "Ann", "U+\(value)")
        }
    }

    @Test(
        "a name that leaves no ink is none",
        arguments: ["", " ", "\u{200D}", "\u{2800}", "\u{301}"])
    func unseen(_ name: String) {
        #expect(!name.isDisplayable)
    }
}
