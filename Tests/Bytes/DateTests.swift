// HTTP's dates in their three forms and RFC 3339 times, with the calendar under them.

import MizuBytes
import Testing

@Suite("RFC 9110 §5.6.7 and RFC 3339: dates")
struct DateTests {
    private let now = 1_790_000_000  // in September 2026

    private func parse(_ text: String) -> Int? { HTTPDate.parse(Array(text.utf8), now: now) }

    @Test("the three forms of the RFC's own example mean the same second")
    func forms() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            #expect(parse(text) == 784_111_777, "\(text)")
        }
        #expect(parse("Sun Nov 16 08:49:37 1994") == 784_111_777 + 864_000)
    }

    @Test("two digits of a year never mean more than 50 years ahead")
    func century() {
        #expect(parse("Friday, 01-Jan-76 00:00:00 GMT") == 3_345_062_400)  // 2076
        #expect(parse("Saturday, 01-Jan-77 00:00:00 GMT") == 220_924_800)  // 1977
    }

    @Test("days before 1970, leap days and the ends of the calendar are written and read")
    func written() {
        let table: [(Int, String)] = [
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (-1, "Wed, 31 Dec 1969 23:59:59 GMT"), (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (-62_135_596_800, "Mon, 01 Jan 0001 00:00:00 GMT"),
            (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ]
        for (seconds, text) in table {
            #expect(HTTPDate.text(secondsSince1970: seconds) == Array(text.utf8), "\(text)")
            #expect(parse(text) == seconds)
        }
        #expect(HTTPDate.text(secondsSince1970: .max) == Array(table[6].1.utf8))
        #expect(HTTPDate.text(secondsSince1970: .min) == Array(table[5].1.utf8))
    }

    @Test("RFC 3339 is read in each of its forms, and nothing else is")
    func readRFC3339() {
        func read(_ text: String) -> Int? {
            Array(text.utf8).withUnsafeBytes { RFC3339.milliseconds($0) }
        }
        let table: [(String, Int?)] = [
            ("1970-01-01T00:00:00Z", 0), ("1970-01-01t00:00:00.5z", 500),
            ("1969-12-31T23:59:59.999Z", -1), ("1970-01-01T00:00:00.0019999Z", 1),
            ("1985-04-12T23:20:50.52Z", 482_196_050_520),
            ("1996-12-19T16:39:57-08:00", 851_042_397_000),
            ("1937-01-01T12:00:27.87+00:20", -1_041_337_172_130),
            ("1990-12-31T23:59:60Z", 662_688_000_000), ("", nil), ("1970-01-01", nil),
            ("1970-01-01T00:00:00", nil), ("1970-01-01T00:00:00.Z", nil),
            ("1970-01-01T00:00:00ZZ", nil), ("1970-01-01T00:00:00+1:00", nil),
            ("1970-01-01T00:00:00+24:00", nil), ("1970-01-01 00:00:00Z", nil),
            ("1970-02-30T00:00:00Z", nil), ("1970-01-01T24:00:00Z", nil),
            ("+12970-01-01T00:00:00Z", nil), ("1970-01-01T00:00:00.123456789", nil),
        ]
        for (text, milliseconds) in table { #expect(read(text) == milliseconds, "\(text)") }
        for milliseconds in stride(
            from: -62_135_596_800_000, to: 253_402_300_799_999, by: 7_777_777_777_777)
        {
            let text = RFC3339.text(millisecondsSince1970: milliseconds)
            #expect(text.withUnsafeBytes { RFC3339.milliseconds($0) } == milliseconds)
        }
    }

    @Test("every 13th hour of 400 years is written and read back")
    func roundTrip() {
        for seconds in stride(from: -5_000_000_000, to: 7_700_000_000, by: 468_001) {
            if HTTPDate.parse(HTTPDate.text(secondsSince1970: seconds), now: now) != seconds {
                Issue.record("\(seconds)")
            }
        }
    }

    @Test("what is no date is refused, each prefix and each changed byte without a trap")
    func refused() {
        for text in [
            "", "Sun", "sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 nov 1994 08:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 32 Jan 1994 08:49:37 GMT", "Sun, 29 Feb 1900 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:61 GMT",
            "Sun, 06 Nov 0000 08:49:37 GMT", "Sun Nov 6 08:49:37 1994",
            "Sunday, 06-Nov-1994 08:49:37 GMT", "Sun, +6 Nov 1994 08:49:37 GMT",
        ] {
            #expect(parse(text) == nil, "\(text)")
        }
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT", "Wednesday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            let bytes = Array(text.utf8)
            for index in 0..<bytes.count {
                #expect(HTTPDate.parse(Array(bytes[..<index]), now: now) == nil)
                var changed = bytes
                changed[index] = 0x78
                #expect(HTTPDate.parse(changed, now: now) == nil, "\(text) at \(index)")
            }
        }
    }

    @Test("RFC 3339 times carry milliseconds, before 1970 too")
    func rfc3339() {
        let table: [(Int, String)] = [
            (0, "1970-01-01T00:00:00.000Z"), (784_111_777_007, "1994-11-06T08:49:37.007Z"),
            (-1, "1969-12-31T23:59:59.999Z"), (-1_000, "1969-12-31T23:59:59.000Z"),
            (.max, "9999-12-31T23:59:59.999Z"), (.min, "0001-01-01T00:00:00.000Z"),
        ]
        for (milliseconds, text) in table {
            #expect(RFC3339.text(millisecondsSince1970: milliseconds) == Array(text.utf8))
        }
    }
}
