// One reader's view of a replica: a connection of its own, and a transaction in repeatable read
// that is judged by the same snapshot as everything that is read in it. What it may answer is of
// one scope, because only of that it is known how far it has to show it. Decides nothing of what
// happens when it fails, but counts it (PostgresReplica). Confined to the reader's thread.
//
//   closed ──begin──► judged ──► open ──ask──► open ──end──► all was answered: yes
//                       └─ not this database, no standby, behind: none  └─ failed ──end──► no

import MizuBytes
import MizuSync

final class ReplicaView {
    private let replica: PostgresReplica
    private let connection: Connection
    private var open: (scope: Name, state: ScopeState)?
    /// Something that was asked for in the open view was not answered.
    private var hasFailed = false

    private static let begin = Statement(
        "m_r_begin", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    /// Who it is, and where the scope is, by one snapshot. A pool may lead to another server with
    /// each transaction, so it is asked each time.
    private static let state = Statement(
        "m_r_state",
        """
        SELECT m.epoch, s.cursor, s.base, s.records, s.checksum, s.bytes, s.log_bytes, s.epoch,
            s.owner, pg_is_in_recovery()::int::int8, convert_to(
            (SELECT system_identifier FROM pg_control_system())::text || '/' ||
            (SELECT oid FROM pg_database WHERE datname = current_database())::text, 'UTF8'),
            m.compatible
        FROM mizu_meta m LEFT JOIN mizu_scope s ON s.name = $1
        """)

    init(of replica: PostgresReplica) {
        self.replica = replica
        connection = Connection(replica.parameters, replica.figures)
    }

    /// Begins a view in which the scope ends at `position` or behind it, in its epoch.
    /// - Returns: where it ends; nil where there is none, and nothing has begun.
    func begin(
        _ scope: Name, reaching position: Position, in lineage: PostgresLineage
    ) -> Position? {
        guard replica.admits() else { return nil }
        let rows: Rows
        do throws(ConnectionFailure) {
            rows = try first(Query(Self.state).with(scope))
        } catch {
            miss(error)
            return nil
        }
        do throws(StoreError) {
            guard rows.count == 1 else { throw Rows.damaged("mizu_meta has \(rows.count) rows") }
            let written = try rows.scopeState(0, from: 1)
            let unwritten = ScopeState(unwrittenIn: try rows.name(0, 0))
            let state = written ?? unwritten
            if let miss = try judge(rows, state, reaching: position, in: lineage) {
                connection.post([Query(Schema.rollback)])
                // To whatever else its address leads by then.
                if miss.isFailure { connection.close() }
                replica.missed(miss)
                return nil
            }
            replica.answered()
            open = (scope, state)
            hasFailed = false
            return state.head
        } catch {
            connection.close()
            replica.missed(.away, error.message)
            return nil
        }
    }

    /// The beginning and the first question in one round trip; again where the connection had ended
    /// since it was used last.
    private func first(_ query: Query) throws(ConnectionFailure) -> Rows {
        let wasOpen = connection.isOpen
        do throws(ConnectionFailure) {
            return try firstOnce(query)
        } catch {
            guard wasOpen, !connection.isOpen, !error.isLate else { throw error }
            return try firstOnce(query)
        }
    }

    private func firstOnce(_ query: Query) throws(ConnectionFailure) -> Rows {
        try connection.open(within: PostgresReplica.connectMilliseconds)
        do throws(ConnectionFailure) {
            return try connection.run(
                [Query(Self.begin), query], within: PostgresReplica.firstMilliseconds)[1]
        } catch {
            connection.post([Query(Schema.rollback)])
            throw error
        }
    }

    private func judge(
        _ rows: Rows, _ state: ScopeState, reaching position: Position,
        in lineage: PostgresLineage
    ) throws(StoreError) -> PostgresReplica.Miss? {
        try Schema.checkVersion(rows, 0, compatible: 11, version: 11)
        guard rows.bytes(0, 10).elementsEqual(lineage.server) else { return .otherDatabase }
        guard try rows.int(0, 9) == 1 else { return .promoted }
        guard try rows.name(0, 0) == lineage.epoch else { return .otherEpoch }
        guard state.head.cursor >= position.cursor, state.head.epoch == position.epoch else {
            return .behind
        }
        return nil
    }

    private func miss(_ failure: ConnectionFailure) {
        switch failure {
        case .occupied(let message), .superseded(let message), .unreachable(let message),
            .broken(let message):
            replica.missed(failure.isLate ? .late : .away, message)
        case .refused(let code, let message):
            connection.close()
            // There is no such table.
            replica.missed(code == "42P01" ? .otherDatabase : .away, "\(code): \(message)")
        }
    }

    /// The state of the view's scope; nil for another one.
    func state(of scope: Name) -> ScopeState? {
        open.flatMap { $0.scope == scope ? $0.state : nil }
    }

    /// Asks in the open view.
    func ask(_ query: Query, of scope: Name) throws(StoreError) -> Rows {
        guard let open, open.scope == scope, !hasFailed else {
            hasFailed = true
            throw StoreError(.unavailable, "the replica's view is not of this")
        }
        do throws(ConnectionFailure) {
            return try connection.run([query], within: PostgresReplica.nextMilliseconds)[0]
        } catch {
            hasFailed = true
            throw StoreError(.unavailable, error.storeError(isCommitSent: false).message)
        }
    }

    /// Leaves the view, which is of no use.
    func leave(for miss: PostgresReplica.Miss) {
        connection.post([Query(Schema.rollback)])
        open = nil
        replica.missed(miss)
    }

    /// - Returns: whether all that was asked for was answered.
    func end() -> Bool {
        connection.post([Query(Schema.rollback)])
        open = nil
        if hasFailed { replica.missed(.broken) } else { replica.counted() }
        return !hasFailed
    }
}
