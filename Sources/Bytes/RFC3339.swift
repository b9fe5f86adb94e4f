// Times for people, in the one form that protocol.md uses: RFC 3339 in UTC with milliseconds,
// `2026-07-01T09:05:03.007Z`. Written only: nothing is ordered by a clock, so nothing is read back.

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
}
