// An SQLite file that a store is moved to: a new one, made and marked before the first row comes. A
// file that a move has left, which did not end, is made anew; any other is left alone.

import CSQLite
import Glibc
import Logging
import MizuSync
import MizuSyncSQLite

package final class SQLiteMoveTarget: MoveTarget {
    private let path: String
    private var opened: SQLiteStore?

    package var name: String { "sqlite:" + path }

    package init(_ path: String) {
        self.path = DatabaseHold.resolved(path)
    }

    package func obstacle() throws(ToolFailure) -> String? {
        if case .process(let pid) = DatabaseHold.holder(of: path) {
            return "\(path) is held by another process" + (pid.map { " (pid \($0))" } ?? "")
        }
        for part in DatabaseCopy.parts where !DatabasePath.exists(path) {
            if DatabasePath.exists(path + part) {
                return "\(path)\(part) is there, and belongs to a database that was here before: "
                    + "move it to where that database is"
            }
        }
        guard DatabasePath.exists(path) else { return nil }
        let mark = try storing { () throws(StoreError) in try ArrivingDatabase.mark(of: path) }
        if case .arriving = mark { return nil }
        return "\(path) is there already, and moving overwrites nothing: name another file"
    }

    package func prepare(salt: UInt64, from source: String) throws(ToolFailure) {
        guard try obstacle() == nil else { throw ToolFailure("\(path) is there already") }
        DatabaseCopy.remove(path)
        var random = SystemRandomNumberGenerator()
        opened = try storing { () throws(StoreError) in
            try ArrivingDatabase.make(path, salt: salt, from: source)
            return try SQLiteStore(
                path: path, epoch: Name.random(using: &random),
                logger: Logger(label: "mizu sync") { _ in SwiftLogNoOpLogHandler() }, as: .mover)
        }
    }

    package func keep(secret: String) throws(ToolFailure) -> Bool {
        let file = MovedSecret(beside: path)
        guard try file.write(secret) else { return false }
        let given = csqlite_give_to_folder(file.path, DatabasePath.folder(of: path))
        guard given == 0 else { throw ToolFailure(cannot: "give away", file.path, given) }
        return true
    }

    package var store: any SyncStore {
        get throws(ToolFailure) { try sqlite() }
    }

    private func sqlite() throws(ToolFailure) -> SQLiteStore {
        guard let opened else { throw ToolFailure("\(path) is not open") }
        return opened
    }

    package func countOutcomes() throws(StoreError) -> Int { try opened?.countOutcomes() ?? 0 }

    package func finish() throws(ToolFailure) {
        let store = try sqlite()
        // What lies beside it as well: a server of the folder's user opens all of it.
        for name in DatabaseCopy.suffixes.map({ path + $0 }) where DatabasePath.exists(name) {
            let given = csqlite_give_to_folder(name, DatabasePath.folder(of: path))
            guard given == 0 else { throw ToolFailure(cannot: "give away", name, given) }
        }
        try storing { () throws(StoreError) in try store.setMark(nil) }
        opened = nil
    }

    /// Lets go of it as it is: marked.
    func abandon() { opened = nil }
}
