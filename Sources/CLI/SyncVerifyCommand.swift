// `mizu sync verify`: whether everything in a database fits together.

import ArgumentParser
import Mizu
import MizuSyncTools

struct SyncVerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check that everything in a database fits together.",
        discussion: """
            Checks SQLite's pages, the journal's records, that logs have no gap, that records are \
            what the logs say, and that sums, outcomes and clients match. Names the first thing \
            that does not fit and where it is, with exit code 1. Changes nothing.

            A database that a server has, or that one has left by a crash, is copied first, to \
            TMPDIR or /var/tmp. Otherwise the file is held meanwhile: a server that is started \
            then is refused.

            EXAMPLES
              mizu sync verify
              mizu sync verify --database backup.db --json
            """)

    @OptionGroup var options: SyncOptions

    private struct Found {
        let path: String
        let isCopy: Bool
        let report: VerificationReport
    }

    func run() throws {
        try options.tell { (progress) throws(ToolFailure) in
            let found = try verify(progress)
            if let fault = found.report.fault {
                throw ToolFailure(of: fault, after: found.report.tally, in: found.path)
            }
            return found
        } text: { found in
            "\(found.path) is right\(found.isCopy ? " (a copy was read)" : ""): "
                + SyncOptions.text(found.report.tally)
        } json: { found, json in
            json.member("database", found.path)
            json.member("copy", found.isCopy)
            SyncOptions.write(found.report.tally, to: &json)
        }
    }

    private func verify(_ progress: @escaping ToolProgress) throws(ToolFailure) -> Found {
        let whole = try WholeDatabase.open(
            options.path(
                to: "verify it",
                instead: "move it to a file with mizu sync migrate, which compares each scope, and "
                    + "verify that; pg_amcheck checks PostgreSQL's own pages"),
            progress: progress)
        let report = Verification.run(whole.database) { tally in
            progress("verifying: \(tally.scopeCount) scopes, \(tally.changeCount) changes")
        }
        return Found(path: whole.path, isCopy: whole.isCopy, report: report)
    }
}

extension ToolFailure {
    /// What verifying has found, and how far it had come.
    fileprivate init(
        of fault: VerificationFault, after tally: VerifiedTally, in path: String
    ) {
        self.init(
            "\(path) is damaged: \(fault.text)",
            hint:
                "verified before that: \(SyncOptions.text(tally)). Keep the files, and put a "
                + "backup in their place: mizu sync restore", fault: fault, tally: tally)
    }
}
