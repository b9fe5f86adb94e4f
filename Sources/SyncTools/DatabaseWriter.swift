// The engine over a database that no server has, for tools that write: the same code as a server's,
// so that what a tool writes is a commit like any other, in an epoch of its own. The database is
// whole before and after. Where root starts a tool that writes, it becomes the owner of the file:
// what it leaves, in the end or in the middle, the server can open.

import CLinux
import CSQLite
import Glibc
import Logging
import MizuSync
import MizuSyncSQLite

enum DatabaseWriter {
    /// Calls `body` with an engine on the database at `path`; closes it then.
    /// - Parameter purpose: what it is wanted for, in words, for whom has to stop a server first.
    static func open<R>(
        _ path: String, for purpose: String, limits: SyncLimits,
        _ body: (SyncEngine, any SyncStore) throws(ToolFailure) -> R
    ) throws(ToolFailure) -> R {
        // Looked at before it is opened: the words are better, and no file is made.
        _ = try storing { () throws(StoreError) in
            try DatabaseHold.demand(path, for: purpose)
        }
        let result = csqlite_become_owner(path)
        guard result == 0 else { throw ToolFailure(cannot: "become the owner of", path, result) }
        var random = SystemRandomNumberGenerator()
        let epoch = Name.random(using: &random)
        let value: R
        do {
            let store = try storing { () throws(StoreError) in
                try SQLiteStore(
                    path: path, epoch: epoch,
                    logger: Logger(label: "mizu sync") { _ in SwiftLogNoOpLogHandler() })
            }
            let engine = SyncEngine(
                store: store, mutator: NoMutator(), limits: limits, now: { cl_realtime_ms() },
                steady: { Int64(clamping: cl_monotonic_ns() / 1_000_000) })
            value = try body(engine, store)
        }
        guard DatabaseCopy.isWhole(path) else {
            throw ToolFailure(
                "\(path) could not be closed: another program reads it",
                hint: "what was written is in the files beside it; end that program")
        }
        return value
    }
}

/// For tools, which push nothing but what is the framework's.
struct NoMutator: Mutator {
    func apply(_ mutation: Mutation, to store: inout Transaction) throws(Rejection) {
        throw .unknownMutation
    }
}
