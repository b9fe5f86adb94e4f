// An SQLite file that is moved away. While a server has it, it is read where it is, in short views
// of what was folded; that goes on until the server has ended. Then it is opened as a server would
// open it, which brings what was journaled to it and keeps everybody else out, and the rest is
// read.

import CSQLite
import Glibc
import Logging
import MizuBytes
import MizuSync
import MizuSyncSQLite

package final class SQLiteMoveSource: MoveSource {
    /// Absolute.
    private let path: String
    /// Nil only while it is opened again.
    private var database: InspectedDatabase?
    /// The lock on it, as soon as it is held.
    private var held: SQLiteStore?
    private let outcomes = OutcomeChanges()

    package var name: String { "sqlite:" + path }

    /// - Throws: where there is no database of this version.
    package init(_ path: String) throws(ToolFailure) {
        self.path = try storing { () throws(StoreError) in try DatabaseHold.existing(path) }
        try open()
    }

    private func open() throws(ToolFailure) {
        database = try storing { () throws(StoreError) in try InspectedDatabase(live: path) }
    }

    private func rows() throws(StoreError) -> InspectedDatabase {
        guard let database else { throw StoreError(.unavailable, "\(path) is not open") }
        return database
    }

    package func movedTo() throws(ToolFailure) -> String? {
        let mark = try storing { () throws(StoreError) in try rows().mark() }
        switch mark {
        case .moved(let target): return target
        case .arriving(let source):
            throw ToolFailure(
                "\(path) is not complete: it was to become \(source), and that did not end")
        case nil: return nil
        }
    }

    package func salt() throws(StoreError) -> UInt64 { try rows().salt() }

    package func secret() throws(ToolFailure) -> String? { try MovedSecret(beside: path).read() }

    package func view<R>(_ body: () throws(ToolFailure) -> R) throws(ToolFailure) -> R {
        var failure: ToolFailure?
        let value = try storing { () throws(StoreError) -> R? in
            try rows().view { () throws(StoreError) in
                do throws(ToolFailure) {
                    return try body()
                } catch {
                    failure = error
                    return nil
                }
            }
        }
        guard let value else { throw failure ?? ToolFailure("\(path) could not be read") }
        return value
    }

    package func visitScopes(
        _ visit: (Name, ScopeSummary?) throws(ToolFailure) -> Visit
    ) throws(ToolFailure) {
        var failure: ToolFailure?
        try storing { () throws(StoreError) in
            try rows().visitScopes { (scope) throws(StoreError) in
                do throws(ToolFailure) {
                    return try visit(scope, nil)
                } catch {
                    failure = error
                    return .stop
                }
            }
        }
        if let failure { throw failure }
    }

    package func summary(of scope: Name) throws(StoreError) -> ScopeSummary {
        let database = try rows()
        var summary = ScopeSummary(state: try database.state(of: scope))
        try database.visitClients(of: scope) { _, state in
            summary.add(state)
            return .next
        }
        return summary
    }

    package func epochs(of scope: Name) throws(StoreError) -> [(first: Int, epoch: Name)] {
        var found: [(first: Int, epoch: Name)] = []
        try rows().visitEpochs(of: scope) { first, epoch in
            found.append((first, epoch))
            return .next
        }
        return found
    }

    package func visitLog(
        of scope: Name, after cursor: Int, _ visit: (LogEntry) -> Visit
    ) throws(StoreError) {
        try rows().visitLog(of: scope, after: cursor, visit)
    }

    package func storedRecord(
        _ key: RecordKey, in scope: Name
    ) throws(StoreError) -> StoredRecord? {
        try rows().storedRecord(key, in: scope)
    }

    package func visitRecords(
        in scope: Name, _ visit: (RecordKey, StoredRecord) -> Visit
    ) throws(StoreError) {
        try rows().visitRecords(in: scope, visit)
    }

    package func visitClients(
        of scope: Name, _ visit: (Name, ClientState) -> Visit
    ) throws(StoreError) {
        try rows().visitClients(of: scope, visit)
    }

    package func visitAccounts(
        _ visit: (Account, AccountState) -> Visit
    ) throws(StoreError) {
        try rows().visitAccounts(visit)
    }

    package func totals() throws(StoreError) -> StoreTotals? { try rows().totals() }

    package func visitNewOutcomes(
        _ visit: (Name, Name, StoredOutcome) throws(ToolFailure) -> Void
    ) throws(ToolFailure) {
        var failure: ToolFailure?
        do throws(StoreError) {
            try outcomes.visit(rows()) { (scope, mutation, outcome) throws(StoreError) in
                do throws(ToolFailure) {
                    try visit(scope, mutation, outcome)
                } catch {
                    failure = error
                    throw StoreError(.unavailable, error.message)
                }
            }
        } catch {
            throw failure ?? ToolFailure(error)
        }
    }

    // MARK: The end

    package func hold() throws(ToolFailure) -> MoveObstacle? {
        if held != nil { return nil }
        if case .process(let pid) = DatabaseHold.holder(of: path) {
            let number = pid.map { " (pid \($0))" } ?? ""
            return MoveObstacle(
                pid: pid,
                advice: "stop the server that has \(path)\(number) now: little is left to move")
        }
        // Closed before any descriptor of the file is opened and closed beside it.
        database = nil
        let result = csqlite_become_owner(path)
        guard result == 0 else { throw ToolFailure(cannot: "become the owner of", path, result) }
        var random = SystemRandomNumberGenerator()
        do throws(StoreError) {
            held = try SQLiteStore(
                path: path, epoch: Name.random(using: &random),
                logger: Logger(label: "mizu sync") { _ in SwiftLogNoOpLogHandler() }, as: .mover)
        } catch {
            guard case .process(let pid) = DatabaseHold.holder(of: path) else {
                throw ToolFailure(error)
            }
            // Somebody was faster.
            try open()
            return MoveObstacle(pid: pid, advice: "stop the server that has \(path)")
        }
        try open()
        return nil
    }

    package func markMoved(to target: String) throws(ToolFailure) {
        guard let held else { throw ToolFailure("\(path) is not held") }
        try storing { () throws(StoreError) in try held.setMark(.moved(to: target)) }
        // Closed as a server closes it: one file.
        database = nil
        self.held = nil
    }
}
