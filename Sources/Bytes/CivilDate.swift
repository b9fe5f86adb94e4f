// The proleptic Gregorian calendar in UTC, counted in whole numbers: what HTTP dates and RFC 3339
// times are written from and read into. Knows no zones, no locale, no leap seconds.

/// A date and a time of day, each field in the range its name suggests; months and days from 1.
struct CivilDate: Equatable {
    var year: Int
    var month: Int
    var day: Int
    var hour = 0
    var minute = 0
    var second = 0

    /// The years that four digits can write, in seconds since 1970: 0001-01-01 to 9999-12-31.
    static let secondsRange = -62_135_596_800...253_402_300_799

    /// The date at `seconds` since 1970, held to `secondsRange`.
    init(secondsSince1970 seconds: Int) {
        let range = Self.secondsRange
        let held = min(max(seconds, range.lowerBound), range.upperBound)
        // Division that rounds down, so that the time of day is never negative.
        let days = (held - (held < 0 ? 86_399 : 0)) / 86_400
        let time = held - days * 86_400
        self.init(daysSince1970: days)
        (hour, minute, second) = (time / 3_600, time / 60 % 60, time % 60)
    }

    /// Nil if there is no such day. A second of 60 is taken, as RFC 9110 §5.6.7 allows it.
    init?(year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int) {
        guard (1...9_999).contains(year), (1...12).contains(month),
            (1...Self.days(inMonth: month, of: year)).contains(day),
            (0...23).contains(hour), (0...59).contains(minute), (0...60).contains(second)
        else { return nil }
        (self.year, self.month, self.day) = (year, month, day)
        (self.hour, self.minute, self.second) = (hour, minute, second)
    }

    /// Midnight on that day. Counts in eras of 400 years (146,097 days) that begin on 1 March, so
    /// that the leap day is the last of its year.
    private init(daysSince1970 days: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    var daysSince1970: Int {
        let marchYear = month <= 2 ? year - 1 : year
        let era = (marchYear >= 0 ? marchYear : marchYear - 399) / 400
        let yearOfEra = marchYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    var secondsSince1970: Int {
        daysSince1970 * 86_400 + hour * 3_600 + minute * 60 + second
    }

    /// 0 is Sunday. The first day of 1970 was a Thursday.
    var weekday: Int { ((daysSince1970 + 4) % 7 + 7) % 7 }

    private static func days(inMonth month: Int, of year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Appends `value` in exactly `count` digits, zeros in front.
    static func append(_ value: Int, digits count: Int, to text: inout [UInt8]) {
        var divisor = 1
        for _ in 1..<count { divisor *= 10 }
        for _ in 0..<count {
            text.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / divisor % 10))
            divisor /= 10
        }
    }
}
