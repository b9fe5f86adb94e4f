// The statements that only an operator's tool needs: walks through whole tables, in the order of
// scopes. Knows the tables of this version of the schema; what they mean is Schema.swift's.
//
// Outcomes are kept by hash and not by scope. So that they can be compared with one scope's log at
// a time, they are sorted once in a temporary table, which SQLite keeps in a file of its own.

import MizuBytes
import MizuSync

/// Reads over one connection. Confined to its thread.
final class InspectionRows {
    private let connection: Connection
    private let nextScope, nextClientScope, cursor, epochs, clients, accounts, total: Statement
    private let journalRow: Statement
    /// Nil until outcomes were sorted.
    private var sorted: (nextScope: Statement, outcomes: Statement)?

    init(_ connection: Connection) throws(StoreError) {
        self.connection = connection
        nextScope = try Statement(connection, "SELECT min(name) FROM scopes WHERE name > ?")
        nextClientScope = try Statement(
            connection, "SELECT min(scope) FROM clients INDEXED BY clients_by_user WHERE scope > ?")
        cursor = try Statement(connection, "SELECT cursor FROM scopes WHERE name = ?")
        epochs = try Statement(
            connection,
            """
            SELECT first, epoch FROM epochs
            WHERE scope = (SELECT id FROM scopes WHERE name = ?) ORDER BY first
            """, columns: EpochColumn.self)
        clients = try Statement(
            connection,
            """
            SELECT user, pushed, outcomes, client FROM clients INDEXED BY clients_by_user
            WHERE scope = ?
            """, columns: ClientRowColumn.self)
        accounts = try Statement(
            connection, "SELECT account, scopes, bytes FROM accounts",
            columns: AccountRowColumn.self)
        total = try Statement(
            connection, "SELECT aging, outcomes FROM totals", columns: TotalsColumn.self)
        journalRow = try Statement(
            connection, "SELECT identity, folded FROM journal", columns: JournalColumn.self)
    }

    func journal() throws(StoreError) -> (identity: UInt64, folded: UInt64)? {
        try journalRow.first { (row) throws(StoreError) in
            (
                identity: UInt64(truncatingIfNeeded: row.int(JournalColumn.identity)),
                folded: UInt64(truncatingIfNeeded: row.int(JournalColumn.folded))
            )
        }
    }

    // MARK: Scopes

    /// The next name that any table has a scope by; of outcomes only once they were sorted.
    func scope(after last: Name?) throws(StoreError) -> Name? {
        var next: Name?
        var sources = [nextScope, nextClientScope]
        if let sorted { sources.append(sorted.nextScope) }
        for source in sources {
            let found = try source.bind(last).first { (row) throws(StoreError) in row.name() }
            if let found = found ?? nil { next = min(next ?? found, found) }
        }
        return next
    }

    /// Whether anything was ever changed in the scope.
    func hasState(_ scope: Name) throws(StoreError) -> Bool {
        try cursor.bind(scope).first { (row) throws(StoreError) in row.int() != 0 } ?? false
    }

    /// A row that is of no scope, for people; nil where there is none.
    func stray() throws(StoreError) -> String? {
        for table in ["log", "records", "epochs"] {
            let next = try Statement(connection, "SELECT min(scope) FROM \(table) WHERE scope > ?")
            let known = try Statement(connection, "SELECT count(*) FROM scopes WHERE id = ?")
            var last = Int.min
            while true {
                // No row, no number: the least of nothing is NULL, which reads as 0.
                let found = try next.bind(last).first { (row) throws(StoreError) in row.int() } ?? 0
                guard found > last, found != 0 else { break }
                let count = try known.bind(found).first { (row) throws(StoreError) in row.int() }
                guard count == 1 else { return "\(table): rows of scope number \(found)" }
                last = found
            }
        }
        return nil
    }

    func visitEpochs(of scope: Name, _ visit: (Int, Name) -> Visit) throws(StoreError) {
        try epochs.bind(scope).each { (row) throws(StoreError) in
            visit(row.int(EpochColumn.first), try row.key(EpochColumn.epoch))
        }
    }

    // MARK: Outcomes

