// `mizu sync trim` and `mizu sync compact`: make a database smaller.

import ArgumentParser
import CLinux
import Glibc
import Mizu
import MizuSyncTools

struct SyncTrimCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trim",
        abstract: "Remove old changes from the logs now.",
        discussion: """
            By the limits that a server keeps (RETAIN_CHANGES, RETAIN_DAYS, RETAIN_BYTES), or by \
            lower ones. Records stay; clients further behind take a snapshot. A server does this \
            by itself while it runs, so it must be stopped. Ages are counted while a server runs.

            EXAMPLES
              mizu sync trim
              mizu sync trim --keep 1000
              mizu sync trim --before 30d
              mizu sync trim --before 2026-11-01
            """)

    @Option(help: "Changes of each scope to keep.")
    var keep: Int?
    @Option(
        help: ArgumentHelp(
            "Remove changes older than this.",
            valueName: "DATE|DATETZ|Nd|Nh|Nm"))
    var before: String?
    @OptionGroup var options: SyncOptions

    func validate() throws {
        if let keep, keep < 0 { throw ValidationError("--keep is a number of changes") }
        if let before, Moment.ageMilliseconds(of: before) == nil {
            throw ValidationError(
                "--before is a date (2026-11-01), a time (2026-11-01T12:00:00Z), or an age (30d)")
        }
    }

    func run() throws {
        try options.tell { (progress) throws(ToolFailure) in
            var limits = try options.configuration().sync
            if let keep { limits.logChangesMax = min(keep, limits.logChangesMax) }
            if let age = before.flatMap({ Moment.ageMilliseconds(of: $0) }) {
                limits.logMillisecondsMax = min(age, limits.logMillisecondsMax)
            }
            return try LogTrimming.run(
                options.path(
                    to: "trim it",
                    instead: "a node does it while it runs: RETAIN_CHANGES, RETAIN_DAYS"),
                limits: limits, progress: progress)
        } text: { report in
            "removed "
                + SyncOptions.count(report.removedChanges, "change")
                + " (\(Sizes.text(report.removedLogBytes))) and "
                + SyncOptions.count(report.removedOutcomes, "outcome") + "; "
                + SyncOptions.count(report.changeCount, "change")
                + " (\(Sizes.text(report.logBytes))) stay"
        } json: { report, json in
            json.member("database", report.path)
            json.member("removed_changes", report.removedChanges)
            json.member("removed_log_bytes", report.removedLogBytes)
            json.member("removed_outcomes", report.removedOutcomes)
            json.member("changes", report.changeCount)
            json.member("log_bytes", report.logBytes)
        }
    }
}

/// A moment in the past, as a person writes it.
enum Moment {
    /// How long ago it is; nil where the text is no moment, or is to come.
    static func ageMilliseconds(of text: String) -> Int64? {
        if let age = age(text) { return age }
        // 2026-11-01, or 2026-11-01T12:00:00Z.
        let parts = text.split(separator: "T", maxSplits: 1, omittingEmptySubsequences: false)
        var fields = tm()
        guard let date = numbers(parts[0], "-"), date.count == 3 else { return nil }
        (fields.tm_year, fields.tm_mon, fields.tm_mday) = (date[0] - 1900, date[1] - 1, date[2])
        if parts.count == 2 {
            guard parts[1].last == "Z", let time = numbers(parts[1].dropLast(), ":"),
                time.count == 3
            else { return nil }
            (fields.tm_hour, fields.tm_min, fields.tm_sec) = (time[0], time[1], time[2])
        }
        let age = cl_realtime_ms() - Int64(timegm(&fields)) * 1_000
        return age >= 0 ? age : nil
    }

    /// Numbers of at most four digits; nil where the text is none.
    private static func numbers(_ text: Substring, _ separator: Character) -> [Int32]? {
        var found: [Int32] = []
        for part in text.split(separator: separator, omittingEmptySubsequences: false) {
            guard (1...4).contains(part.count), part.allSatisfy(\.isNumber),
                let number = Int32(part)
            else { return nil }
            found.append(number)
        }
        return found
    }

    /// As "30d".
    private static func age(_ text: String) -> Int64? {
        let units: [Character: Int64] = ["d": 86_400_000, "h": 3_600_000, "m": 60_000]
        guard let letter = text.last, let unit = units[letter], let count = Int64(text.dropLast()),
            (0...1_000_000).contains(count)
        else { return nil }
        return count * unit
    }
}

struct SyncCompactCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compact",
        abstract: "Give the space of what was removed back to the disk.",
        discussion: """
            Rewrites the database without its free pages. The server must be stopped, and the disk \
            needs as much space again for a while.

            EXAMPLES
              mizu sync compact
            """)

    @OptionGroup var options: SyncOptions

    func run() throws {
        try options.tell { (_) throws(ToolFailure) in
            try Compaction.run(
                options.path(
                    to: "compact it",
                    instead: "PostgreSQL's autovacuum does it; VACUUM FULL gives space back"))
        } text: { report in
            """
            \(report.path): \(Sizes.text(report.bytesBefore)) before, \
            \(Sizes.text(report.bytesAfter)) now
            """
        } json: { report, json in
            json.member("database", report.path)
            json.member("bytes_before", report.bytesBefore)
            json.member("bytes_after", report.bytesAfter)
        }
    }
}
