// What the tests' stores stand on: a shelf in memory, a file in a directory of its own that goes
// when the test is over, or a schema of its own in PostgreSQL, where that is installed. All can be
// opened again, and copied and put back as a backup is.

import CSQLite
import Glibc
import Logging
import MizuBytes
import MizuSync
import MizuSyncSQLite

enum StoreKind: String, CaseIterable, Sendable {
    case memory, sqlite, postgres

    /// Those that this machine has.
    static var allCases: [StoreKind] {
        PostgresSchema.isThere ? [.memory, .sqlite, .postgres] : [.memory, .sqlite]
    }
}

struct SystemFailure: Error {
    let call: String
}

/// A directory under /tmp, removed with all that is in it.
final class TemporaryDirectory {
    let path: String

    init() throws {
        var template = Array("/tmp/mizu-sync-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemFailure(call: "mkdtemp") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { Self.remove(path) }

    private static func remove(_ path: String) {
        chmod(path, 0o755)
        if let directory = opendir(path) {
            while let entry = readdir(directory) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                    tuple.withMemoryRebound(to: CChar.self, capacity: 256) {
                        String(cString: $0)
                    }
                }
                if name != ".", name != ".." { remove(path + "/" + name) }
            }
            closedir(directory)
            rmdir(path)
        } else {
            unlink(path)
        }
    }
}

/// A store's state, apart from the store that has it open.
final class Backing {
    private var shelf = MemoryShelf()
    private var shelfBackup = MemoryShelf()
    private var shelfKilled = MemoryShelf()
    private let directory: TemporaryDirectory?
    private let schema: PostgresSchema?
    static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    init(_ kind: StoreKind) throws {
        directory = kind == .sqlite ? try TemporaryDirectory() : nil
        schema = kind == .postgres ? try PostgresSchema() : nil
    }

    var file: String { (directory?.path ?? "") + "/mizu.db" }

    func open(epoch: Name) throws -> any SyncStore {
        if let schema { return try schema.open(epoch: epoch) }
        if directory == nil { return MemoryStore(on: shelf, epoch: epoch) }
        return try Store.open("sqlite:" + file, epoch: epoch, logger: Self.quiet)
    }

    /// Copies what is committed. The store must be closed.
    func makeBackup() throws {
        shelfBackup = MemoryShelf(copying: shelf)
        try schema?.copy(to: "backup")
        if directory != nil { try Self.copyDatabase(file, to: file + ".backup") }
    }

    /// Puts the last backup back. The store must be closed.
    func restoreBackup() throws {
        shelf = MemoryShelf(copying: shelfBackup)
        try schema?.putBack("backup")
        if directory != nil { try Self.copyDatabase(file + ".backup", to: file) }
    }

    /// Copies what a process that is killed now would leave. The store is open.
    func catchKilled() throws {
        shelfKilled = MemoryShelf(copying: shelf)
        try schema?.copy(to: "killed")
        if directory != nil { try Self.copyDatabase(file, to: file + ".killed") }
    }

    /// Puts it in the place of what a clean end has left. The store must be closed.
    func leaveKilled() throws {
        shelf = MemoryShelf(copying: shelfKilled)
        try schema?.putBack("killed")
        if directory != nil { try Self.copyDatabase(file + ".killed", to: file) }
    }

    private static func copyDatabase(_ source: String, to target: String) throws {
        for suffix in ["", "-wal", "-shm", "-commits0", "-commits1"] {
            unlink(target + suffix)
            let bytes = read(source + suffix)
            guard let bytes else { continue }
            try write(bytes, to: target + suffix)
        }
    }

    /// What `.backup` and `.restore` of the sqlite3 shell do, with databases that may be open.
    /// - Returns: false where the target was in use.
    static func copyLive(_ source: String, to target: String) throws -> Bool {
        var (from, to): (OpaquePointer?, OpaquePointer?)
        defer {
            sqlite3_close_v2(from)
            sqlite3_close_v2(to)
        }
        guard sqlite3_open(source, &from) == SQLITE_OK, sqlite3_open(target, &to) == SQLITE_OK,
            let backup = sqlite3_backup_init(to, "main", from, "main")
        else { throw SystemFailure(call: "sqlite3_backup_init") }
        let code = sqlite3_backup_step(backup, -1)
        sqlite3_backup_finish(backup)
        guard code == SQLITE_DONE || code & 0xFF == SQLITE_BUSY else {
            throw SystemFailure(call: "sqlite3_backup_step: \(code)")
        }
        return code == SQLITE_DONE
    }

    static func read(_ path: String) -> [UInt8]? {
        guard let file = fopen(path, "rb") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            guard count > 0 else { return bytes }
            bytes += chunk[..<count]
        }
    }

    /// The path that an open descriptor stands for.
    static func target(of descriptor: Int32) -> String {
        var path = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/fd/\(descriptor)", &path, path.count)
        let bytes = path.prefix(max(0, count)).map { UInt8(bitPattern: $0) }
        return String(decoding: bytes, as: UTF8.self)
    }

    static func write(_ bytes: [UInt8], to path: String) throws {
        guard let file = fopen(path, "wb") else { throw SystemFailure(call: "fopen") }
        defer { fclose(file) }
        guard fwrite(bytes, 1, bytes.count, file) == bytes.count else {
            throw SystemFailure(call: "fwrite")
        }
    }
}