    /// Reads all outcomes, checks how they are kept, and sorts them by scope.
    func sortOutcomes() throws(StoreError) {
        guard sorted == nil else { return }
        try connection.run(
            """
            CREATE TEMP TABLE sorted_outcomes(
                scope BLOB, mutation BLOB, cursor INTEGER, epoch BLOB, client BLOB,
                sequence INTEGER);
            BEGIN
            """)
        let insert = try Statement(
            connection, "INSERT INTO sorted_outcomes VALUES(?, ?, ?, ?, ?, ?)")
        try OutcomeAudit(connection).visit { (scope, mutation, outcome) throws(StoreError) in
            insert.bind(scope).bind(mutation)
            switch outcome.verdict {
            case .applied(let position): insert.bind(position.cursor).bind(position.epoch)
            case .refused: insert.bind(0).bind(ByteSlice.empty)
            }
            try insert.bind(outcome.client).bind(outcome.clientSequence).run()
        }
        try connection.run(
            "COMMIT; CREATE INDEX sorted_by_scope ON sorted_outcomes(scope, mutation)")
        sorted = (
            try Statement(connection, "SELECT min(scope) FROM sorted_outcomes WHERE scope > ?"),
            try Statement(
                connection,
                """
                SELECT mutation, cursor, epoch, client, sequence FROM sorted_outcomes
                WHERE scope = ? ORDER BY mutation
                """, columns: SortedColumn.self)
        )
    }

    /// What is of interest beside a log; outcomes must have been sorted.
    func visitOutcomes(
        in scope: Name, _ visit: (Name, InspectedOutcome) -> Visit
    ) throws(StoreError) {
        try sorted?.outcomes.bind(scope).each { (row) throws(StoreError) in
            let epoch = row.name(SortedColumn.epoch)
            return visit(
                try row.key(SortedColumn.mutation),
                InspectedOutcome(
                    position: epoch.map {
                        Position(cursor: row.int(SortedColumn.cursor), epoch: $0)
                    },
                    client: row.name(SortedColumn.client),
                    clientSequence: row.int(SortedColumn.sequence)))
        }
    }

    // MARK: Clients and sums

    func visitClients(of scope: Name, _ visit: (Name, ClientState) -> Visit) throws(StoreError) {
        try clients.bind(scope).each { (row) throws(StoreError) in
            visit(
                try row.key(ClientRowColumn.client),
                ClientState(
                    user: row.name(ClientRowColumn.user),
                    lastPushMilliseconds: Int64(row.int(ClientRowColumn.pushed)),
                    outcomeCount: row.int(ClientRowColumn.outcomes)))
        }
    }

    func visitAccounts(_ visit: (Account, AccountState) -> Visit) throws(StoreError) {
        try accounts.each { (row) throws(StoreError) in
            guard let account = Account(stored: row.blob(AccountRowColumn.account).array) else {
                throw StoreError(.statement, "\(connection.path): an account's name is damaged")
            }
            return visit(
                account,
                AccountState(
                    scopeCount: row.int(AccountRowColumn.scopes),
                    byteCount: row.int(AccountRowColumn.bytes)))
        }
    }

    func totals() throws(StoreError) -> StoreTotals? {
        try total.first { (row) throws(StoreError) in
            StoreTotals(
                agingMilliseconds: Int64(row.int(TotalsColumn.aging)),
                outcomeCount: row.int(TotalsColumn.outcomes))
        }
    }

    func clientCount() throws(StoreError) -> Int {
        try connection.number("SELECT count(*) FROM clients")
    }

    func accountCount() throws(StoreError) -> Int {
        try connection.number("SELECT count(*) FROM accounts")
    }
}

/// What verifying must know of an outcome.
package struct InspectedOutcome: Sendable {
    /// The position that was told; nil where the mutation was refused.
    package let position: Position?
    package let client: Name?
    package let clientSequence: Int

    package init(position: Position?, client: Name?, clientSequence: Int) {
        self.position = position
        self.client = client
        self.clientSequence = clientSequence
    }
}

// MARK: Columns, in the order of the statements above

private enum EpochColumn: Int32, Columns { case first, epoch }

private enum ClientRowColumn: Int32, Columns { case user, pushed, outcomes, client }

private enum AccountRowColumn: Int32, Columns { case account, scopes, bytes }

private enum SortedColumn: Int32, Columns { case mutation, cursor, epoch, client, sequence }
