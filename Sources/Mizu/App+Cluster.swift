// The app as one node among others: by which carrier it hears of them, and what it says of itself.
// A Redis is asked to carry news where one is set; else the PostgreSQL that the nodes share does.

import MizuEventLoop
import MizuNews
import MizuSync
import MizuSyncService

#if Postgres
    import MizuSyncPostgres
#endif

extension App {
    /// The other nodes; nil where this one is alone. Not started yet.
    func openCluster() throws(StartError) -> Cluster? {
        if let redis = configuration.news.redis { return try openCluster(redis) }
        guard configuration.isDatabaseShared else { return nil }
        #if Postgres
            return try openDatabaseCluster()
        #else
            return nil
        #endif
    }

    private func openCluster(_ redis: RedisURL) throws(StartError) -> Cluster {
        let news = configuration.news
        var settings = PubSubNews.Settings(name: "redis")
        settings.prefix = news.prefix
        let node = NodeID.random()
        var server = RedisPubSub.Settings(url: redis)
        server.name = "mizu-\(node)"
        if let file = news.authorities { server.trust = .file(file) }
        do {
            let carrier = try PubSubNews(settings, node: node) {
                try RedisPubSub(server, logger: logger, receive: $0)
            }
            return Cluster(carrier, workers: workers, report: report)
        } catch {
            throw StartError("cannot use REDIS_URL=\(redis): \(error)")
        }
    }

    #if Postgres
        private func openDatabaseCluster() throws(StartError) -> Cluster {
            let news = configuration.news
            var settings = PubSubNews.Settings(name: "notify")
            settings.prefix = news.prefix
            settings.carriesChanges = false
            do throws(StoreError) {
                let database =
                    if let url = news.listenURL {
                        try PostgresDatabase(url: url, of: "DATABASE_LISTEN_URL", logger: logger)
                    } else {
                        try PostgresDatabase(url: configuration.database, logger: logger)
                    }
                var server = NotifyPubSub.Settings(database: database)
                server.prefix = news.prefix
                do {
                    let carrier = try PubSubNews(settings) {
                        try NotifyPubSub(server, logger: logger, receive: $0)
                    }
                    return Cluster(carrier, workers: workers, report: report)
                } catch {
                    throw StoreError(.unavailable, "\(error)")
                }
            } catch {
                throw StartError(error.message)
            }
        }
    #endif

    /// What other nodes are told of this one.
    private var report: NodeReport {
        let address = daemon.listeners.entries.first.map { entry in
            entry.address.reachableAuthority(port: entry.address.port)
        }
        return NodeReport(
            address: address ?? "", version: BuildFacts.version,
            startedMilliseconds: Int(WallClock.milliseconds))
    }

    /// Scrapes and `/cluster` show the nodes from now on; nothing where the database is this
    /// process's alone.
    func show(_ cluster: Cluster?, in service: SyncService) {
        guard service.isShared else { return }
        if let cluster { return service.show(cluster) }
        let (own, workers) = (report, workers)
        service.showAlone {
            var report = own
            report.isDraining = workers.isDraining
            return report
        }
    }
}
