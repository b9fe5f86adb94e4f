// One file made of a database and of all that lies beside it: what the WAL holds, and the commits
// that are journaled and not folded yet. The database itself is not changed.
//
//   nobody has it    its files are copied as they are, under the lock
//   a server has it  first the journal's files, then the database by SQLite's backup: what the
//                    journal has let go of between the two is in the database by then
//
// and then the copy is opened and closed once as a server would: replay, fold, checkpoint. So a
// copy has all that was acknowledged before it was begun, and is in order exactly if a server could
// start. The server is held up by nothing: its log cannot be checkpointed beyond the view that the
// backup reads, for as long as that takes.

import CSQLite
import Glibc
import Logging
import MizuSync

/// Why there is no copy.
package enum DatabaseCopyError: Error {
    /// It could not be read or written.
    case notCopied(StoreError)
    /// It is complete, and no server could start with it: what it is a copy of is damaged.
    case notOpened(StoreError)

    package var error: StoreError {
        switch self {
        case .notCopied(let error), .notOpened(let error): error
        }
    }
}

/// Makes whole copies of databases. Any thread.
package enum DatabaseCopy {
    /// What may lie beside a database and belongs to it. (`-shm` is an index of the WAL and `-lock`
    /// a process's number: neither is data.)
    package static let parts = ["-wal", "-commits0", "-commits1"]
    /// All names that a database takes in its folder.
    package static let suffixes = [
        "", "-wal", "-shm", "-lock", "-commits0", "-commits1", "-commits0.new", "-commits1.new",
    ]

    /// How often a copy of a running server's files is tried: the journal may go on to its other
    /// file between the copies of the two.
    private static let tries = 5
    /// Pages that one step of SQLite's backup copies: 4 MiB.
    private static let stepPages: Int32 = 1024

    /// Makes a whole copy of the database at `path` as one new file.
    /// - Parameters:
    ///   - target: must not be there; nor may what would lie beside it.
    ///   - progress: is told bytes that were copied, and of how many.
    /// - Throws: one line for people; then nothing is left at `target`.
    package static func make(
        of path: String, at target: String, progress: (Int, Int) -> Void = { _, _ in }
    ) throws(DatabaseCopyError) {
        for attempt in 1... {
            let isLive: Bool
            do throws(StoreError) {
                isLive = try copy(path, to: target, progress)
            } catch {
                remove(target)
                throw .notCopied(error)
            }
            let resolved = (try? DatabaseHold.existing(target)) ?? target
            do throws(StoreError) {
                return try seal(resolved)
            } catch {
                remove(target)
                guard isLive, attempt < tries else {
                    throw .notOpened(
                        StoreError(error.kind, replacing(resolved, by: path, in: error.message)))
                }
            }
        }
    }

    /// Removes a copy and whatever lies beside it.
    package static func remove(_ target: String) {
        for suffix in suffixes { unlink(target + suffix) }
    }

    /// Opens and closes a database as a server does, after which it is one file.
    package static func seal(_ path: String) throws(StoreError) {
        var random = SystemRandomNumberGenerator()
        do {
            _ = try SQLiteStore(
                path: path, epoch: Name.random(using: &random),
                logger: Logger(label: "mizu sync") { _ in SwiftLogNoOpLogHandler() }, as: .mover)
        }
        try requireWhole(path)
        let result = csqlite_sync(path)
        guard result == 0 else { throw failure("write", path, result) }
        unlink(path + "-lock")
    }

    /// Rewrites a database without its free pages (VACUUM). Nobody else may have it.
    package static func vacuum(_ path: String) throws(StoreError) {
        do {
            let connection = try Connection(path, as: .writer)
            try connection.run("VACUUM")
            guard connection.checkpoint(waitMilliseconds: 1_000) else {
                throw StoreError(.unavailable, "\(path)-wal is in use by another program")
            }
        }
        let result = csqlite_sync(path)
        guard result == 0 else { throw failure("write", path, result) }
    }

    /// Whether a database is one file, with nothing beside it that belongs to it.
    package static func isWhole(_ path: String) -> Bool {
        parts.allSatisfy { csqlite_file_size(path + $0) <= 0 }
    }

    private static func requireWhole(_ path: String) throws(StoreError) {
        for part in parts where csqlite_file_size(path + part) > 0 {
            throw StoreError(.unavailable, "\(path)\(part) could not be taken into the database")
        }
    }

    // MARK: Copying

    /// - Returns: whether a server has the database.
    private static func copy(
        _ path: String, to target: String, _ progress: (Int, Int) -> Void
    ) throws(StoreError) -> Bool {
        switch try DatabaseHold.take(path) {
        case .held(let hold):
            try withExtendedLifetime(hold) { () throws(StoreError) in
                guard
                    csqlite_file_size(hold.path) > 0 || csqlite_file_size(hold.path + "-wal") > 0
                else {
                    throw StoreError(.unavailable, "\(path) is empty: it is no database")
                }
                for part in [""] + parts {
                    try copyFile(hold.path + part, to: target + part, mayBeMissing: !part.isEmpty)
                }
                standIn(for: hold.path, target)
            }
            return false
        case .taken(let file, _):
            for part in parts where part != "-wal" {
                try copyFile(file + part, to: target + part, mayBeMissing: true)
            }
            try backUp(file, to: target, progress)
            standIn(for: file, target)
            return true
        }
    }

    /// Has the copy take the original's place in what it says of itself: where the original would
    /// be refused without its journal, so must this one be, and not pass for a copy that began
    /// with what was folded. What goes wrong here, the opening says.
    private static func standIn(for original: String, _ copy: String) {
        guard let old = DatabaseFiles.inode(of: original), let new = DatabaseFiles.inode(of: copy)
        else { return }
        var opened: OpaquePointer?
        defer { sqlite3_close_v2(opened) }
        guard sqlite3_open_v2(copy, &opened, SQLITE_OPEN_READWRITE, nil) == SQLITE_OK,
            let opened
        else { return }
        csqlite_keep_wal(opened)
        sqlite3_exec(
            opened,
            "UPDATE settings SET value = '\(new)' WHERE key = 'inode' AND value = '\(old)'",
            nil, nil, nil)
    }

    private static func copyFile(
        _ from: String, to target: String, mayBeMissing: Bool
    ) throws(StoreError) {
        let result = csqlite_copy_file(from, target)
        if result == 0 || (mayBeMissing && result == -ENOENT) { return }
        throw failure("copy \(from) to", target, result)
    }

    /// SQLite's online backup, of one view of the database from the first page to the last.
    private static func backUp(
        _ path: String, to target: String, _ progress: (Int, Int) -> Void
    ) throws(StoreError) {
        let source = try Connection(path, as: .reader)
        csqlite_keep_wal(source.raw)
        let made = csqlite_make_file(target)
        guard made == 0 else { throw failure("write", target, made) }
        var opened: OpaquePointer?
        let code = sqlite3_open_v2(target, &opened, SQLITE_OPEN_READWRITE, nil)
        defer { sqlite3_close_v2(opened) }
        guard code == SQLITE_OK, let opened else {
            throw StoreError(.unavailable, "cannot write \(target) (SQLite \(code))")
        }
        // A view that stays: otherwise each commit of the server would begin the backup anew.
        try source.run("BEGIN")
        _ = try source.number("SELECT count(*) FROM sqlite_schema")
        guard let backup = sqlite3_backup_init(opened, "main", source.raw, "main") else {
            throw StoreError(.unavailable, "\(target): \(String(cString: sqlite3_errmsg(opened)))")
        }
        let pageBytes = try source.number("PRAGMA page_size")
        var result = SQLITE_OK
        while result == SQLITE_OK {
            result = sqlite3_backup_step(backup, stepPages)
            let total = Int(sqlite3_backup_pagecount(backup))
            let done = total - Int(sqlite3_backup_remaining(backup))
            progress(done &* pageBytes, total &* pageBytes)
        }
        let finished = sqlite3_backup_finish(backup)
        guard result == SQLITE_DONE, finished == SQLITE_OK else {
            let reason = String(cString: sqlite3_errstr(result == SQLITE_DONE ? finished : result))
            throw StoreError(.unavailable, "cannot copy \(path): \(reason)")
        }
        try source.run("ROLLBACK")
    }

    // MARK: Words

    static func failure(_ verb: String, _ path: String, _ result: Int32) -> StoreError {
        StoreError(.unavailable, "cannot \(verb) \(path): \(String(cString: strerror(-result)))")
    }

    /// What is wrong with a copy is wrong with what it is a copy of.
    private static func replacing(_ copy: String, by path: String, in text: String) -> String {
        let (wanted, bytes) = (Array(copy.utf8), Array(text.utf8))
        var out: [UInt8] = []
        var at = 0
        while at < bytes.count {
            if bytes[at...].starts(with: wanted) {
                out += Array(path.utf8)
                at += wanted.count
            } else {
                out.append(bytes[at])
                at += 1
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
