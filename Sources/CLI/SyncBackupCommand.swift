// `mizu sync backup` and `mizu sync restore`.

import ArgumentParser
import Mizu
import MizuSyncTools

struct SyncBackupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Write everything in a database to one new file.",
        discussion: """
            Works while a server has the database, and after a crash. Everything is in the file \
            that was acknowledged before the command began. The file is verified before it gets \
            its name; only its owner can read it. No file is overwritten.

            EXAMPLES
              mizu sync backup /var/backups/mizu-$(date +%F).db
              mizu sync backup copy.db --database sqlite:/var/lib/mizu/mizu.db --json
            """)

    @Argument(help: "The new file.", completion: .file())
    var file: String
    @OptionGroup var options: SyncOptions

    func run() throws {
        try options.tell { (progress) throws(ToolFailure) in
            try Backup.make(
                of: options.path(
                    to: "back it up", instead: "use pg_dump, or pg_basebackup and an archive of WAL"
                ), at: file, progress: progress)
        } text: { report in
            "wrote \(report.path), \(Sizes.text(report.byteCount)): "
                + SyncOptions.text(report.tally)
        } json: { report, json in
            json.write(report)
        }
    }
}

struct SyncRestoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Make a database of a backup.",
        discussion: """
            Nothing may be where the database is to be: stop the server, and move the old files \
            away (PATH, PATH-wal, PATH-commits0, PATH-commits1). The backup stays as it is. \
            Clients that know more than the backup start over: they push what waits in their \
            queues, and take a snapshot.

            EXAMPLES
              mizu sync restore /var/backups/mizu.db
              mizu sync restore copy.db --database sqlite:/var/lib/mizu/mizu.db
            """)

    @Argument(help: "The backup.", completion: .file())
    var file: String
    @OptionGroup var options: SyncOptions

    func run() throws {
        try options.tell { (progress) throws(ToolFailure) in
            try Backup.restore(
                file,
                to: options.path(
                    to: "restore a backup",
                    instead: "restore to a file, and bring that there with mizu sync migrate; "
                        + "what pg_dump has made, pg_restore reads"), progress: progress)
        } text: { report in
            """
            wrote \(report.path), \(Sizes.text(report.byteCount)): \
            \(SyncOptions.text(report.tally))
            Start the server now: it begins a new epoch, and clients that know more start over.
            """
        } json: { report, json in
            json.write(report)
        }
    }
}

extension JSONWriter {
    fileprivate mutating func write(_ report: BackupReport) {
        member("file", report.path)
        member("bytes", report.byteCount)
        SyncOptions.write(report.tally, to: &self)
    }
}
