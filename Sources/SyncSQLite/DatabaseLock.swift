// Keeps a database to one process: a lock on the database itself (flock(2), which does not meet the
// locks of SQLite), which holds whatever becomes of the names around it, and one on the file
// PATH-lock beside it, which says to people who holds it. The kernel lets go of both when the
// process ends, however it ends. Refuses a file that its folder does not keep alone: mounted by
// itself or with a second name, it would have two WALs and two owners (sqlite.org/howtocorrupt §2).

import CLinux
import CSQLite
import Glibc
import MizuSync

/// Holds the locks as long as it lives.
struct DatabaseLock: ~Copyable {
    /// The database's absolute path without symbolic links: what is locked, and what is to be
    /// opened. One file has one lock by whichever name it is called, and SQLite, which takes a
    /// name that begins with `file:` for a URI, never sees one.
    let path: String
    /// Of the database: open until all of SQLite's are closed, whose locks on the file would go
    /// with the first of the process that is closed.
    let database: Int32
    private let beside: Int32

    /// Makes the file, empty, and the directories above it where they are missing, for nobody but
    /// the process's user.
    /// - Throws: one line for people: the file is held, it is not its folder's, or the directory
    ///   cannot be written.
    init(forDatabase path: String) throws(StoreError) {
        try Self.makeParents(of: path)
        let file = try Self.resolve(path)
        try Self.refuseBorrowed(file, named: path)
        let lockPath = file + "-lock"
        let beside = csqlite_lock_file(lockPath)
        guard beside >= 0 else {
            guard csqlite_is_held(beside) != 0 else {
                throw StoreError(
                    .unavailable,
                    "cannot write \(path)-lock: \(Self.text(of: beside)). "
                        + "Make the directory writable, or name another file")
            }
            throw Self.held(path, by: csqlite_read_pid(lockPath))
        }
        let database = csqlite_lock_database(file)
        guard database >= 0 else {
            csqlite_unlock_file(beside)
            guard csqlite_is_held(database) != 0 else {
                throw StoreError(
                    .unavailable,
                    "cannot open \(path): \(Self.text(of: database)). "
                        + "Make the file and its directory writable, or name another file")
            }
            throw Self.held(path, by: 0)
        }
        self.path = file
        self.database = database
        self.beside = beside
        csqlite_write_pid(beside)
    }

    deinit {
        csqlite_unlock_file(database)
        csqlite_unlock_file(beside)
    }

    /// Takes the rights of every other user from files that are ours: an older version left them.
    /// - Returns: the names of those.
    func closeToOthers() -> [String] {
        (["", "-wal", "-shm", "-lock"] + JournalSegment.suffixes).map { path + $0 }
            .filter { csqlite_close_to_others($0) != 0 }
    }

    // MARK: Refusals

    private static func held(_ path: String, by holder: Int32) -> StoreError {
        let name = holder > 0 ? "another process (pid \(holder))" : "another process"
        return StoreError(
            .unavailable, "\(path) is held by \(name): stop it, or name another file")
    }

    private static func refuseBorrowed(
        _ file: String, named path: String
    ) throws(StoreError) {
        var identity = csqlite_identity()
        let result = csqlite_identify(file, &identity)
        if result == -EISDIR {
            throw StoreError(
                .unavailable, "\(path) is a directory: name a file in it, as \(path)/mizu.db")
        }
        if csqlite_is_mounted_alone(file) != 0 {
            throw StoreError(
                .unavailable,
                "\(path) is mounted by itself, and what is written beside it would be lost: "
                    + "mount the folder, not the file")
        }
        if result == 0, identity.links > 1 {
            throw StoreError(
                .unavailable,
                "\(path) has \(identity.links) names (hard links), and what is written beside one "
                    + "of them is not beside the others: mount the folder, not the file, "
                    + "or remove the other names")
        }
    }

    // MARK: Paths

    private static func resolve(_ path: String) throws(StoreError) -> String {
        var resolved = [CChar](repeating: 0, count: 4096)
        let result = csqlite_resolve_file(path, &resolved, resolved.count)
        guard result == 0 else {
            throw StoreError(
                .unavailable,
                "cannot write \(path): \(text(of: result)). "
                    + "Make the directory writable, or name another file")
        }
        return string(resolved)
    }

    /// Makes the directories above `path` that are missing.
    private static func makeParents(of path: String) throws(StoreError) {
        var count = 0
        let result = cl_make_parents(path, &count)
        guard result < 0 else { return }
        let directory = String(decoding: path.utf8.prefix(count), as: UTF8.self)
        throw StoreError(
            .unavailable, "cannot make the directory \(directory): \(text(of: result))")
    }

    private static func text(of result: Int32) -> String {
        String(cString: cl_error_text(-result))
    }

    private static func string(_ text: [CChar]) -> String {
        String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
