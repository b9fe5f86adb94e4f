// `mizu sync migrate`: everything of one store to another, while the servers go on.

import ArgumentParser
import Mizu
import MizuSyncTools

struct SyncMigrateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Move everything to another store: SQLite, PostgreSQL and back.",
        discussion: """
            Copies all rows while the servers of the source go on, then what has changed \
            meanwhile, again and again. Then nobody may write to the source any more: where it is \
            a file, its server must be stopped (--stop-server does it; otherwise the command says \
            when, and waits); PostgreSQL is locked. The rest is moved, each scope is compared with \
            its source, and the source is marked: a server that is started on it refuses, and says \
            where the rows are. Cursors, epochs, outcomes and clients stay as they are, so clients \
            notice nothing. The file session-secret goes along; SESSION_SECRET, where it is set, \
            has to be set for the new place.

            A move that does not end leaves the target marked as incomplete, and the source as it \
            was. Run it again: it begins anew. Nothing that is there is overwritten.

            EXAMPLES
              mizu sync migrate --from sqlite:data/mizu.db --to postgres://mizu@db/mizu --dry-run
              mizu sync migrate --from sqlite:data/mizu.db --to postgres://mizu@db/mizu
              mizu sync migrate --from postgres://mizu@db/mizu --to sqlite:data/again.db
            """)

    @Option(
        help: ArgumentHelp(
            "The store that has the rows.", valueName: "sqlite:PATH|postgres://…"),
        completion: .file())
    var from: String
    @Option(
        help: ArgumentHelp(
            "The store that gets them; an empty one.", valueName: "sqlite:PATH|postgres://…"),
        completion: .file())
    var to: String
    @Flag(help: "Look at both ends and count; change nothing.")
    var dryRun = false
    @Flag(help: "End the server that has the source (SIGTERM) when little is left to move.")
    var stopServer = false
    @Flag(help: "One JSON object on standard output.")
    var json = false

    func run() throws {
        var options = MoveOptions()
        options.isRehearsal = dryRun
        options.stopsServer = stopServer
        try SyncOptions.tell(json: json) { (progress) throws(ToolFailure) in
            let (start, end) = (try address(from), try address(to))
            let (source, target) = (try start.moveSource(), try end.moveTarget())
            return try StoreMove(
                from: source, to: target, options: options, progress: progress
            ) { Terminal.complain($0) }.run()
        } text: { report in
            text(report)
        } json: { report, json in
            json.member("from", report.source)
            json.member("to", report.target)
            json.member("dry_run", dryRun)
            json.member("scopes", report.scopeCount)
            json.member("records", report.recordCount)
            json.member("changes", report.changeCount)
            json.member("clients", report.clientCount)
            json.member("outcomes", report.outcomeCount)
            json.member("accounts", report.accountCount)
            json.member("secret", report.isSecretMoved == true)
            json.member("rounds", report.roundCount)
            json.member("milliseconds", report.milliseconds)
            json.member("held_milliseconds", report.heldMilliseconds)
        }
    }

    private func address(_ flag: String) throws(ToolFailure) -> StoreAddress {
        let address = try StoreAddress.parse(flag)
        do throws(ConfigurationError) {
            try Setting.checkFlag(
                flag, instead: "write it into ~/.pgpass or a file that PGPASSFILE names")
        } catch {
            throw ToolFailure("\(error)")
        }
        return address
    }

    private func text(_ report: MoveReport) -> String {
        let rows = [
            SyncOptions.count(report.scopeCount, "scope"),
            SyncOptions.count(report.recordCount, "record"),
            SyncOptions.count(report.changeCount, "change"),
            SyncOptions.count(report.clientCount, "client"),
            SyncOptions.count(report.outcomeCount, "outcome"),
            SyncOptions.count(report.accountCount, "account"),
        ].joined(separator: ", ")
        if dryRun { return "would move \(rows) from \(report.source) to \(report.target)" }
        let secret =
            switch report.isSecretMoved {
            case true?: "the secret that signs links went along"
            case false?: "the secret that signs links is another one there, which stays"
            case nil: "no secret went along: if SESSION_SECRET is set, set it there, too"
            }
        return """
            moved \(rows) from \(report.source) to \(report.target)
            \(secret)
            the source was held for \(report.heldMilliseconds) ms, and refuses servers now: \
            start them with DATABASE_URL of the new place
            """
    }
}
