// A database file that a tool looks at or changes while no server may have it. Takes the locks of
// DatabaseLock, but makes no file: a tool that root starts must leave nothing behind that the
// server's user could not open. Says who has the database where somebody has.

import CSQLite
import Glibc
import MizuSync

/// Holds a database as long as it lives. Any thread.
package final class DatabaseHold: Sendable {
    /// Absolute, without symbolic links.
    package let path: String
    private let database: Int32
    private let beside: Int32?

    private init(_ path: String, database: Int32, beside: Int32?) {
        self.path = path
        self.database = database
        self.beside = beside
    }

    deinit {
        csqlite_unlock_file(database)
        if let beside { csqlite_unlock_file(beside) }
    }

    package enum Outcome: Sendable {
        case held(DatabaseHold)
        /// Another process has it: a server, as a rule. Its number, if that is known.
        case taken(path: String, pid: Int32?)
    }

    /// Tries to take the database at `path`, which must be there.
    /// - Throws: one line for people, where the file is missing or cannot be opened.
    package static func take(_ path: String) throws(StoreError) -> Outcome {
        let file = try existing(path)
        let lockPath = file + "-lock"
        let beside = csqlite_lock_present(lockPath)
        if csqlite_is_held(beside) != 0 {
            let pid = csqlite_read_pid(lockPath)
            return .taken(path: file, pid: pid > 0 ? pid : nil)
        }
        guard beside >= 0 || beside == -ENOENT else {
            throw unreadable(lockPath, beside)
        }
        let database = csqlite_lock_database(file)
        guard database >= 0 else {
            if beside >= 0 { csqlite_unlock_file(beside) }
            guard csqlite_is_held(database) != 0 else { throw unreadable(file, database) }
            return .taken(path: file, pid: nil)
        }
        return .held(DatabaseHold(file, database: database, beside: beside >= 0 ? beside : nil))
    }

    /// Who has the database at `path`, absolute, by the file beside it alone. Touches no other
    /// file, because SQLite's locks on one go when any descriptor of it is closed.
    package enum Holder: Sendable {
        case nobody
        /// Its number, if that is known.
        case process(Int32?)
    }

    package static func holder(of path: String) -> Holder {
        let lockPath = path + "-lock"
        let beside = csqlite_lock_present(lockPath)
        if beside >= 0 { csqlite_unlock_file(beside) }
        guard csqlite_is_held(beside) != 0 else { return .nobody }
        let pid = csqlite_read_pid(lockPath)
        return .process(pid > 0 ? pid : nil)
    }

    /// Takes the database, or says who has it.
    /// - Parameter purpose: what it is wanted for, as "trim".
    package static func demand(_ path: String, for purpose: String) throws(StoreError)
        -> DatabaseHold
    {
        switch try take(path) {
        case .held(let hold): return hold
        case .taken(let file, let pid):
            let name = pid.map { "a server (pid \($0))" } ?? "another process"
            throw StoreError(
                .unavailable, "\(file) is held by \(name): stop it first to \(purpose)")
        }
    }

    /// The absolute path of a file that is there.
    package static func existing(_ path: String) throws(StoreError) -> String {
        var identity = csqlite_identity()
        let result = csqlite_identify(path, &identity)
        guard result == 0 else {
            if result == -EISDIR {
                throw StoreError(.unavailable, "\(path) is a directory: name the database in it")
            }
            throw unreadable(path, result)
        }
        var resolved = [CChar](repeating: 0, count: 4096)
        let code = csqlite_resolve_file(path, &resolved, resolved.count)
        guard code == 0 else { throw unreadable(path, code) }
        return text(resolved)
    }

    /// The absolute path of a file that may be missing; as it is where its folder is missing, too.
    package static func resolved(_ path: String) -> String {
        if let known = try? existing(path) { return known }
        let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
        let folder = slash.map { String(path[..<$0]) } ?? "."
        let name = slash.map { String(path[path.utf8.index(after: $0)...]) } ?? path
        guard let absolute = realpath(folder.isEmpty ? "/" : folder, nil) else { return path }
        defer { free(absolute) }
        let parent = String(cString: absolute)
        return (parent == "/" ? "" : parent) + "/" + name
    }

    private static func text(_ path: [CChar]) -> String {
        String(decoding: path.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    static func unreadable(_ path: String, _ result: Int32) -> StoreError {
        let reason =
            result == -ENOENT
            ? "there is no such file" : String(cString: strerror(-result))
        return StoreError(.unavailable, "cannot open \(path): \(reason)")
    }
}
