// The app as one node among others: by which carrier it hears of them, and what it says of itself.

import MizuEventLoop
import MizuNews
import MizuSyncService

extension App {
    /// The other nodes; nil where this one is alone. Not started yet.
    func openCluster() throws(StartError) -> Cluster? {
        let news = configuration.news
        guard let redis = news.redis else { return nil }
        var settings = RedisNews.Settings(redis: RedisPubSub.Settings(url: redis))
        settings.prefix = news.prefix
        if let file = news.authorities { settings.redis.trust = .file(file) }
        do {
            let carrier = try RedisNews(settings, logger: logger)
            return Cluster(carrier, workers: workers, report: report)
        } catch {
            throw StartError("cannot use REDIS_URL=\(redis): \(error)")
        }
    }

    /// What other nodes are told of this one.
    private var report: NodeReport {
        let address = daemon.listeners.entries.first.map { entry in
            entry.address.reachableAuthority(port: entry.address.port)
        }
        return NodeReport(
            address: address ?? "", startedMilliseconds: Int(WallClock.milliseconds))
    }
}
