// The tables, and how they come to be: made or brought to this version by whoever opens first,
// under a lock, in one transaction. Names are bytea and compared byte for byte; nobody is an empty
// one. Every primary key begins with the scope, so that scopes may one day be spread over servers.
// Names of tables are not qualified: they stand in the first schema of the search path.
//
// A node may meet tables of a newer version: `version` says which, and `compatible` from which
// version on a node may go on with them. A migration that only adds (tables, columns with a
// default, indexes) leaves `compatible` as it is. One that older nodes must not go on with raises
// it, and renames `mizu_scope` or what else it rebuilds in the same transaction: a node that is in
// the middle of a commit, behind its look at `compatible`, then finds no table. Each transaction
// and each question for heads looks at it; a node that may not go on says so and is not ready.
//
// `identity` says which database wrote the epoch: the cluster, the database in it, and the timeline
// that a failover or a restore to a point in time begins. Who finds another one writes a new epoch.

import MizuBytes
import MizuSync

enum Schema {
    /// Ours. A database of another one is used as long as its `compatible` is not above it.
    static let version = 1
    /// Beside what anybody else may lock: "Mizu".
    static let lock = Statement(
        "m_lock",
        "SELECT pg_advisory_xact_lock(1298758261, hashtext('schema ' || current_schema()))")

    /// - mizu_meta: one row. `mark` is empty, or says why no server may open it (PostgresMark);
    ///   `secret` is empty until somebody asks for one (PostgresSecret).
    /// - mizu_scope: the log's head (`cursor` 0: nothing was written yet, and the row is there to
    ///   be locked), its base, and sums of its records and log. Whoever writes anything of a scope
    ///   holds its row locked until the commit: that is what keeps cursors without a gap.
    /// - mizu_epoch: `epoch` has written the changes from cursor `first` on.
    /// - mizu_log: one mutation in each row; `ends` says where its changes end, empty for one.
    /// - mizu_outcome: `cursor` is -1 where the mutation was refused.
    /// - mizu_account: what an account's scopes come to; written as differences.
    /// - mizu_total: a row for each lane, of many committers; the sum counts.
    static let statements: [StaticString] = [
        """
        CREATE TABLE mizu_meta(
            one boolean PRIMARY KEY DEFAULT true CHECK(one), version int8 NOT NULL,
            compatible int8 NOT NULL, epoch bytea NOT NULL, salt int8 NOT NULL,
            identity bytea NOT NULL, mark bytea NOT NULL DEFAULT '',
            secret bytea NOT NULL DEFAULT '')
        """,
        """
        CREATE TABLE mizu_scope(
            name bytea PRIMARY KEY, cursor int8 NOT NULL DEFAULT 0, base int8 NOT NULL DEFAULT 0,
            records int8 NOT NULL DEFAULT 0, checksum int8 NOT NULL DEFAULT 0,
            bytes int8 NOT NULL DEFAULT 0, log_bytes int8 NOT NULL DEFAULT 0,
            epoch bytea NOT NULL DEFAULT '', owner bytea NOT NULL DEFAULT '') WITH (fillfactor=70)
        """,
        """
        CREATE TABLE mizu_epoch(
            scope bytea NOT NULL, first int8 NOT NULL, epoch bytea NOT NULL,
            PRIMARY KEY(scope, first))
        """,
        """
        CREATE TABLE mizu_log(
            scope bytea NOT NULL, last int8 NOT NULL, first int8 NOT NULL, time int8 NOT NULL,
            ends bytea NOT NULL, bytes bytea NOT NULL, PRIMARY KEY(scope, last))
        """,
        """
        CREATE TABLE mizu_record(
            scope bytea NOT NULL, entity bytea NOT NULL, id bytea NOT NULL, version int8 NOT NULL,
            data bytea NOT NULL, PRIMARY KEY(scope, entity, id)) WITH (fillfactor=85)
        """,
        """
        CREATE TABLE mizu_outcome(
            scope bytea NOT NULL, mutation bytea NOT NULL, review int8 NOT NULL,
            cursor int8 NOT NULL, epoch bytea NOT NULL, code bytea NOT NULL,
            message bytea NOT NULL, high int8 NOT NULL, low int8 NOT NULL, owner bytea NOT NULL,
            client bytea NOT NULL, sequence int8 NOT NULL, PRIMARY KEY(scope, mutation))
        """,
        "CREATE INDEX mizu_outcome_review ON mizu_outcome(review)",
        """
        CREATE TABLE mizu_client(
            scope bytea NOT NULL, client bytea NOT NULL, owner bytea NOT NULL,
            pushed int8 NOT NULL, outcomes int8 NOT NULL, PRIMARY KEY(scope, client))
            WITH (fillfactor=70)
        """,
        "CREATE INDEX mizu_client_client ON mizu_client(client)",
        "CREATE INDEX mizu_client_owner ON mizu_client(scope, owner, pushed)",
        """
        CREATE TABLE mizu_account(
            account bytea PRIMARY KEY, scopes int8 NOT NULL, bytes int8 NOT NULL)
            WITH (fillfactor=50)
        """,
        """
        CREATE TABLE mizu_total(
            lane int8 PRIMARY KEY, aging int8 NOT NULL, outcomes int8 NOT NULL)
            WITH (fillfactor=20)
        """,
    ]

