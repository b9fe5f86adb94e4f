// The date of the common log format, `10/Oct/2000:13:55:36 +0000`, as NCSA httpd wrote it and as
// every log reader knows it. Always UTC: a log that crosses the end of summer time keeps its order.

public enum CommonLogDate {
    /// Bytes of every text that `text` returns, without the brackets around it.
    public static let byteCount = 26

    /// The time `seconds` after 1970 began; held to the years 0001 to 9999.
    public static func text(secondsSince1970 seconds: Int) -> [UInt8] {
        let date = CivilDate(secondsSince1970: seconds)
        var text: [UInt8] = []
        text.reserveCapacity(byteCount)
        CivilDate.append(date.day, digits: 2, to: &text)
        text.append(UInt8(ascii: "/"))
        text +=
            Array("JanFebMarAprMayJunJulAugSepOctNovDec".utf8)[
                (date.month - 1) * 3..<date.month * 3]
        text.append(UInt8(ascii: "/"))
        CivilDate.append(date.year, digits: 4, to: &text)
        for part in [date.hour, date.minute, date.second] {
            text.append(UInt8(ascii: ":"))
            CivilDate.append(part, digits: 2, to: &text)
        }
        text += Array(" +0000".utf8)
        return text
    }
}
