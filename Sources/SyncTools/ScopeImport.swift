// Records from lines of JSON into a scope, as commits like any other: clients that follow the scope
// get them as changes. All or nothing: they are written to a copy of the database, which takes its
// place in one step when the last line was right; so it needs the database for itself, and its
// size again on the disk. No quota is asked: who can do this can change quotas, too.
//
//   whole file ─copy─► .mizu.db…-new ─commits─► whole, durable ─rename─► the database
//                         └── a bad line, a full disk: removed, and nothing has happened

import CSQLite
import Glibc
import MizuBytes
import MizuSync
import MizuSyncSQLite

/// What was imported.
package struct ImportReport: Sendable {
    package let scope: Name
    package let head: Position
    /// Records that were written.
    package let recordCount: Int
    /// Records that were not in the lines and were removed.
    package let removedCount: Int
}

package enum ScopeImport {
    /// Records that were there and are not among the lines.
    package enum Others: Sendable { case keep, remove }

    /// Writes the lines' records to the scope.
    /// - Parameters:
    ///   - source: a file of lines; nil: standard input.
    ///   - limits: of records, and of the log.
    package static func run(
        _ path: String, scope: Name, from source: String?, others: Others, limits: SyncLimits,
        progress: ToolProgress = { _ in }
    ) throws(ToolFailure) -> ImportReport {
        var descriptor: Int32 = 0
        if let source {
            descriptor = open(source, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw ToolFailure(cannot: "open", source, -errno) }
        }
        defer { if source != nil { close(descriptor) } }
        let file = try storing { () throws(StoreError) in try DatabaseHold.existing(path) }
        // One file, so that one rename is all.
        try DatabaseWriter.open(file, for: "import", limits: limits) { _, _ in }
        let hold = try storing { () throws(StoreError) in
            try DatabaseHold.demand(file, for: "import")
        }
        return try withExtendedLifetime(hold) { () throws(ToolFailure) in
            let temporary = DatabasePath.aside(file)
            DatabaseCopy.remove(temporary)
            defer { DatabaseCopy.remove(temporary) }
            let copied = csqlite_copy_file(file, temporary)
            guard copied == 0 else { throw ToolFailure(cannot: "write", temporary, copied) }
            let lines = LineReader(descriptor: descriptor, name: source ?? "standard input")
            let report = try write(
                lines, to: temporary, scope, others, unlimited(limits), progress)
            try replace(file, by: temporary)
            return report
        }
    }

    /// Takes the place of the database, with its owner and its rights.
    private static func replace(_ file: String, by temporary: String) throws(ToolFailure) {
        let given = csqlite_give_like(temporary, file)
        guard given == 0 else { throw ToolFailure(cannot: "give away", temporary, given) }
        let synced = csqlite_sync(temporary)
        guard synced == 0 else { throw ToolFailure(cannot: "write", temporary, synced) }
        guard rename(temporary, file) == 0 else {
            throw ToolFailure(cannot: "replace", file, -errno)
        }
        try DatabasePath.syncFolder(of: file)
    }

    private static func unlimited(_ limits: SyncLimits) -> SyncLimits {
        var limits = limits
        limits.quotas = SyncQuotas()
        limits.quotas.scopeRecords = nil
        limits.quotas.scopeBytes = nil
        limits.quotas.userScopes = nil
        limits.quotas.userBytes = nil
        limits.quotas.addressScopes = nil
        limits.quotas.addressBytes = nil
        // A batch has one record more than fits, at most.
        limits.mutationBytesMax = max(limits.mutationBytesMax, 4 << 20)
        return limits
    }

    private static func write(
        _ lines: consuming LineReader, to path: String, _ scope: Name, _ others: Others,
        _ limits: SyncLimits, _ progress: ToolProgress
    ) throws(ToolFailure) -> ImportReport {
        var source = ImportSource(lines, limits: limits)
        return try DatabaseWriter.open(path, for: "import", limits: limits) {
            (engine, store) throws(ToolFailure) in
            ImportMutator.register(in: engine.system)
            while let batch = try source.nextBatch() {
                try ImportMutator.commit(batch, to: scope, by: engine, at: source.place)
                progress("\(source.recordCount) records")
            }
            try source.finish()
            var removed = 0
            if others == .remove {
                removed = try ImportMutator.removeOthers(
                    than: source.keys, of: scope, in: store, by: engine)
            }
            let state = try storing { () throws(StoreError) in try store.scopeState(scope) }
            return ImportReport(
                scope: scope, head: state.head, recordCount: source.recordCount,
                removedCount: removed)
        }
    }
}
