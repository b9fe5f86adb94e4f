// One file with everything that a database holds at one moment, made while a server goes on, or
// after it has crashed. Written beside its place, made durable, verified, and only then given its
// name; a name that somebody has is left alone. And the way back.

import CSQLite
import Glibc
import MizuSync
import MizuSyncSQLite

/// What a backup, or a restore, came to.
package struct BackupReport: Sendable {
    /// The file that was written.
    package let path: String
    package let byteCount: Int
    package let tally: VerifiedTally
}

package enum Backup {
    /// Writes a backup of the database at `source` to the new file `target` (0600). Everything is
    /// in it that was acknowledged before the call. Blocks.
    package static func make(
        of source: String, at target: String, progress: ToolProgress = { _ in }
    ) throws(ToolFailure) -> BackupReport {
        guard !DatabasePath.exists(try DatabasePath.plain(target)) else {
            throw ToolFailure("\(target) is there already", hint: "name another file")
        }
        return try write(source, to: target, progress) { _ in }
    }

    /// Makes a database at `target` of the backup `source`. Nothing may be there, not even what
    /// belonged to a database that was there. The next server that opens it begins a new epoch, as
    /// each does: clients that know more than it has start over.
    package static func restore(
        _ source: String, to target: String, progress: ToolProgress = { _ in }
    ) throws(ToolFailure) -> BackupReport {
        let source = try DatabasePath.plain(source)
        let held = csqlite_lock_present(target + "-lock")
        if csqlite_is_held(held) != 0 {
            throw ToolFailure(
                "\(target) is held by a server (pid \(csqlite_read_pid(target + "-lock")))",
                hint: "stop it, and move its files away")
        }
        defer { if held >= 0 { csqlite_unlock_file(held) } }
        guard !DatabasePath.exists(target) else {
            throw ToolFailure(
                "\(target) is there already, and restoring overwrites nothing",
                hint: "move it away with all that lies beside it: mv \(target)* ELSEWHERE")
        }
        for part in DatabaseCopy.parts + ["-shm"] where DatabasePath.exists(target + part) {
            throw ToolFailure(
                "\(target)\(part) is there, and belongs to a database that was here before",
                hint: "move it to where that database is")
        }
        return try write(source, to: target, progress) { (temporary) throws(ToolFailure) in
            let given = csqlite_give_to_folder(temporary, DatabasePath.folder(of: target))
            guard given == 0 else { throw ToolFailure(cannot: "give away", temporary, given) }
        }
    }

    private static func write(
        _ source: String, to target: String, _ progress: ToolProgress,
        finish: (String) throws(ToolFailure) -> Void
    ) throws(ToolFailure) -> BackupReport {
        let temporary = DatabasePath.aside(target)
        DatabaseCopy.remove(temporary)
        defer { DatabaseCopy.remove(temporary) }
        do throws(DatabaseCopyError) {
            try DatabaseCopy.make(of: source, at: temporary) { done, total in
                progress("copying \(Sizes.text(done)) of \(Sizes.text(total))")
            }
        } catch {
            throw ToolFailure(error)
        }
        let tally = try verified(temporary, progress)
        try finish(temporary)
        try DatabasePath.place(temporary, at: target)
        return BackupReport(
            path: target, byteCount: Int(csqlite_file_size(target)), tally: tally)
    }

    private static func verified(
        _ path: String, _ progress: ToolProgress
    ) throws(ToolFailure) -> VerifiedTally {
        let database = try storing { () throws(StoreError) in
            try InspectedDatabase(whole: path)
        }
        let report = Verification.run(database) { tally in
            progress("verifying: \(tally.scopeCount) scopes, \(tally.changeCount) changes")
        }
        if let fault = report.fault {
            throw ToolFailure(fault, hint: "nothing was written")
        }
        return report.tally
    }
}
