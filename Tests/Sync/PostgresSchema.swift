// A schema of its own in the tests' PostgreSQL, which is to a store what a database is, and a
// connection of the test beside it, which looks, spoils and kills.

#if Postgres
    import CPostgres
    import MizuSync
    import MizuSyncPostgres
    import MizuTestSupport
    import Synchronization

    /// Whoever asks PostgreSQL in a test. Confined to one thread.
    final class PostgresClient {
        private let handle: OpaquePointer?

        init(_ url: String) throws {
            handle = PQconnectdb(url)
            guard PQstatus(handle) == CONNECTION_OK else {
                throw SystemFailure(call: String(cString: PQerrorMessage(handle)))
            }
            cpostgres_ignore_notices(handle)
        }

        deinit { PQfinish(handle) }

        /// The first row's first column as text; nil for none.
        @discardableResult
        func run(_ text: String) throws -> String? {
            let result = PQexec(handle, text)
            defer { PQclear(result) }
            let status = PQresultStatus(result)
            guard status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK else {
                throw SystemFailure(call: String(cString: PQerrorMessage(handle)))
            }
            guard PQntuples(result) > 0, PQgetisnull(result, 0, 0) == 0 else { return nil }
            return String(cString: PQgetvalue(result, 0, 0))
        }

        func number(_ text: String) throws -> Int { Int(try run(text) ?? "") ?? -1 }
    }

    final class PostgresSchema {
        static var isThere: Bool { PostgresCluster.shared != nil }
        private static let made = Atomic(0)
        private static let tables = [
            "mizu_meta", "mizu_scope", "mizu_epoch", "mizu_log", "mizu_record", "mizu_outcome",
            "mizu_client", "mizu_account", "mizu_total",
        ]

        let name: String
        let url: String
        let client: PostgresClient

        init() throws {
            let number = Self.made.add(1, ordering: .relaxed).newValue
            name = "t\(number)"
            url = PostgresCluster.url(
                "postgres", "application_name=\(name)&options=-csearch_path%3D\(name)")
            client = try PostgresClient(
                PostgresCluster.url("postgres", "options=-csearch_path%3D\(name)"))
            try client.run("CREATE SCHEMA \(name)")
        }

        deinit { _ = try? client.run("DROP SCHEMA \(name) CASCADE") }

        var database: PostgresDatabase {
            get throws { try PostgresDatabase(url: url, logger: Backing.quiet) }
        }

        func open(epoch: Name? = nil) throws -> any SyncStore {
            try database.makeStore(newEpoch: epoch)
        }

        /// Ends all connections of stores and readers.
        func kill() throws {
            try client.run(
                """
                SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity
                WHERE application_name = '\(name)'
                """)
        }

        func copy(to kind: String) throws {
            let copies = Self.tables.map {
                "DROP TABLE IF EXISTS \(kind)_\($0); "
                    + "CREATE TABLE \(kind)_\($0) AS TABLE \($0);"
            }
            try client.run(copies.joined())
        }

        /// Puts a copy back; nothing where none was made.
        func putBack(_ kind: String) throws {
            let isThere = try client.run("SELECT to_regclass('\(kind)_mizu_meta')") != nil
            let copies = Self.tables.filter { isThere || $0 != "mizu_meta" }.map {
                "DELETE FROM \($0);"
                    + (isThere ? "INSERT INTO \($0) SELECT * FROM \(kind)_\($0);" : "")
            }
            try client.run("BEGIN;" + copies.joined() + "COMMIT")
        }
    }
#else
    import MizuSync

    /// A build without PostgreSQL has none.
    final class PostgresSchema {
        static var isThere: Bool { false }
        init() throws { throw SystemFailure(call: "built without PostgreSQL") }
        func open(epoch: Name?) throws -> any SyncStore { MemoryStore(epoch: epoch ?? "e") }
        func copy(to kind: String) throws {}
        func putBack(_ kind: String) throws {}
    }
#endif
