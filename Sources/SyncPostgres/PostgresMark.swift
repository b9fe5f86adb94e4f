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
