// PostgreSQL as either end of a move. The source stays in use by all of its nodes until it is held;
// then they may read and not write, and nobody has to be stopped first. Needs a session of its own
// on the server itself: PgBouncer in transaction mode would lose the lock.

#if Postgres
    import Logging
    import MizuBytes
    import MizuSync
    import MizuSyncPostgres

    package final class PostgresMoveSource: MoveSource {
        private let rows: PostgresRows
        private let database: PostgresDatabase

        package var name: String { rows.place }

        /// - Throws: where it cannot be reached, or has no tables.
        package init(url: String) throws(ToolFailure) {
            (rows, database) = try storing { () throws(StoreError) in
                let database = try PostgresDatabase(url: url, logger: quiet)
                return (try PostgresRows(database), database)
            }
        }

        package func movedTo() throws(ToolFailure) -> String? {
            let mark = try storing { () throws(StoreError) in try rows.mark() }
            switch mark {
            case .moved(let target): return target
            case .arriving(let source):
                throw ToolFailure(
                    "\(name) is not complete: it was to become \(source), and that did not end")
            case nil: return nil
            }
        }

        package func salt() throws(StoreError) -> UInt64 { try rows.salt() }

        package func secret() throws(ToolFailure) -> String? {
            try storing { () throws(StoreError) in try database.knownSecret() }
        }

        package func view<R>(_ body: () throws(ToolFailure) -> R) throws(ToolFailure) -> R {
            rows.beginView()
            defer { rows.endView() }
            return try body()
        }

        package func visitScopes(
            _ visit: (Name, ScopeSummary?) throws(ToolFailure) -> Visit
        ) throws(ToolFailure) {
            var last: Name?
            while true {
                let page = try storing { () throws(StoreError) in try rows.scopes(after: last) }
                for scope in page {
                    last = scope.name
                    let summary = ScopeSummary(scope.state, scope.clients)
                    // A row that is there to be locked, or for outcomes alone.
                    if summary.state == nil, summary.clientCount == 0 { continue }
                    guard case .next = try visit(scope.name, summary) else { return }
                }
                if page.isEmpty { return }
            }
        }

        package func summary(of scope: Name) throws(StoreError) -> ScopeSummary {
            guard let found = try rows.summary(of: scope) else { return ScopeSummary(state: nil) }
            return ScopeSummary(found.state, found.clients)
        }

        package func epochs(of scope: Name) throws(StoreError) -> [(first: Int, epoch: Name)] {
            try rows.epochs(of: scope)
        }

        package func visitLog(
            of scope: Name, after cursor: Int, _ visit: (LogEntry) -> Visit
        ) throws(StoreError) {
            try rows.visitLog(of: scope, after: cursor, visit)
        }

        package func storedRecord(
            _ key: RecordKey, in scope: Name
        ) throws(StoreError) -> StoredRecord? {
            try rows.storedRecord(key, in: scope)
        }

        package func visitRecords(
            in scope: Name, _ visit: (RecordKey, StoredRecord) -> Visit
        ) throws(StoreError) {
            try rows.visitRecords(in: scope, visit)
        }

        package func visitClients(
            of scope: Name, _ visit: (Name, ClientState) -> Visit
        ) throws(StoreError) {
            try rows.visitClients(of: scope, visit)
        }

        package func visitAccounts(
            _ visit: (Account, AccountState) -> Visit
        ) throws(StoreError) {
            try rows.visitAccounts(visit)
        }

        package func totals() throws(StoreError) -> StoreTotals? { try rows.totals() }

        package func visitNewOutcomes(
            _ visit: (Name, Name, StoredOutcome) throws(ToolFailure) -> Void
        ) throws(ToolFailure) {
            var failure: ToolFailure?
            do throws(StoreError) {
                try rows.visitNewOutcomes { (scope, mutation, outcome) throws(StoreError) in
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

        package func hold() throws(ToolFailure) -> MoveObstacle? {
            try storing { () throws(StoreError) in try rows.hold() }
            return nil
        }

        package func markMoved(to target: String) throws(ToolFailure) {
            try storing { () throws(StoreError) in try rows.close(as: .moved(to: target)) }
        }
    }

    package final class PostgresMoveTarget: MoveTarget {
        private let arriving: ArrivingPostgres
        private let database: PostgresDatabase

        package var name: String { arriving.place }

        package init(url: String) throws(ToolFailure) {
            database = try storing { () throws(StoreError) in
                try PostgresDatabase(url: url, logger: quiet)
            }
            arriving = ArrivingPostgres(database)
        }

        package func obstacle() throws(ToolFailure) -> String? {
            try storing { () throws(StoreError) in try arriving.obstacle() }
        }

        package func prepare(salt: UInt64, from source: String) throws(ToolFailure) {
            try storing { () throws(StoreError) in
                try arriving.prepare(salt: salt, from: source)
            }
        }

        package func keep(secret: String) throws(ToolFailure) -> Bool {
            try storing { () throws(StoreError) in try database.setSecret(secret) }
            return true
        }

        package var store: any SyncStore {
            get throws(ToolFailure) {
                guard let store = arriving.store else {
                    throw ToolFailure("\(name) is not prepared")
                }
                return store
            }
        }

        package func countOutcomes() throws(StoreError) -> Int { try arriving.countOutcomes() }

        package func finish() throws(ToolFailure) {
            try storing { () throws(StoreError) in try arriving.finish() }
        }
    }

    private let quiet = Logger(label: "mizu sync") { _ in SwiftLogNoOpLogHandler() }

    extension ScopeSummary {
        fileprivate init(_ state: ScopeState?, _ clients: PostgresRows.Clients) {
            self.init(state: state)
            clientCount = clients.count
            clientPushes = Int64(clients.pushes)
            clientOutcomes = clients.outcomes
        }
    }
#endif