    // MARK: Opening

    static let begin = Statement("m_begin", "BEGIN")
    static let commit = Statement("m_commit", "COMMIT")
    static let rollback = Statement("m_rollback", "ROLLBACK")
    /// 0: there is none, 1: ours, 2: somebody else's. By the catalog itself: a name's look-up may
    /// be answered from what a backend remembers.
    private static let whatIsThere = Statement(
        "m_there",
        """
        SELECT coalesce((
            SELECT CASE (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid
                    AND NOT a.attisdropped AND a.attname IN
                    ('one', 'version', 'compatible', 'epoch', 'salt', 'identity', 'mark'))
                WHEN 7 THEN 1 ELSE 2 END
            FROM pg_class c
            WHERE c.relname = 'mizu_meta' AND c.relnamespace = current_schema()::regnamespace),
            0)::int8
        """)
    /// The first of our names that something else has; no row where there is none.
    private static let whatIsInTheWay = Statement(
        "m_in_the_way",
        """
        SELECT convert_to(relname, 'UTF8') FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace AND relname IN (
            'mizu_scope', 'mizu_epoch', 'mizu_log', 'mizu_record', 'mizu_outcome',
            'mizu_outcome_review', 'mizu_client', 'mizu_client_client', 'mizu_client_owner',
            'mizu_account', 'mizu_total')
        ORDER BY relname LIMIT 1
        """)
    private static let insertMeta = Statement(
        "m_meta_new",
        """
        INSERT INTO mizu_meta(version, compatible, epoch, salt, identity)
        VALUES($1, $1, $2, $3, '')
        """)
    /// Without rights of any kind; the timeline is the one that is written now.
    private static let meta = Statement(
        "m_meta",
        """
        SELECT version, compatible, epoch, salt, identity, convert_to(
            (SELECT system_identifier FROM pg_control_system())::text || '/' ||
            (SELECT oid FROM pg_database WHERE datname = current_database())::text || '/' ||
            CASE WHEN pg_is_in_recovery() THEN ''
                ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END, 'UTF8'),
            pg_is_in_recovery()::int::int8, mark
        FROM mizu_meta
        """)
    private static let lockMeta = Statement(
        "m_meta_lock", "SELECT one FROM mizu_meta FOR UPDATE")
    private static let setEpoch = Statement(
        "m_meta_epoch", "UPDATE mizu_meta SET epoch = $1, identity = $2")

    /// What the database says of itself.
    struct Facts {
        let epoch: Name
        let salt: UInt64
        /// The cluster and the database in it, without the timeline.
        let server: [UInt8]

        var lineage: PostgresLineage { PostgresLineage(epoch: epoch, server: server) }
    }

