// `mizu sync export` and `mizu sync import`: the records of a scope as lines of JSON.

import ArgumentParser
import Mizu
import MizuSyncTools

struct SyncExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write the records of a scope as lines of JSON.",
        discussion: """
            The first line says where the scope was: {"mizu_export":1,"scope":…,"cursor":…,\
            "epoch":…,"records":…,"checksum":…}. Each other line is a record: {"entity":…,"id":…,\
            "version":…,"data":{…}}. Works while a server has the database.

            EXAMPLES
              mizu sync export team > team.ndjson
              mizu sync export _default | jq -c 'select(.entity=="todo").data'
            """)

    @Argument(help: "The scope.")
    var scope: String
    @Option(
        name: [.short, .long], help: "The new file (default: standard output).",
        completion: .file())
    var output: String?
    @OptionGroup var options: SyncOptions

    func validate() throws {
        guard Name(scope) != nil else { throw ValidationError("\"\(scope)\" is no scope's name") }
        if options.json, output == nil {
            throw ValidationError("--json wants --output: the records take standard output")
        }
    }

    func run() throws {
        guard let name = Name(scope) else { return }
        try options.tell { (progress) throws(ToolFailure) in
            try ScopeExport.run(
                options.path(
                    to: "export a scope",
                    instead: "move it to a file with mizu sync migrate, or use pg_dump"),
                scope: name, to: output, progress: progress)
        } text: { report in
            output.map {
                "wrote \($0): \(SyncOptions.count(report.recordCount, "record")) "
                    + "at cursor \(report.head.cursor)"
            } ?? ""
        } json: { report, json in
            json.member("scope", report.scope.string)
            json.member("cursor", report.head.cursor)
            json.member("epoch", report.head.epoch.string)
            json.member("records", report.recordCount)
            json.member("bytes", report.byteCount)
        }
    }
}

struct SyncImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Write records from lines of JSON into a scope.",
        discussion: """
            Each line is a record, {"entity":…,"id":…,"data":{…}}; the first one may be that of an \
            export. Records with the same entity and id are replaced. All lines or none: a line \
            that cannot be read is named, and nothing is changed. Clients that follow the scope \
            get changes as from any push. The server must be stopped, and the disk needs the \
            database's size again.

            EXAMPLES
              mizu sync import team < team.ndjson
              mizu sync import team --input team.ndjson --replace --json
            """)

    @Argument(help: "The scope.")
    var scope: String
    @Option(
        name: [.short, .long], help: "The file with the lines (default: standard input).",
        completion: .file())
    var input: String?
    @Flag(help: "Remove records that are not among the lines.")
    var replace = false
    @OptionGroup var options: SyncOptions

    func validate() throws {
        guard Name(scope) != nil else { throw ValidationError("\"\(scope)\" is no scope's name") }
    }

    func run() throws {
        guard let name = Name(scope) else { return }
        try options.tell { (progress) throws(ToolFailure) in
            try ScopeImport.run(
                options.path(
                    to: "import a scope",
                    instead: "import into a file, and bring that there with mizu sync migrate"),
                scope: name, from: input, others: replace ? .remove : .keep,
                limits: options.configuration().sync, progress: progress)
        } text: { report in
            """
            imported \(SyncOptions.count(report.recordCount, "record")) into \(report.scope)\
            \(replace ? " and removed \(report.removedCount)" : ""): it is at cursor \
            \(report.head.cursor) now
            """
        } json: { report, json in
            json.member("scope", report.scope.string)
            json.member("records", report.recordCount)
            json.member("removed", report.removedCount)
            json.member("cursor", report.head.cursor)
            json.member("epoch", report.head.epoch.string)
        }
    }
}
