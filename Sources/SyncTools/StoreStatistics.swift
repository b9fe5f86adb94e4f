// What a database comes to, in numbers: the files, all scopes together, and the largest of them or
// one that is named. Reads the file where it is, also a running server's, in views that are short;
// commits that are journaled and not folded yet are counted as bytes of the journal and nowhere
// else.

import CSQLite
import MizuBytes
import MizuSync
import MizuSyncSQLite

/// The numbers of a database.
package struct StoreStatistics: Sendable {
    package var path = ""
    package var schemaVersion = 0
    package var epoch: Name = "_"
    /// Whether a process has the database, and which, if that is known.
    package var isHeld = false
    package var pid: Int32?
    package var files = Files()
    package var scopeCount = 0
    package var recordCount = 0
    package var recordBytes = 0
    package var changeCount = 0
    package var logBytes = 0
    package var outcomeCount = 0
    package var clientCount = 0
    package var accountCount = 0
    /// The one that was named, or the largest, the largest first.
    package var scopes: [Scope] = []

    /// Bytes.
    package struct Files: Sendable {
        package var database = 0
        /// Of the database: pages that hold nothing.
        package var free = 0
        package var wal = 0
        /// Nil for a database that never had a journal.
        package var journal: Journal?
    }

    package struct Journal: Sendable {
        /// The last commit that is in the database.
        package let foldedSequence: UInt64
        package let inspection: JournalInspection

        package var byteCount: Int { inspection.files.reduce(0) { $0 + $1.byteCount } }
    }

    package struct Scope: Sendable {
        package let name: Name
        package let state: ScopeState
        package var clientCount = 0
        /// When the oldest change of the log was made, as clients are told; nil for an empty log.
        package var oldestChange: String?

        var byteCount: Int { state.byteCount &+ state.logByteCount }
    }

    /// Which scopes are wanted one by one.
    package enum Selection: Sendable {
        case largest(Int)
        case one(Name)
    }

    /// Counts. Blocks; O(scopes), and O(clients).
    package static func read(
        _ path: String, _ selection: Selection, progress: ToolProgress = { _ in }
    ) throws(ToolFailure) -> StoreStatistics {
        var found = StoreStatistics()
        let hold: DatabaseHold?
        switch try storing({ () throws(StoreError) in try DatabaseHold.take(path) }) {
        case .held(let ours):
            hold = ours
            found.path = ours.path
        case .taken(let file, let pid):
            hold = nil
            (found.path, found.isHeld, found.pid) = (file, true, pid)
        }
        let database = try storing(
            hint: "verify, backup and export work on a copy that this version can read"
        ) { () throws(StoreError) in
            hold != nil && DatabaseCopy.isWhole(found.path)
                ? try InspectedDatabase(whole: found.path)
                : try InspectedDatabase(live: found.path)
        }
        try withExtendedLifetime(hold) { () throws(ToolFailure) in
            try found.count(database, selection, progress)
        }
        return found
    }

    private mutating func count(
        _ database: InspectedDatabase, _ selection: Selection, _ progress: ToolProgress
    ) throws(ToolFailure) {
        files.database = max(0, Int(csqlite_file_size(path)))
        files.wal = max(0, Int(csqlite_file_size(path + "-wal")))
        var largest: [Scope] = []
        try storing { () throws(StoreError) in
            schemaVersion = try database.schemaVersion()
            epoch = try database.epoch()
            files.free = try database.freeBytes()
            files.journal = try Self.journal(of: path, database)
            clientCount = try database.clientCount()
            accountCount = try database.accountCount()
            outcomeCount = try database.totals()?.outcomeCount ?? 0
            try database.visitScopes { (name) throws(StoreError) in
                guard let state = try database.state(of: name) else { return .next }
                add(state)
                switch selection {
                case .one(let wanted):
                    if wanted == name { largest = [Scope(name: name, state: state)] }
                case .largest(let count):
                    largest.append(Scope(name: name, state: state))
                    if largest.count >= 2 * count + 64 { Self.keep(count, of: &largest) }
                }
                if scopeCount % 1000 == 0 { progress("\(scopeCount) scopes") }
                return .next
            }
        }
        if case .largest(let count) = selection { Self.keep(count, of: &largest) }
        if case .one(let wanted) = selection, largest.isEmpty {
            throw ToolFailure("there is no scope \"\(wanted)\" in \(path)")
        }
        scopes = try storing { () throws(StoreError) in
            var told: [Scope] = []
            for scope in largest { told.append(try Self.complete(scope, database)) }
            return told
        }
    }

    /// Where a server folds and writes meanwhile, what is seen may not fit: it is looked at again.
    private static func journal(
        of path: String, _ database: InspectedDatabase
    ) throws(StoreError) -> Journal? {
        var triesLeft = 5
        while true {
            guard let (identity, folded) = try database.journal() else { return nil }
            do throws(StoreError) {
                return Journal(
                    foldedSequence: folded,
                    inspection: try JournalInspection(
                        beside: path, identity: identity, foldedThrough: folded))
            } catch {
                triesLeft -= 1
                guard triesLeft > 0 else { throw error }
            }
        }
    }

    private mutating func add(_ state: ScopeState) {
        scopeCount += 1
        recordCount &+= state.recordCount
        recordBytes &+= state.byteCount
        changeCount &+= state.head.cursor &- state.base
        logBytes &+= state.logByteCount
    }

    private static func keep(_ count: Int, of scopes: inout [Scope]) {
        scopes.sort { ($1.byteCount, $0.name) < ($0.byteCount, $1.name) }
        scopes.removeLast(max(0, scopes.count - max(0, count)))
    }

    private static func complete(
        _ scope: Scope, _ database: InspectedDatabase
    ) throws(StoreError) -> Scope {
        var scope = scope
        try database.visitClients(of: scope.name) { _, _ in
            scope.clientCount += 1
            return .next
        }
        try database.visitLog(of: scope.name) { entry in
            if let end = entry.ends.first, end <= entry.bytes.count {
                scope.oldestChange = (try? LoggedChange(entry.bytes[0..<end]))?.time
            }
            return .stop
        }
        return scope
    }
}
