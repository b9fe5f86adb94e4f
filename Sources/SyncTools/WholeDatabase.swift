// Everything that a database holds, its journal's commits too, opened for reading. A file that is
// whole and that nobody has is read where it is, and held meanwhile, so that no server starts in
// the middle. Otherwise (a server has it, or one has crashed) a copy is made in a scratch folder,
// and its name is removed as soon as it is open: whatever ends this process, nothing is left.

import Glibc
import MizuSync
import MizuSyncSQLite

/// One state of a database. Confined to one thread.
package final class WholeDatabase {
    package let database: InspectedDatabase
    /// Absolute.
    package let path: String
    /// Whether a copy is read, which was made while the file was in use or was left by a crash.
    package let isCopy: Bool
    private let hold: DatabaseHold?

    private init(
        _ database: InspectedDatabase, path: String, isCopy: Bool, hold: DatabaseHold?
    ) {
        self.database = database
        self.path = path
        self.isCopy = isCopy
        self.hold = hold
    }

    /// Opens the database at `path`.
    /// - Throws: a failure, with its fault where the database is damaged.
    package static func open(
        _ path: String, progress: ToolProgress = { _ in }
    ) throws(ToolFailure) -> WholeDatabase {
        let file = try storing { () throws(StoreError) in try DatabaseHold.existing(path) }
        let taken = try storing { () throws(StoreError) in try DatabaseHold.take(file) }
        if case .held(let hold) = taken, DatabaseCopy.isWhole(file),
            let database = try? InspectedDatabase(whole: file)
        {
            return WholeDatabase(database, path: file, isCopy: false, hold: hold)
        }
        return try openCopy(of: file, progress)
    }

    private static func openCopy(
        of file: String, _ progress: ToolProgress
    ) throws(ToolFailure) -> WholeDatabase {
        let folder = try DatabasePath.makeScratch()
        let copy = folder + "/mizu.db"
        defer {
            DatabaseCopy.remove(copy)
            rmdir(folder)
        }
        do throws(DatabaseCopyError) {
            try DatabaseCopy.make(of: file, at: copy) { done, total in
                progress("copying \(Sizes.text(done)) of \(Sizes.text(total))")
            }
        } catch {
            guard case .notCopied = error else { throw ToolFailure(error) }
            throw ToolFailure(
                error.error.message,
                hint: "the copy needs as much space as the database: name a folder in TMPDIR")
        }
        let database = try storing { () throws(StoreError) in
            try InspectedDatabase(whole: copy)
        }
        return WholeDatabase(database, path: file, isCopy: true, hold: nil)
    }
}

/// Sizes for people.
package enum Sizes {
    /// As "12 bytes", "3.4 MiB".
    package static func text(_ bytes: Int) -> String {
        let units = ["KiB", "MiB", "GiB", "TiB"]
        guard bytes >= 1024 else { return "\(bytes) bytes" }
        var (value, unit) = (Double(bytes) / 1024, 0)
        while value >= 1024, unit + 1 < units.count {
            value /= 1024
            unit += 1
        }
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) \(units[unit])"
    }
}
