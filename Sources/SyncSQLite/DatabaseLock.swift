// Keeps a database to one process: a lock on the file PATH-lock beside it, which the kernel lets go
// of when the process ends, however it ends. Not on the database itself, because SQLite's own
// locks on that file would be lost with the first descriptor of it that is closed.

import CSQLite
import MizuSync

/// Holds the lock as long as it lives.
struct DatabaseLock: ~Copyable {
    private let descriptor: Int32

    /// - Throws: one line for people: the file is held, or the directory cannot be written.
    init(forDatabase path: String) throws(StoreError) {
        try Self.makeParents(of: path)
        let lockPath = path + "-lock"
        let result = csqlite_lock_file(lockPath)
        guard result >= 0 else {
            guard csqlite_is_held(result) != 0 else {
                throw StoreError(
                    .unavailable,
                    "cannot write \(lockPath): \(Self.text(of: result)). "
                        + "Make the directory writable, or name another file")
            }
            let holder = csqlite_read_pid(lockPath)
            let name = holder > 0 ? "another process (pid \(holder))" : "another process"
            throw StoreError(
                .unavailable, "\(path) is held by \(name): stop it, or name another file")
        }
        descriptor = result
        csqlite_write_pid(result)
    }

    deinit { csqlite_unlock_file(descriptor) }

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
        let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return String(decoding: bytes, as: UTF8.self)
    }
}
