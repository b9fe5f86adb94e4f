// The UTF-8 check against the standard library's, whole and cut at every place.

import MizuBytes
import Testing

@Suite("RFC 3629: UTF-8 as it arrives")
struct UTF8ValidatorTests {
    private func isValid(_ bytes: [UInt8]) -> Bool { bytes.withUnsafeBytes(UTF8Validator.isValid) }

    @Test("every run of two bytes, and every edge of three and four, is judged as Swift judges it")
    func exhaustive() {
        for first in UInt8.min ... .max {
            for second in UInt8.min ... .max {
                let bytes = [first, second]
                #expect(isValid(bytes) == (String(validating: bytes, as: UTF8.self) != nil))
            }
        }
        let edges: [UInt8] = [
            0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1,
            0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
        ]
        for a in edges[8...] {
            for b in edges {
                for c in edges[1...] {
                    for d in [0x7F, 0x80, 0xBF, 0xC0] as [UInt8] {
                        let bytes = [a, b, c, d]
                        let expected = String(validating: bytes, as: UTF8.self) != nil
                        if isValid(bytes) != expected { Issue.record("\(bytes)") }
                    }
                }
            }
        }
    }

    @Test("text fed in two parts, cut anywhere, is judged as the whole is")
    func split() {
        let texts: [[UInt8]] = [
            Array("plain text longer than a word é and 𝄞, €".utf8), Array("𝄞𝄞𝄞".utf8),
            [0x61, 0xED, 0xA0, 0x80], Array("0123456é".utf8) + [0xC0, 0x80], [0xE2, 0x82],
        ]
        for text in texts {
            for cut in 0...text.count {
                var validator = UTF8Validator()
                let isTaken =
                    text[..<cut].withUnsafeBytes { validator.feed($0) }
                    && text[cut...].withUnsafeBytes { validator.feed($0) }
                #expect((isTaken && validator.isComplete) == isValid(text), "\(text) at \(cut)")
            }
        }
    }

    @Test("the first byte that nothing can repair fails, and everything after it")
    func failsAtOnce() {
        // RFC 6455 §8.1 by way of Autobahn 6.4: F4 90 is wrong before its end has arrived.
        let table: [(good: [UInt8], bad: UInt8)] = [
            ([0xF4], 0x90), ([0xED], 0xA0), ([0xE0], 0x9F), ([0xF0], 0x8F), ([], 0xC1), ([], 0xF5),
            ([0x61, 0xE2, 0x82], 0x61),
        ]
        for (good, bad) in table {
            var validator = UTF8Validator()
            #expect(good.withUnsafeBytes { validator.feed($0) })
            #expect([bad].withUnsafeBytes { validator.feed($0) } == false)
            #expect([0x61].withUnsafeBytes { validator.feed($0) } == false)
            #expect(!validator.isComplete)
            validator.reset()
            #expect([0x61].withUnsafeBytes { validator.feed($0) } && validator.isComplete)
        }
    }
}
