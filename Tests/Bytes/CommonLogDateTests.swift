// The date of the common log format, against dates that other tools have written.

import MizuBytes
import Testing

@Suite("The date of the common log format")
struct CommonLogDateTests {
    @Test(
        "a moment is written in UTC",
        arguments: [
            (971_186_136, "10/Oct/2000:13:55:36 +0000"), (0, "01/Jan/1970:00:00:00 +0000"),
            (951_782_399, "28/Feb/2000:23:59:59 +0000"),
            (951_782_400, "29/Feb/2000:00:00:00 +0000"),
            (1_798_761_599, "31/Dec/2026:23:59:59 +0000"), (-1, "31/Dec/1969:23:59:59 +0000"),
            (Int.max, "31/Dec/9999:23:59:59 +0000"), (Int.min, "01/Jan/0001:00:00:00 +0000"),
        ])
    func text(seconds: Int, expected: String) {
        let text = CommonLogDate.text(secondsSince1970: seconds)
        #expect(String(decoding: text, as: UTF8.self) == expected)
        #expect(text.count == CommonLogDate.byteCount)
    }
}
