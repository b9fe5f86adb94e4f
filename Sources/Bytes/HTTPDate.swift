// Dates of HTTP (RFC 9110 §5.6.7): written as IMF-fixdate, read in all three forms. Names of days
// and months are compared as they are written, case and all, as the section demands. That a day's
// name fits its date is not checked: a sender's slip there changes nothing.

public enum HTTPDate {
    /// Bytes of an IMF-fixdate.
    public static let byteCount = 29

    private static let dayNames: StaticString = "SunMonTueWedThuFriSat"
    private static let monthNames: StaticString = "JanFebMarAprMayJunJulAugSepOctNovDec"

    /// `Sun, 06 Nov 1994 08:49:37 GMT` for `seconds` since 1970; held to the years 0001 to 9999.
    public static func text(secondsSince1970 seconds: Int) -> [UInt8] {
        let date = CivilDate(secondsSince1970: seconds)
        var text: [UInt8] = []
        text.reserveCapacity(byteCount)
        append(name: date.weekday, of: dayNames, to: &text)
        text.append(UInt8(ascii: ","))
        text.append(0x20)
        CivilDate.append(date.day, digits: 2, to: &text)
        text.append(0x20)
        append(name: date.month - 1, of: monthNames, to: &text)
        text.append(0x20)
        CivilDate.append(date.year, digits: 4, to: &text)
        text.append(0x20)
        CivilDate.append(date.hour, digits: 2, to: &text)
        text.append(UInt8(ascii: ":"))
        CivilDate.append(date.minute, digits: 2, to: &text)
        text.append(UInt8(ascii: ":"))
        CivilDate.append(date.second, digits: 2, to: &text)
        text.append(contentsOf: [0x20, UInt8(ascii: "G"), UInt8(ascii: "M"), UInt8(ascii: "T")])
        return text
    }

    /// Seconds since 1970 of a date in any of the three forms; nil for anything else.
    /// - Parameter now: seconds since 1970, which says what century the two digits of the
    ///   RFC 850 form mean: never more than 50 years ahead.
    public static func parse(_ text: UnsafeRawBufferPointer, now: Int) -> Int? {
        if text.count == byteCount, text[3] == UInt8(ascii: ",") { return fixdate(text) }
        if text.count == 24, text[3] == 0x20 { return asctime(text) }
        return rfc850(text, now: now)
    }

    public static func parse(_ text: [UInt8], now: Int) -> Int? {
        text.withUnsafeBytes { parse($0, now: now) }
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`
    private static func fixdate(_ text: UnsafeRawBufferPointer) -> Int? {
        guard name(text, 0, of: dayNames) != nil, has(text, 3, ", "), has(text, 7, " "),
            has(text, 11, " "), has(text, 16, " "), has(text, 25, " GMT"),
            let day = number(text, 5..<7), let month = name(text, 8, of: monthNames),
            let year = number(text, 12..<16)
        else { return nil }
        return seconds(year, month, day, time: text, 17)
    }

    /// `Sun Nov  6 08:49:37 1994`
    private static func asctime(_ text: UnsafeRawBufferPointer) -> Int? {
        guard name(text, 0, of: dayNames) != nil, has(text, 7, " "), has(text, 10, " "),
            has(text, 19, " "), let month = name(text, 4, of: monthNames),
            let day = number(text, text[8] == 0x20 ? 9..<10 : 8..<10),
            let year = number(text, 20..<24)
        else { return nil }
        return seconds(year, month, day, time: text, 11)
    }

    /// `Sunday, 06-Nov-94 08:49:37 GMT`
    private static func rfc850(_ text: UnsafeRawBufferPointer, now: Int) -> Int? {
        let names: [StaticString] = [
            "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
        ]
        guard let name = names.first(where: { has(text, 0, $0) }) else { return nil }
        let start = name.utf8CodeUnitCount
        guard text.count == start + 24, has(text, start, ", "), has(text, start + 4, "-"),
            has(text, start + 8, "-"), has(text, start + 11, " "), has(text, start + 20, " GMT"),
            let day = number(text, start + 2..<start + 4),
            let month = self.name(text, start + 5, of: monthNames),
            let digits = number(text, start + 9..<start + 11)
        else { return nil }
        let thisYear = CivilDate(secondsSince1970: now).year
        var year = thisYear / 100 * 100 + digits
        // The closest year with these digits that is at most 50 years ahead.
        if year > thisYear + 50 { year -= 100 }
        if year <= thisYear - 50 { year += 100 }
        return seconds(year, month, day, time: text, start + 12)
    }

    /// Joins the date to the `08:49:37` that stands at `at`.
    private static func seconds(
        _ year: Int, _ month: Int, _ day: Int, time text: UnsafeRawBufferPointer, _ at: Int
    ) -> Int? {
        guard has(text, at + 2, ":"), has(text, at + 5, ":"),
            let hour = number(text, at..<at + 2), let minute = number(text, at + 3..<at + 5),
            let second = number(text, at + 6..<at + 8)
        else { return nil }
        return CivilDate(
            year: year, month: month + 1, day: day, hour: hour, minute: minute, second: second
        )?.secondsSince1970
    }

    private static func number(_ text: UnsafeRawBufferPointer, _ range: Range<Int>) -> Int? {
        guard range.upperBound <= text.count else { return nil }
        return ASCII.decimal(text.part(range))
    }

    private static func has(
        _ text: UnsafeRawBufferPointer, _ at: Int, _ part: StaticString
    ) -> Bool {
        guard at + part.utf8CodeUnitCount <= text.count else { return false }
        return ASCII.equal(
            text.part(at..<at + part.utf8CodeUnitCount), part)
    }

    /// Which of the three-letter `names` stands at `at`, counted from 0.
    private static func name(
        _ text: UnsafeRawBufferPointer, _ at: Int, of names: StaticString
    ) -> Int? {
        guard at + 3 <= text.count else { return nil }
        let part = text[at..<at + 3]
        for start in stride(from: 0, to: names.utf8CodeUnitCount, by: 3) {
            let name = UnsafeBufferPointer(start: names.utf8Start + start, count: 3)
            if part.elementsEqual(name) { return start / 3 }
        }
        return nil
    }

    private static func append(name index: Int, of names: StaticString, to text: inout [UInt8]) {
        text.append(
            contentsOf: UnsafeBufferPointer(start: names.utf8Start + index * 3, count: 3))
    }
}
