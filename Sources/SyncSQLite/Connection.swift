// One SQLite connection: opened, configured, spoken to, closed. Confined to one thread at a time
// (SQLITE_OPEN_NOMUTEX). Knows SQL and result codes, and nothing of what the rows mean.

import CSQLite
import MizuBytes
import MizuSync

/// An open connection; closes itself.
final class Connection {
    let raw: OpaquePointer
    let path: String

    enum Role {
        case writer, reader
        /// A database of this connection alone, in a file that has no name; `path` is empty.
        case scratch
        /// Of a file that nobody writes to, with no WAL beside it: read without lock and index.
        case whole
    }

    /// Opens the file.
    ///
    /// WAL, so that readers see a committed state while the writer goes on; `synchronous=FULL`, so
    /// that a commit is on the disk when it returns, until the store says otherwise. SQLite cuts a
    /// WAL that has grown beyond 64 MiB; `Checkpointer` copies it back into the file.
    /// `busy_timeout` matters only for outsiders, such as a backup with the sqlite3 shell: this
    /// process has one writer, and no other has the lock.
    ///
    /// The writer's cache holds what a transaction of some thousand mutations touches (engine.md,
    /// "The tables"). What is deleted is overwritten where that costs no page more.
    init(_ path: String, as role: Role) throws(StoreError) {
        _ = Self.configured
        var opened: OpaquePointer?
        let code = sqlite3_open_v2(Self.name(path, for: role), &opened, Self.flags(role), nil)
        guard let opened else { throw StoreError(.unavailable, "\(path): out of memory") }
        raw = opened
        self.path = path
        // From here on `deinit` closes, also where SQLite refused.
        guard code == SQLITE_OK else { throw error(code) }
        sqlite3_extended_result_codes(raw, 1)
        try run("PRAGMA busy_timeout=5000")
        switch role {
        case .writer:
            guard try text("PRAGMA journal_mode=WAL") == "wal" else {
                throw StoreError(.unavailable, "\(path): this file system cannot do SQLite's WAL")
            }
            try run("PRAGMA synchronous=FULL")
            try run("PRAGMA wal_autocheckpoint=0")
            try run("PRAGMA journal_size_limit=67108864")
            try run("PRAGMA secure_delete=FAST")
            try run("PRAGMA cache_size=-16000")
            // Whoever was killed may have had a sync that failed, and nobody knows.
            if hasWAL { try mend(nil) }
        case .reader:
            try run("PRAGMA query_only=ON")
            try run("PRAGMA cache_size=-1000")
        case .scratch:
            try run("PRAGMA journal_mode=OFF")
            try run("PRAGMA synchronous=OFF")
            try run("PRAGMA cache_size=-8000")
        case .whole:
            try run("PRAGMA cache_size=-16000")
        }
    }

    /// Once for the process.
    private static let configured: Void = csqlite_configure()

    private static func flags(_ role: Role) -> Int32 {
        switch role {
        case .writer, .scratch: SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_CREATE
        case .reader: SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX
        case .whole: SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI
        }
    }

    /// Only as a URI can a name say that its file does not change (sqlite.org/uri.html).
    private static func name(_ path: String, for role: Role) -> String {
        guard role == .whole else { return path }
        var uri = "file:"
        for byte in path.utf8 {
            let isPlain = byte > 0x20 && byte < 0x7F && !"%?#".utf8.contains(byte)
            uri +=
                isPlain
                ? String(UnicodeScalar(byte))
                : "%" + String(decoding: Hex.encode([byte]), as: UTF8.self)
        }
        return uri + "?immutable=1"
    }

    deinit { sqlite3_close_v2(raw) }

    /// Copies all of the WAL into the file and empties it.
    /// - Returns: false where somebody still reads it after `waitMilliseconds`.
    func checkpoint(waitMilliseconds: Int32) -> Bool {
        sqlite3_busy_timeout(raw, waitMilliseconds)
        defer { sqlite3_busy_timeout(raw, 5_000) }
        let code = sqlite3_wal_checkpoint_v2(raw, nil, SQLITE_CHECKPOINT_TRUNCATE, nil, nil)
        return code == SQLITE_OK
    }

    /// Runs statements that give no rows.
    func run(_ sql: String) throws(StoreError) {
        let code = sqlite3_exec(raw, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw error(code) }
    }

    /// Runs `body` in a transaction, which is rolled back where it throws.
    func transaction(_ body: () throws(StoreError) -> Void) throws(StoreError) {
        try run("BEGIN IMMEDIATE")
        do {
            try body()
            try run("COMMIT")
        } catch {
            sqlite3_exec(raw, "ROLLBACK", nil, nil, nil)
            throw error
        }
    }

    /// The key that the last INSERT gave to its row.
    var insertedRowID: Int { Int(sqlite3_last_insert_rowid(raw)) }
    /// Rows that the last statement has changed.
    var changedRowCount: Int { Int(sqlite3_changes(raw)) }

    /// The first column of the first row, as text.
    func text(_ sql: String) throws(StoreError) -> String? {
        let statement = try Statement(self, sql)
        guard try statement.step() else { return nil }
        return statement.blob().string
    }

    /// The first column of the first row, 0 if there is none.
    func number(_ sql: String) throws(StoreError) -> Int {
        let statement = try Statement(self, sql)
        return try statement.step() ? statement.int() : 0
    }

    /// What went wrong, and whether the transaction has survived it.
    func error(_ code: Int32) -> StoreError {
        var message = "\(path): \(String(cString: sqlite3_errmsg(raw))) (SQLite \(code))"
        if code & 0xFF == SQLITE_READONLY || code & 0xFF == SQLITE_CANTOPEN {
            message += ". Make the file and its directory writable, or name another file"
        }
        return StoreError(
            isTransactionLost(code) ? .unavailable : .statement, message,
            cause: code & 0xFF == SQLITE_FULL ? .noSpace : .other)
    }

    private func isTransactionLost(_ code: Int32) -> Bool {
        switch code & 0xFF {
        case SQLITE_FULL, SQLITE_IOERR, SQLITE_BUSY, SQLITE_LOCKED, SQLITE_READONLY,
            SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_PROTOCOL, SQLITE_INTERRUPT, SQLITE_NOTADB:
            true
        default:
            // SQLite rolls back by itself after some errors; then autocommit is on again.
            sqlite3_get_autocommit(raw) != 0
        }
    }
}