    /// What a push locks of tables, before it has anything to write.
    static let lockAsAPush = Statement(
        "m_lock_tables",
        """
        LOCK TABLE mizu_scope, mizu_epoch, mizu_log, mizu_record, mizu_outcome, mizu_client,
            mizu_account, mizu_total IN ROW EXCLUSIVE MODE
        """)

    static let versions = Statement("m_versions", "SELECT compatible, version FROM mizu_meta")

    /// - Throws: where this version may not go on with the rows.
    static func checkVersion(
        _ rows: Rows, _ row: Int, compatible: Int, version column: Int
    ) throws(StoreError) {
        guard row < rows.count, try rows.int(row, compatible) <= version else {
            throw StoreError(
                .unavailable,
                "the database belongs to a newer version of mizu (schema "
                    + "\(row < rows.count ? try rows.int(row, column) : 0), this one knows "
                    + "\(version)): upgrade mizu",
                cause: .newerSchema)
        }
    }

    /// Whether there are tables of ours. Changes nothing.
    /// - Throws: `.occupied` where something else has the name of one.
    static func areTables(there connection: Connection) throws(ConnectionFailure) -> Bool {
        let rows = try connection.run([Query(whatIsThere), Query(whatIsInTheWay)])
        if try rows[0].saysThatItIsOurs() { return true }
        guard rows[1].count == 0 else {
            throw occupied("relation \"\(rows[1].text(0, 0))\" already exists")
        }
        return false
    }

    /// Makes the tables where there are none.
    static func prepare(_ connection: Connection) throws(ConnectionFailure) {
        if try connection.run([Query(whatIsThere)])[0].saysThatItIsOurs() { return }
        do throws(ConnectionFailure) {
            let there = try connection.run([Query(begin), Query(lock), Query(whatIsThere)])[2]
            guard try !there.saysThatItIsOurs() else {
                _ = try connection.run([Query(rollback)])
                return
            }
            var queries: [Query] = []
            for (index, text) in statements.enumerated() {
                queries.append(Query(Statement(names[index], text)))
            }
            var random = SystemRandomNumberGenerator()
            let salt = Int(truncatingIfNeeded: random.next())
            queries.append(
                Query(insertMeta).with(version).with(Name.random(using: &random)).with(salt))
            queries.append(Query(commit))
            _ = try connection.run(queries)
        } catch {
            connection.post([Query(rollback)])
            throw explained(error)
        }
    }

    private static func occupied(_ message: String) -> ConnectionFailure {
        .occupied(
            """
            \(message), which is not mizu's, since there is no mizu_meta beside it: name \
            another database, or a schema of its own (?options=-csearch_path%3DNAME), or see \
            with psql's \\d mizu_* whose it is
            """)
    }

    /// What is in the way of our tables, in words that say what to do.
    private static func explained(_ failure: ConnectionFailure) -> ConnectionFailure {
        guard case .refused(let code, let message) = failure else { return failure }
        switch code {
        // A table, a type or an index has the name.
        case "42P07", "42710":
            return occupied(message)
        case "42501", "3F000":
            return .occupied(
                """
                the tables cannot be made (\(message)): give the user a database that it owns, or \
                CREATE on the schema
                """)
        default: return failure
        }
    }

    /// The statements above have names like all others.
    private static let names: [StaticString] = [
        "m_t0", "m_t1", "m_t2", "m_t3", "m_t4", "m_t5", "m_t6", "m_t7", "m_t8", "m_t9", "m_t10",
        "m_t11",
    ]

