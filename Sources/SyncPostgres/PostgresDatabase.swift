// Which PostgreSQL a URL names: the one way into this room. libpq itself reads the URL, so that all
// that it knows works: several hosts, `sslmode`, PGPASSFILE, a service file. A password is never in
// what this says of it. Opens nothing: stores and readers have connections of their own.

import Logging
import MizuBytes
import MizuSync
import Synchronization

/// A database of PostgreSQL that many processes share. Any thread.
public final class PostgresDatabase: Sendable {
    /// Hosts, port and name; for the log, without user and password.
    public let place: String
    let parameters: [ConnectionParameter]
    /// What its connections have done.
    public let figures = PostgresFigures()
    /// What readers may ask in its place; nil: nothing.
    public let replica: PostgresReplica?
    let logger: Logger
    /// Which primary is the latest.
    let history: PrimaryHistory
    /// What the primary said of itself when somebody connected last.
    private let lineage = Mutex<PostgresLineage?>(nil)

    /// Whether `url` names a database of this kind: `postgres://…` or `postgresql://…`.
    public static func isURL(_ url: String) -> Bool {
        url.utf8.starts(with: "postgres://".utf8) || url.utf8.starts(with: "postgresql://".utf8)
    }

    /// Reads the URL. Connects to nothing.
    /// - Parameters:
    ///   - setting: where the URL is from, for people.
    ///   - replicaURL: a replica of it that readers may ask; nil: there is none.
    /// - Throws: one line for people that says what to do.
    public init(
        url: String, of setting: String = "DATABASE_URL", replicaURL: String? = nil,
        logger: Logger
    ) throws(StoreError) {
        parameters = try ConnectionParameter.parse(url, of: setting)
        place = ConnectionParameter.place(of: parameters)
        replica =
            if let replicaURL { try PostgresReplica(url: replicaURL, logger: logger) } else { nil }
        self.logger = logger
        history = PrimaryHistory(logger: logger)
    }

    /// Takes in what the primary has said of itself.
    func learn(_ facts: Schema.Facts) {
        lineage.withLock { $0 = facts.lineage }
    }

    /// Which database the primary is; nil before anybody has connected.
    var knownLineage: PostgresLineage? { lineage.withLock { $0 } }

    /// The latest primary that is known; nil before anybody has connected.
    package var term: PrimaryTerm? { history.latest }

    /// Takes in of which primary another node knows: connections to an older one end when they are
    /// used next.
    package func heard(_ term: PrimaryTerm) { history.heard(term) }

    /// Connects, and makes or migrates the tables where that is due. Blocks, for a bounded time.
    /// Stores of one database may be made as many as there are committers; scopes that two of them
    /// write to wait for each other.
    /// - Parameter newEpoch: begins with this opening, as after a restore by hand; nil: the
    ///   database says by itself whether it is another one now.
    public func makeStore(newEpoch: Name? = nil) throws(StoreError) -> sending any SyncStore {
        try PostgresStore(self, newEpoch: newEpoch)
    }

    /// The same for whoever brings the rows of another store here: opens it although it is marked.
    func makeMoversStore() throws(StoreError) -> any SyncStore {
        try PostgresStore(self, newEpoch: nil, isMover: true)
    }

    /// A reader with a connection of its own, which is made with the first question.
    public func makeReader() throws(StoreError) -> sending any SyncReader {
        PostgresReader(self)
    }
}
