// Which store the app opens, by DATABASE_URL: SQLite or memory, which are this process's alone, or
// PostgreSQL, which several processes share; then also how many commit to it here. What names no
// store is said without a password.

import Logging
import MizuEventLoop
import MizuSync
import MizuSyncSQLite
import MizuSyncService

#if Postgres
    import MizuSyncPostgres
#endif

extension Configuration {
    /// Committers for a database that several processes share, where nobody says how many.
    static let sharedCommitters = 4

    /// Whether the database is a server's, which other nodes may use as well.
    var isDatabaseShared: Bool { DatabaseURL.isPostgres(database) }
}

/// What a URL of a database says.
enum DatabaseURL {
    static func isPostgres(_ url: String) -> Bool {
        url.utf8.starts(with: "postgres://".utf8) || url.utf8.starts(with: "postgresql://".utf8)
    }
}

extension App {
    /// Starts Sync on the store that DATABASE_URL names. A server that does not answer is waited
    /// for as long as its URL says (`connect_timeout`), and then the start fails.
    /// - Parameters:
    ///   - carrier: by which news of scopes goes to other nodes; nil: each looks at the store.
    ///   - start: takes the store over.
    func withStore(
        _ carrier: StoreCarrier?,
        _ start: (sending any SyncStore, Sharing) throws(SyncStartError) -> SyncService
    ) throws(StoreError) -> SyncService {
        do throws(SyncStartError) {
            guard configuration.isDatabaseShared else {
                guard configuration.readDatabase == nil else {
                    throw .store(
                        StoreError(
                            .unavailable,
                            "DATABASE_READ_URL names a replica, and DATABASE_URL no PostgreSQL "
                                + "that it could be one of: set both, or neither"))
                }
                return try start(try ownStore(), Sharing())
            }
            return try startShared(carrier, start)
        } catch {
            throw StoreError(.unavailable, error.description)
        }
    }

    private func ownStore() throws(SyncStartError) -> sending any SyncStore {
        var random = RandomNumbers()
        let epoch = Name.random(using: &random)
        do throws(StoreError) {
            return try Store.open(configuration.database, epoch: epoch, logger: logger)
        } catch {
            // Its message may say the URL.
            guard Setting.holdsPassword(configuration.database) else { throw .store(error) }
            throw .store(
                StoreError(
                    .unavailable,
                    "DATABASE_URL names no store: use sqlite:PATH, postgres://… or memory:"))
        }
    }

    #if Postgres
        /// The secret that nodes share, of the database; one of them makes it.
        func sharedSecret(orElse fresh: String) throws(StartError) -> String {
            do throws(StoreError) {
                let database = try PostgresDatabase(url: configuration.database, logger: logger)
                return try database.secret(orElse: fresh)
            } catch {
                throw StartError("the secret cannot be kept in the database: \(error.message)")
            }
        }

        private func startShared(
            _ carrier: StoreCarrier?,
            _ start: (sending any SyncStore, Sharing) throws(SyncStartError) -> SyncService
        ) throws(SyncStartError) -> SyncService {
            do throws(StoreError) {
                let database = try PostgresDatabase(
                    url: configuration.database, replicaURL: configuration.readDatabase,
                    logger: logger)
                var sharing = Sharing()
                sharing.committers = configuration.committers ?? Configuration.sharedCommitters
                sharing.another = { (_: Int) throws(StoreError) in try database.makeStore() }
                sharing.carrier = carrier
                sharing.place = database.place
                sharing.term = { database.term }
                sharing.heard = { database.heard($0) }
                if let replica = database.replica { sharing.figures = { replica.figuresOfNode } }
                let store = try database.makeStore()
                do throws(SyncStartError) {
                    let service = try start(store, sharing)
                    database.figures.show(in: service)
                    database.replica?.show(in: service)
                    return service
                } catch {
                    throw StoreError(.unavailable, error.description)
                }
            } catch {
                throw .store(
                    StoreError(.unavailable, "DATABASE_URL cannot be used: \(error.message)"))
            }
        }
    #else
        func sharedSecret(orElse fresh: String) throws(StartError) -> String { fresh }

        private func startShared(
            _ carrier: StoreCarrier?,
            _ start: (sending any SyncStore, Sharing) throws(SyncStartError) -> SyncService
        ) throws(SyncStartError) -> SyncService {
            throw .store(
                StoreError(
                    .unavailable,
                    "DATABASE_URL: this binary was built without PostgreSQL (the trait Postgres): "
                        + "use sqlite:PATH or memory:"))
        }
    #endif
}

#if Postgres
    extension PostgresFigures {
        /// Scrapes show them from now on.
        fileprivate func show(in service: SyncService) {
            service.metrics.add(.postgresRoundTrips) { Double(self.roundTrips) }
            service.metrics.add(.postgresSeconds) { Double(self.waitedNanoseconds) / 1e9 }
            service.metrics.add(.postgresConnections) { Double(self.openings) }
            service.metrics.add(.postgresBreaks) { Double(self.breaks) }
        }
    }

    extension PostgresReplica {
        /// Scrapes show it from now on.
        fileprivate func show(in service: SyncService) {
            service.metrics.add(.replicaReads) { Double(self.readCount) }
            service.metrics.add(.replicaMisses, by: "reason") {
                Miss.allCases.map { ($0.rawValue, Double(self.missCount($0))) }
            }
        }

        /// What `/cluster` says of it.
        fileprivate var figuresOfNode: [String: Int] {
            [
                "replica_reads": readCount,
                "replica_misses": Miss.allCases.reduce(0) { $0 + missCount($1) },
            ]
        }
    }
#endif
