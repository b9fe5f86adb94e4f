// The end of `mizu sync migrate` at which rows come in. Tables are dropped only where mizu_meta
// says that they are ours, and only by the one move that has the lock.

import MizuSync

/// A database into which rows are about to be moved. Confined to one thread.
package final class ArrivingPostgres {
    private let database: PostgresDatabase
    private let connection: Connection
    /// Whether this is the one move that goes on here.
    private var isHeld = false
    /// What rows are written by, once it is prepared.
    package private(set) var store: (any SyncStore)?

    /// Connects to nothing yet.
    package init(_ database: PostgresDatabase) {
        self.database = database
        connection = Connection(database)
    }

    package var place: String { database.place }

    private static let nodes = Statement(
        "m_a_nodes",
        """
        SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
            AND pid <> pg_backend_pid() AND application_name = 'mizu'
        """)
    private static let rows = Statement(
        "m_a_rows",
        """
        SELECT (EXISTS (SELECT FROM mizu_scope) OR EXISTS (SELECT FROM mizu_outcome)
            OR EXISTS (SELECT FROM mizu_account))::int::int8
        """)
    /// -1: the search path names no schema that is there.
    private static let mayMakeTables = Statement(
        "m_a_create",
        "SELECT coalesce(has_schema_privilege(current_schema(), 'CREATE')::int, -1)::int8")
    /// All of the schema in which mizu_meta is ours: they are made in one transaction.
    private static let drop = Statement(
        "m_a_drop",
        """
        DO $$ DECLARE name text; BEGIN
            FOREACH name IN ARRAY ARRAY['meta', 'scope', 'epoch', 'log', 'record', 'outcome',
                'client', 'account', 'total'] LOOP
                EXECUTE format('DROP TABLE IF EXISTS %I.%I', current_schema(), 'mizu_' || name);
            END LOOP;
        END $$
        """)
    /// Held by the session for as long as a move goes on; a session that was killed may need a
    /// moment to end.
    private static let hold: [Statement] = [
        Statement("m_a_patience", "SELECT set_config('lock_timeout', '3s', false)"),
        Statement(
            "m_a_hold",
            """
            SELECT pg_advisory_lock(1298758261, hashtext('move ' || current_schema()))::text
            """),
        Statement("m_a_no_patience", "SELECT set_config('lock_timeout', '0', false)"),
    ]
    private static let setSalt = Statement("m_a_salt", "UPDATE mizu_meta SET salt = $1")
    private static let outcomes = Statement("m_a_outcomes", "SELECT count(*) FROM mizu_outcome")
    private static let analyze = Statement(
        "m_a_analyze",
        "ANALYZE mizu_scope, mizu_epoch, mizu_log, mizu_record, mizu_outcome, mizu_client")

    private func run(_ queries: [Query]) throws(StoreError) -> [Rows] {
        do throws(ConnectionFailure) {
            try connection.open()
            return try connection.run(queries)
        } catch {
            throw StoreError(
                .unavailable, "\(place): \(error.storeError(isCommitSent: false).message)")
        }
    }

    /// Whether no other move goes on here, from now on until this one is released.
    private func hold() throws(StoreError) -> Bool {
        if isHeld { return true }
        do throws(ConnectionFailure) {
            try connection.openSession()
            _ = try connection.run(Self.hold.map { Query($0) })
        } catch {
            if case .refused("55P03", _) = error { return false }
            throw StoreError(
                .unavailable, "\(place): \(error.storeError(isCommitSent: false).message)")
        }
        isHeld = true
        return true
    }

    /// Why nothing can be moved there; nil where it can. Changes nothing.
    package func obstacle() throws(StoreError) -> String? {
        guard try hold() else {
            return "another `mizu sync migrate` is moving rows to \(place): wait for its end"
        }
        let others = try run([Query(Self.nodes)])[0].int(0, 0)
        guard try areTablesThere() else {
            guard try run([Query(Self.mayMakeTables)])[0].int(0, 0) != 1 else { return nil }
            return "\(place): the user may make no tables there: give it a database that it owns, "
                + "or CREATE on the schema, which has to be there"
        }
        switch try PostgresMark.read(connection) {
        case .arriving: return nil
        case .moved(let name):
            return "\(place) was moved to \(name): drop its tables, or name another database"
        case nil: break
        }
        if try run([Query(Self.rows)])[0].int(0, 0) != 0 {
            return "\(place) has rows already, and moving overwrites nothing: name another "
                + "database"
        }
        return others == 0 ? nil : "\(place) is in use by a node: stop it first"
    }

    private func areTablesThere() throws(StoreError) -> Bool {
        do throws(ConnectionFailure) {
            return try Schema.areTables(there: connection)
        } catch {
            throw StoreError(
                .unavailable, "\(place): \(error.storeError(isCommitSent: false).message)")
        }
    }

    /// Makes the tables, empty, and marks them. Takes away what a move has left, and empty tables
    /// of ours; whatever else there is stays, and is in the way.
    package func prepare(salt: UInt64, from source: String) throws(StoreError) {
        if let obstacle = try obstacle() { throw StoreError(.unavailable, obstacle) }
        do throws(ConnectionFailure) {
            if try Schema.areTables(there: connection) {
                _ = try connection.run([Query(Self.drop)])
            }
            try Schema.prepare(connection)
        } catch {
            throw StoreError(
                .unavailable, "\(place): \(error.storeError(isCommitSent: false).message)")
        }
        _ = try run([
            Query(Schema.begin), Query(Self.setSalt).with(Int(truncatingIfNeeded: salt)),
            PostgresMark.write(.arriving(from: source)), Query(Schema.commit),
        ])
        store = try database.makeMoversStore()
    }

    package func countOutcomes() throws(StoreError) -> Int {
        try run([Query(Self.outcomes)])[0].int(0, 0)
    }

    /// Takes the mark away.
    package func finish() throws(StoreError) {
        store = nil
        _ = try run([Query(Self.analyze)])
        _ = try run([PostgresMark.write(nil)])
    }
}
