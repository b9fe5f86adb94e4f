// Times for people, in the one form that protocol.md uses: RFC 3339 in UTC with milliseconds,
// `2026-07-01T09:05:03.007Z`, and read in any form that the RFC has. Nothing is ordered by them: a
// time that a peer has written is for people, too.

public enum RFC3339 {
    /// Bytes of every text that `text` returns.
    public static let byteCount = 24

    /// The time `milliseconds` after 1970 began; held to the years 0001 to 9999.
    public static func text(millisecondsSince1970 milliseconds: Int) -> [UInt8] {
        let range = CivilDate.secondsRange
        let held = min(
            max(milliseconds, range.lowerBound * 1_000), range.upperBound * 1_000 + 999)
        let seconds = (held - (held < 0 ? 999 : 0)) / 1_000
        let date = CivilDate(secondsSince1970: seconds)
        var text: [UInt8] = []
        text.reserveCapacity(byteCount)
        CivilDate.append(date.year, digits: 4, to: &text)
        text.append(UInt8(ascii: "-"))
        CivilDate.append(date.month, digits: 2, to: &text)
        text.append(UInt8(ascii: "-"))
        CivilDate.append(date.day, digits: 2, to: &text)
        text.append(UInt8(ascii: "T"))
        CivilDate.append(date.hour, digits: 2, to: &text)
        text.append(UInt8(ascii: ":"))
        CivilDate.append(date.minute, digits: 2, to: &text)
        text.append(UInt8(ascii: ":"))
        CivilDate.append(date.second, digits: 2, to: &text)
        text.append(UInt8(ascii: "."))
        CivilDate.append(held - seconds * 1_000, digits: 3, to: &text)
        text.append(UInt8(ascii: "Z"))
        return text
    }

    /// Milliseconds since 1970 of a `date-time` of RFC 3339 §5.6, whose zone may be any; digits
    /// behind the milliseconds are cut off. Nil for anything else. O(n).
    public static func milliseconds(_ text: UnsafeRawBufferPointer) -> Int? {
        guard text.count >= 20, text[4] == dash, text[7] == dash, text[10] | 0x20 == letterT,
            text[13] == colon, text[16] == colon,
            let year = number(text, 0..<4), let month = number(text, 5..<7),
            let day = number(text, 8..<10), let hour = number(text, 11..<13),
            let minute = number(text, 14..<16), let second = number(text, 17..<19),
            let date = CivilDate(
                year: year, month: month, day: day, hour: hour, minute: minute, second: second)
        else { return nil }
        var (index, milliseconds) = (19, 0)
        if text[index] == UInt8(ascii: ".") {
            index += 1
            let start = index
            while index < text.count, let digit = digit(text[index]) {
                if index - start < 3 { milliseconds = milliseconds * 10 + digit }
                index += 1
            }
            guard index > start else { return nil }
            for _ in min(3, index - start)..<3 { milliseconds *= 10 }
        }
        guard let zone = minutesOfZone(text, at: index) else { return nil }
        return (date.secondsSince1970 - zone * 60) * 1_000 + milliseconds
    }

    private static let dash = UInt8(ascii: "-")
    private static let colon = UInt8(ascii: ":")
    private static let letterT = UInt8(ascii: "t")

    /// How far local time is ahead of UTC where the text ends with `Z` or `+01:30`.
    private static func minutesOfZone(_ text: UnsafeRawBufferPointer, at index: Int) -> Int? {
        guard index < text.count else { return nil }
        if text[index] | 0x20 == UInt8(ascii: "z") { return index + 1 == text.count ? 0 : nil }
        guard text.count == index + 6, text[index + 3] == colon,
            text[index] == dash || text[index] == UInt8(ascii: "+"),
            let hours = number(text, index + 1..<index + 3), hours < 24,
            let minutes = number(text, index + 4..<index + 6), minutes < 60
        else { return nil }
        return (hours * 60 + minutes) * (text[index] == dash ? -1 : 1)
    }

    private static func number(_ text: UnsafeRawBufferPointer, _ range: Range<Int>) -> Int? {
        var value = 0
        for index in range {
            guard let digit = digit(text[index]) else { return nil }
            value = value * 10 + digit
        }
        return value
    }

    private static func digit(_ byte: UInt8) -> Int? {
        let value = byte &- UInt8(ascii: "0")
        return value < 10 ? Int(value) : nil
    }
}
