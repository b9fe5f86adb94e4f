// Keeps a database to one process: a lock on the file PATH-lock beside it, which the kernel lets go
// of when the process ends, however it ends. Not on the database itself, because SQLite's own
// locks on that file would be lost with the first descriptor of it that is closed.

import CSQLite
import MizuSync

/// Holds the lock as long as it lives.
struct DatabaseLock: ~Copyable {
    /// The database's absolute path without symbolic links: what is locked, and what is to be
    /// opened. One file has one lock by whichever name it is called, and SQLite, which takes a
    /// name that begins with `file:` for a URI, never sees one.
    let path: String
    private let descriptor: Int32

    /// Makes the file, empty, and the directories above it where they are missing.
    /// - Throws: one line for people: the file is held, or the directory cannot be written.
    init(forDatabase path: String) throws(StoreError) {
        try Self.makeParents(of: path)
        let file = try Self.resolve(path)
        let lockPath = file + "-lock"
        let result = csqlite_lock_file(lockPath)
        guard result >= 0 else {
            guard csqlite_is_held(result) != 0 else {
                throw StoreError(
                    .unavailable,
                    "cannot write \(path)-lock: \(Self.text(of: result)). "
                        + "Make the directory writable, or name another file")
            }
            let holder = csqlite_read_pid(lockPath)
            let name = holder > 0 ? "another process (pid \(holder))" : "another process"
            throw StoreError(
                .unavailable, "\(path) is held by \(name): stop it, or name another file")
        }
        self.path = file
        descriptor = result
        csqlite_write_pid(result)
    }

    deinit { csqlite_unlock_file(descriptor) }

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
        let bytes = Array(path.utf8)
        for (index, byte) in bytes.enumerated() where byte == UInt8(ascii: "/") && index > 0 {
            let directory = String(decoding: bytes[..<index], as: UTF8.self)
            let result = csqlite_make_directory(directory)
            guard result < 0 else { continue }
            throw StoreError(
                .unavailable, "cannot make the directory \(directory): \(text(of: result))")
        }
    }

    private static func text(of result: Int32) -> String {
        var text = [CChar](repeating: 0, count: 128)
        csqlite_error_text(-result, &text, text.count)
        return string(text)
    }

    private static func string(_ text: [CChar]) -> String {
        String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
