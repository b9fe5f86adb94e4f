// What `mizu sync migrate` writes into a database that no server may open: rows are on their way
// into it and not all there, or all that it had went to another store. One text in `mizu_meta`,
// which every opening reads; and triggers, for nodes that were open before.

import MizuBytes
import MizuSync

/// Why a database is no server's.
package enum PostgresMark: Hashable, Sendable {
    /// Rows come in, from a store of this name.
    case arriving(from: String)
    /// Everything went to a store of this name.
    case moved(to: String)

    private static let arrivingWords = "arriving from "
    private static let movedWords = "moved to "

    /// As it stands in the database.
    var text: String {
        switch self {
        case .arriving(let name): Self.arrivingWords + name
        case .moved(let name): Self.movedWords + name
        }
    }

    /// Nil for none.
    init?(text: String) {
        if text.hasPrefix(Self.movedWords) {
            self = .moved(to: String(text.dropFirst(Self.movedWords.count)))
        } else if text.hasPrefix(Self.arrivingWords) {
            self = .arriving(from: String(text.dropFirst(Self.arrivingWords.count)))
        } else {
            return nil
        }
    }

    /// For people, who wanted to start a server.
    var refusal: StoreError {
        switch self {
        case .arriving(let name):
            StoreError(
                .unavailable,
                "the database is not complete: `mizu sync migrate` was bringing \(name) here and "
                    + "did not end. Run it again, or name another database")
        case .moved(let name):
            StoreError(
                .unavailable,
                "the database was moved to \(name), which goes on from here: set DATABASE_URL to "
                    + "that, or bring it back with `mizu sync migrate`")
        }
    }

    // MARK: In the database

    private static let there = Statement(
        "m_mark_there", "SELECT (to_regclass('mizu_meta') IS NOT NULL)::int::int8")
    private static let markOf = Statement("m_mark", "SELECT mark FROM mizu_meta")
    private static let setMark = Statement("m_mark_set", "UPDATE mizu_meta SET mark = $1")

    /// Whether the database has tables of ours.
    static func areTables(there connection: Connection) throws(StoreError) -> Bool {
        try ask([Query(there)], connection)[0].int(0, 0) == 1
    }

    static func read(_ connection: Connection) throws(StoreError) -> PostgresMark? {
        answered(try ask([question], connection)[0])
    }

    /// What a node that writes asks beside its statements, and what it was told.
    static var question: Query { Query(markOf) }
    static func answered(_ rows: Rows) -> PostgresMark? {
        rows.count == 1 ? PostgresMark(text: rows.text(0, 0)) : nil
    }

    /// Nil takes it away.
    static func write(_ mark: PostgresMark?) -> Query {
        Query(setMark).with(Array((mark?.text ?? "").utf8))
    }

    private static func ask(
        _ queries: [Query], _ connection: Connection
    ) throws(StoreError) -> [Rows] {
        do throws(ConnectionFailure) {
            return try connection.run(queries)
        } catch {
            throw error.storeError(isCommitSent: false)
        }
    }

    // MARK: Refusing what is written

    private static let function = Statement(
        "m_refuse",
        """
        CREATE OR REPLACE FUNCTION mizu_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE EXCEPTION 'the database was %',
                (SELECT convert_from(mark, 'UTF8') FROM mizu_meta);
        END $$
        """)
    private static let triggers: [Statement] = [
        Statement(
            "m_refuse_s",
            """
            CREATE OR REPLACE TRIGGER mizu_refuse BEFORE INSERT OR UPDATE OR DELETE ON mizu_scope
            EXECUTE FUNCTION mizu_refuse()
            """),
        Statement(
            "m_refuse_l",
            """
            CREATE OR REPLACE TRIGGER mizu_refuse BEFORE INSERT OR UPDATE OR DELETE ON mizu_log
            EXECUTE FUNCTION mizu_refuse()
            """),
        Statement(
            "m_refuse_o",
            """
            CREATE OR REPLACE TRIGGER mizu_refuse BEFORE INSERT OR UPDATE OR DELETE ON mizu_outcome
            EXECUTE FUNCTION mizu_refuse()
            """),
        Statement(
            "m_refuse_c",
            """
            CREATE OR REPLACE TRIGGER mizu_refuse BEFORE INSERT OR UPDATE OR DELETE ON mizu_client
            EXECUTE FUNCTION mizu_refuse()
            """),
    ]

    /// Statements that make the database refuse every write of a node, in words.
    static var refusals: [Query] { [Query(function)] + triggers.map { Query($0) } }
}

/// A database into which rows are about to be moved. Confined to one thread.
package final class ArrivingPostgres {
    private let database: PostgresDatabase
    private let connection: Connection
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
    private static let drop = Statement(
        "m_a_drop",
        """
        DROP TABLE IF EXISTS mizu_meta, mizu_scope, mizu_epoch, mizu_log, mizu_record,
            mizu_outcome, mizu_client, mizu_account, mizu_total
        """)
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

    /// Why nothing can be moved there; nil where it can. Changes nothing.
    package func obstacle() throws(StoreError) -> String? {
        let others = try run([Query(Self.nodes)])[0].int(0, 0)
        guard try PostgresMark.areTables(there: connection) else { return nil }
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

    /// Makes the tables, empty, and marks them. Takes away what a move has left.
    package func prepare(salt: UInt64, from source: String) throws(StoreError) {
        _ = try run([Query(Self.drop)])
        do throws(ConnectionFailure) {
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