    /// Reads what the database says, and writes a new epoch where it is another database now.
    /// - Parameters:
    ///   - newEpoch: begins in any case.
    ///   - admitsMark: for whoever moves rows; others are refused a database that has a mark.
    static func facts(
        _ connection: Connection, newEpoch: Name? = nil, admitsMark: Bool = false
    ) throws(StoreError) -> Facts {
        do {
            let rows = try connection.run([Query(meta)])[0]
            let facts = try check(rows)
            if !admitsMark, let mark = PostgresMark(text: rows.text(0, 7)) { throw mark.refusal }
            // A reader of a standby writes nothing: the primary's epoch is the one.
            let isStandby = try rows.int(0, 6) == 1
            if newEpoch == nil, isStandby || rows.isOfOneDatabase { return facts }
            let again = try connection.run([Query(begin), Query(lockMeta), Query(meta)])[2]
            guard newEpoch != nil || !again.isOfOneDatabase else {
                connection.post([Query(rollback)])
                return try check(again)
            }
            var random = SystemRandomNumberGenerator()
            let epoch = newEpoch ?? Name.random(using: &random)
            _ = try connection.run([
                Query(setEpoch).with(epoch).with([UInt8](again.bytes(0, 5))), Query(commit),
            ])
            return Facts(epoch: epoch, salt: facts.salt, server: facts.server)
        } catch let failure as ConnectionFailure {
            connection.post([Query(rollback)])
            throw failure.storeError(isCommitSent: false)
        } catch let error as StoreError {
            connection.post([Query(rollback)])
            throw error
        } catch {
            throw StoreError(.unavailable, "\(error)")
        }
    }

    private static func check(_ rows: Rows) throws(StoreError) -> Facts {
        guard rows.count == 1 else { throw Rows.damaged("mizu_meta has \(rows.count) rows") }
        try checkVersion(rows, 0, compatible: 1, version: 0)
        let identity = rows.bytes(0, 5)
        let slash = identity.lastIndex(of: UInt8(ascii: "/")) ?? identity.endIndex
        return Facts(
            epoch: try rows.name(0, 2), salt: UInt64(bitPattern: Int64(try rows.int(0, 3))),
            server: [UInt8](identity[..<slash]))
    }
}

extension Rows {
    /// Of `whatIsThere`. Throws where it is not.
    fileprivate func saysThatItIsOurs() throws(ConnectionFailure) -> Bool {
        let answer = count == 1 ? bytes(0, 0).last : nil
        guard answer != 2 else {
            throw .occupied(
                """
                the table mizu_meta is there and is not mizu's: name another database, or a \
                schema of its own (?options=-csearch_path%3DNAME), or see with psql's \\d mizu_* \
                whose it is
                """)
        }
        return answer == 1
    }
    /// Whether the database that wrote the epoch is the one that answers.
    fileprivate var isOfOneDatabase: Bool {
        count == 1 && bytes(0, 4).elementsEqual(bytes(0, 5))
    }
}

extension ConnectionFailure {
    /// What it means for a transaction.
    /// - Parameter isCommitSent: whether the server may have committed it.
    func storeError(isCommitSent: Bool) -> StoreError {
        switch self {
        case .occupied(let message), .superseded(let message):
            return StoreError(.unavailable, message)
        case .unreachable(let message):
            return StoreError(.unavailable, "PostgreSQL cannot be reached: \(message)")
        case .broken(let message):
            return StoreError(
                isCommitSent ? .unavailable : .conflict,
                isCommitSent
                    ? "the connection broke behind a commit, and nobody knows what became of it: "
                        + message : "the connection broke: \(message)")
        case .refused(let code, let message):
            let told = "PostgreSQL refused (\(code)): \(message)"
            switch code {
            // Deadlock, serialization, the server goes, it forgot what was prepared, it is a
            // standby now. Nothing is committed of what was refused.
            case "26000", "25006": return StoreError(.conflict, told)
            // By a check: something was not as it was taken to be (LoneMemory).
            case "22P02": return StoreError(.conflict, told)
            case "57P01", "57P02":
                return StoreError(isCommitSent ? .unavailable : .conflict, told)
            case "55P03":
                return StoreError(
                    .unavailable, told + ": somebody holds a lock, and pg_stat_activity shows who",
                    cause: .locked)
            case "53100": return StoreError(.unavailable, told, cause: .noSpace)
            default:
                return StoreError(code.hasPrefix("40") ? .conflict : .unavailable, told)
            }
        }
    }
}
