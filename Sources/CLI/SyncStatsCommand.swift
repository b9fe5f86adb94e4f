// `mizu sync stats`: the numbers of a database.

import ArgumentParser
import Mizu
import MizuSyncTools

struct SyncStatsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats",
        abstract: "Show what a database comes to: scopes, sizes, clients, journal.",
        discussion: """
            Works while a server has the database, and changes nothing. What is journaled and not \
            yet in the database (a second's worth at most, while a server runs) is counted with \
            the journal only.

            EXAMPLES
              mizu sync stats --largest 20
              mizu sync stats --scope team --json
            """)

    @OptionGroup var options: SyncOptions
    @Option(help: "Show this scope alone.")
    var scope: String?
    @Option(help: "Show so many of the largest scopes.")
    var largest = 10

    func validate() throws {
        if let scope, Name(scope) == nil {
            throw ValidationError("\"\(scope)\" is no scope's name")
        }
        guard (0...10_000).contains(largest) else {
            throw ValidationError("--largest is 0 to 10000")
        }
    }

    func run() throws {
        try options.tell { (progress) throws(ToolFailure) in
            try StoreStatistics.read(
                options.path(
                    to: "count what is there",
                    instead: "mizu sync migrate --dry-run counts it, mizu cluster shows the nodes"),
                scope.flatMap { Name($0) }.map { .one($0) } ?? .largest(largest),
                progress: progress)
        } text: { found in
            Self.text(found)
        } json: { found, json in
            Self.write(found, to: &json)
        }
    }

    // MARK: For people

    private static func text(_ found: StoreStatistics) -> String {
        var lines = [
            row("database", "\(found.path) (schema \(found.schemaVersion))"),
            row("in use", found.isHeld ? found.pid.map { "by process \($0)" } ?? "yes" : "no"),
            row("epoch", found.epoch.string),
            row(
                "size",
                Sizes.text(found.files.database)
                    + ", of that \(Sizes.text(found.files.free)) free"),
            row("WAL", Sizes.text(found.files.wal)),
        ]
        if let journal = found.files.journal, !journal.inspection.files.isEmpty {
            let inside = journal.inspection
            lines.append(
                row(
                    "journal",
                    """
                    \(inside.files.count) files of \(Sizes.text(journal.byteCount)), commit \
                    \(inside.lastSequence); \(inside.unfoldedCount) commits of \
                    \(Sizes.text(inside.unfoldedByteCount)) are not in the database yet
                    """))
        }
        lines += [
            row("scopes", "\(found.scopeCount)"),
            row("records", "\(found.recordCount), \(Sizes.text(found.recordBytes))"),
            row("log", "\(found.changeCount) changes, \(Sizes.text(found.logBytes))"),
            row("outcomes", "\(found.outcomeCount)"), row("clients", "\(found.clientCount)"),
            row("accounts", "\(found.accountCount)"),
        ]
        for scope in found.scopes {
            lines += ["", "scope \(scope.name)"] + Self.lines(of: scope)
        }
        return lines.joined(separator: "\n")
    }

    private static func lines(of scope: StoreStatistics.Scope) -> [String] {
        let state = scope.state
        var lines = [
            row("  cursor", "\(state.head.cursor), epoch \(state.head.epoch)"),
            row(
                "  log",
                "\(state.head.cursor - state.base) changes after \(state.base), "
                    + Sizes.text(state.logByteCount)),
            row("  records", "\(state.recordCount), \(Sizes.text(state.byteCount))"),
            row("  clients", "\(scope.clientCount)"),
        ]
        if let oldest = scope.oldestChange { lines.append(row("  oldest change", oldest)) }
        if let owner = state.owner { lines.append(row("  made by", owner.text)) }
        return lines
    }

    private static func row(_ name: String, _ value: String) -> String {
        name + String(repeating: " ", count: max(1, 16 - name.count)) + value
    }

    // MARK: For programs

    private static func write(_ found: StoreStatistics, to json: inout JSONWriter) {
        json.member("database", found.path)
        json.member("schema", found.schemaVersion)
        json.member("epoch", found.epoch.string)
        json.member("in_use", found.isHeld)
        if let pid = found.pid { json.member("pid", Int(pid)) }
        json.member("database_bytes", found.files.database)
        json.member("free_bytes", found.files.free)
        json.member("wal_bytes", found.files.wal)
        if let journal = found.files.journal {
            json.key("journal")
            json.beginObject()
            let inside = journal.inspection
            json.member("files", inside.files.count)
            json.member("file_bytes", journal.byteCount)
            json.member(
                "last_commit", Int(clamping: max(inside.lastSequence, journal.foldedSequence)))
            json.member("folded_commit", Int(clamping: journal.foldedSequence))
            json.member("unfolded_commits", inside.unfoldedCount)
            json.member("unfolded_bytes", inside.unfoldedByteCount)
            json.endObject()
        }
        json.member("scope_count", found.scopeCount)
        json.member("records", found.recordCount)
        json.member("record_bytes", found.recordBytes)
        json.member("changes", found.changeCount)
        json.member("log_bytes", found.logBytes)
        json.member("outcomes", found.outcomeCount)
        json.member("clients", found.clientCount)
        json.member("accounts", found.accountCount)
        json.key("scopes")
        json.beginArray()
        for scope in found.scopes { write(scope, to: &json) }
        json.endArray()
    }

    private static func write(_ scope: StoreStatistics.Scope, to json: inout JSONWriter) {
        let state = scope.state
        json.beginObject()
        json.member("scope", scope.name.string)
        json.member("cursor", state.head.cursor)
        json.member("epoch", state.head.epoch.string)
        json.member("base", state.base)
        json.member("records", state.recordCount)
        json.member("record_bytes", state.byteCount)
        json.member("log_bytes", state.logByteCount)
        json.member("clients", scope.clientCount)
        if let oldest = scope.oldestChange { json.member("oldest_change", oldest) }
        if let owner = state.owner { json.member("owner", owner.text) }
        json.endObject()
    }
}
