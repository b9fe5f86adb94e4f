// `mizu sync`: an operator's tools for a database, stopped, crashed or in use by a server. What
// all of them share on the command line, and how they report: a few lines or one JSON object on
// standard output, a line of progress on standard error if that is a terminal. The work is
// MizuSyncTools'.
//
// Exit codes: 0, it is done, or all is right; 1, it could not be done, or something is wrong; 64,
// the arguments cannot be meant (sysexits(3), as ArgumentParser has it).

import ArgumentParser
import CLinux
import Mizu
import MizuSyncTools

struct SyncCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sync",
        abstract: "Look after a database: numbers, checks, backups, exports.",
        discussion: """
            The database is that of --database, of DATABASE_URL, or data/mizu.db. stats, verify, \
            backup and export work while a server has it, too, and change nothing. import, trim \
            and compact write, and want the server stopped.

            Exit code 0: done, and everything is right. 1: not done, or something is wrong. 64: \
            wrong arguments.

            EXAMPLES
              mizu sync stats
              mizu sync verify --database /var/lib/mizu/mizu.db
              mizu sync backup /var/backups/mizu-$(date +%F).db
            """,
        subcommands: [
            SyncStatsCommand.self, SyncVerifyCommand.self, SyncBackupCommand.self,
            SyncRestoreCommand.self, SyncExportCommand.self, SyncImportCommand.self,
            SyncTrimCommand.self, SyncCompactCommand.self, SyncMigrateCommand.self,
        ])
}

/// Options of every tool.
struct SyncOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The database (default: DATABASE_URL, or sqlite:data/mizu.db).",
            valueName: "sqlite:PATH|PATH"), completion: .file())
    var database: String?
    @Flag(help: "One JSON object on standard output.")
    var json = false

    /// The database's file.
    /// - Parameters:
    ///   - purpose: what is to be done with it, as "verify it".
    ///   - instead: what does that where the database is PostgreSQL's.
    func path(to purpose: String, instead: String) throws(ToolFailure) -> String {
        try address().file(for: purpose, instead: instead)
    }

    func address() throws(ToolFailure) -> StoreAddress {
        if let database { return try StoreAddress.parse(database) }
        return try StoreAddress.parse(configuration().database)
    }

    /// The settings of the environment: a tool keeps what a server would keep.
    func configuration() throws(ToolFailure) -> Configuration {
        do throws(ConfigurationError) {
            return try .from(environment: Configuration.processEnvironment())
        } catch {
            throw ToolFailure("\(error)")
        }
    }

    /// Runs a tool and reports what it returns.
    /// - Parameters:
    ///   - text: lines for people.
    ///   - json: members of the object.
    func tell<Report>(
        _ work: (@escaping ToolProgress) throws(ToolFailure) -> Report,
        text: (Report) -> String, json write: (Report, inout JSONWriter) -> Void
    ) throws {
        try Self.tell(json: json, work, text: text, json: write)
    }

    static func tell<Report>(
        json: Bool, _ work: (@escaping ToolProgress) throws(ToolFailure) -> Report,
        text: (Report) -> String, json write: (Report, inout JSONWriter) -> Void
    ) throws {
        let line = ProgressLine(isSeen: cl_is_terminal(2) == 1 && !json)
        let report: Report
        do throws(ToolFailure) {
            report = try work { line.show($0) }
        } catch {
            line.clear()
            throw fail(error, json: json)
        }
        line.clear()
        guard json else {
            let text = text(report)
            if !text.isEmpty { print(text) }
            return
        }
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("ok")
        writer.bool(true)
        write(report, &writer)
        writer.endObject()
        print(writer.finish().string)
    }

    /// Says why something was not done.
    static func fail(_ failure: ToolFailure, json: Bool) -> ExitCode {
        Terminal.complain(failure.message, hint: failure.hint)
        guard json else { return .failure }
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("ok")
        writer.bool(false)
        writer.key("error")
        writer.string(failure.message)
        if let fault = failure.fault { write(fault, to: &writer) }
        if let tally = failure.tally { write(tally, to: &writer) }
        writer.endObject()
        print(writer.finish().string)
        return .failure
    }

    // MARK: JSON that several tools write

    static func write(_ fault: VerificationFault, to json: inout JSONWriter) {
        json.key("fault")
        json.beginObject()
        if let scope = fault.scope { json.member("scope", scope.string) }
        json.member("place", fault.place)
        json.member("message", fault.message)
        json.endObject()
    }

    static func write(_ tally: VerifiedTally, to json: inout JSONWriter) {
        json.key("verified")
        json.beginObject()
        json.member("scopes", tally.scopeCount)
        json.member("changes", tally.changeCount)
        json.member("mutations", tally.mutationCount)
        json.member("records", tally.recordCount)
        json.member("clients", tally.clientCount)
        json.member("outcomes", tally.outcomeCount)
        json.member("accounts", tally.accountCount)
        json.endObject()
    }

    static func text(_ tally: VerifiedTally) -> String {
        [
            count(tally.scopeCount, "scope"),
            count(tally.changeCount, "change") + " of " + count(tally.mutationCount, "mutation"),
            count(tally.recordCount, "record"), count(tally.clientCount, "client"),
            count(tally.outcomeCount, "outcome"),
        ].joined(separator: ", ")
    }

    /// As "1 scope", "2 scopes".
    static func count(_ count: Int, _ noun: String) -> String {
        "\(count) \(noun)\(count == 1 ? "" : "s")"
    }
}

extension JSONWriter {
    mutating func member(_ name: StaticString, _ value: String) {
        key(name)
        string(value)
    }

    mutating func member(_ name: StaticString, _ value: Int) {
        key(name)
        int(value)
    }

    mutating func member(_ name: StaticString, _ value: Bool) {
        key(name)
        bool(value)
    }
}

/// One line on a terminal that replaces the one before it, ten times a second at most.
final class ProgressLine {
    private let isSeen: Bool
    private var shownAt: UInt64 = 0
    private var isShown = false

    init(isSeen: Bool) { self.isSeen = isSeen }

    func show(_ text: String) {
        let now = cl_monotonic_ns()
        guard isSeen, now &- shownAt >= 100_000_000 else { return }
        shownAt = now
        isShown = true
        write(text)
    }

    func clear() {
        if isShown { write("") }
        isShown = false
    }

    private func write(_ text: String) {
        let bytes = Array(("\r\u{1B}[K" + text).utf8)
        _ = bytes.withUnsafeBytes { cl_write(2, $0.baseAddress, $0.count) }
    }
}
