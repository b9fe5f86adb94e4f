// The secret that nodes share when nobody has set one: made once, by whoever asks first, and kept
// in `mizu_meta`, so that what one node has signed holds on every other. Whoever can read the
// database can sign with it; who wants that apart sets SESSION_SECRET. It knows nothing of what it
// is for.

import MizuBytes
import MizuSync

extension PostgresDatabase {
    private static let isKept = Statement(
        "m_secret_there",
        """
        SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass('mizu_meta')
            AND attname = 'secret' AND NOT attisdropped
        """)
    /// Tables of before secrets were kept have no place for one.
    private static let makePlace = Statement(
        "m_secret_place",
        "ALTER TABLE mizu_meta ADD COLUMN IF NOT EXISTS secret bytea NOT NULL DEFAULT ''")
    private static let read = Statement("m_secret", "SELECT secret FROM mizu_meta")
    private static let keepFirst = Statement(
        "m_secret_new", "UPDATE mizu_meta SET secret = $1 WHERE secret = ''")
    private static let replace = Statement("m_secret_set", "UPDATE mizu_meta SET secret = $1")

    /// Returns the secret of the database; of several processes that ask at once one's `fresh` is
    /// kept. Makes the tables where there are none. Blocks, for a bounded time; any thread.
    public func secret(orElse fresh: String) throws(StoreError) -> String {
        try withConnection { (connection) throws(ConnectionFailure) in
            try Schema.prepare(connection)
            if let known = try Self.known(connection) { return known }
            _ = try connection.run(
                [Query(Schema.begin), Query(Schema.lock), Query(Self.makePlace)])
            let rows = try connection.run([
                Query(Self.keepFirst).with(Array(fresh.utf8)), Query(Self.read),
                Query(Schema.commit),
            ])[1]
            return rows.count == 1 ? rows.text(0, 0) : fresh
        }
    }

    /// The same where there is one; nil otherwise. The tables must be there.
    package func knownSecret() throws(StoreError) -> String? {
        try withConnection { (connection) throws(ConnectionFailure) in
            try Self.known(connection)
        }
    }

    /// Puts another one in its place. The tables must be there.
    package func setSecret(_ secret: String) throws(StoreError) {
        try withConnection { (connection) throws(ConnectionFailure) in
            _ = try connection.run(
                [Query(Schema.begin), Query(Schema.lock), Query(Self.makePlace)])
            _ = try connection.run([
                Query(Self.replace).with(Array(secret.utf8)), Query(Schema.commit),
            ])
        }
    }

    private static func known(_ connection: Connection) throws(ConnectionFailure) -> String? {
        guard try connection.run([Query(isKept)])[0].holdsOne else { return nil }
        let rows = try connection.run([Query(read)])[0]
        guard rows.count == 1, !rows.text(0, 0).isEmpty else { return nil }
        return rows.text(0, 0)
    }

    private func withConnection<R>(
        _ body: (Connection) throws(ConnectionFailure) -> R
    ) throws(StoreError) -> R {
        let connection = Connection(self)
        defer { connection.close() }
        do throws(ConnectionFailure) {
            try connection.open()
            return try body(connection)
        } catch {
            let reason = error.storeError(isCommitSent: false)
            throw StoreError(.unavailable, "\(place): \(reason.message)", cause: reason.cause)
        }
    }
}

extension Rows {
    /// Whether a count is one.
    fileprivate var holdsOne: Bool { count == 1 && bytes(0, 0).last == 1 }
}
