// The metrics of a node among others. Nobody here has their values: whoever follows the news and
// counts the nodes adds a source to `SyncService.metrics`, and a node by itself shows none of them.

import MizuMetrics
import Synchronization

extension Metric {
    /// Nodes that have given a sign of life lately, this one among them.
    public static let clusterNodes = Metric(
        "mizu_cluster_nodes", .gauge,
        "Nodes that share this database and have given a sign of life, this one among them")
    /// How far this node's memory is behind the store, at most.
    public static let feedLag = Metric(
        "mizu_feed_lag_seconds", .gauge,
        "Time since the news of other nodes was last known to be complete")
    /// How long the last news took.
    public static let newsDelay = Metric(
        "mizu_news_delay_seconds", .gauge,
        "Time that the latest news took from the commit on another node to this one")
    public static let newsUp = Metric(
        "mizu_news_up", .gauge,
        "Whether the carrier of news is connected (1) or a poll stands in for it (0)")
    public static let newsReceived = Metric(
        "mizu_news_received_total", .counter, "News of other nodes that this node received")
    public static let newsLost = Metric(
        "mizu_news_gaps_total", .counter,
        "News that did not continue what was known, so that the store was read instead")
    public static let readIndexQueries = Metric(
        "mizu_read_index_queries_total", .counter,
        "Questions to the store for the heads of scopes before answers from memory")

    /// All of them, in the order of the documentation.
    public static let ofClusters = [
        clusterNodes, feedLag, newsDelay, newsUp, newsReceived, newsLost, readIndexQueries,
    ]
}

/// Who tells of the nodes that share the store, once there is somebody who knows them. Any thread.
package final class ClusterReports: Sendable {
    private let make = Mutex<(@Sendable () -> ClusterReport)?>(nil)

    init() {}

    /// From now on `make` is asked, on the admin listener's thread: it must not wait long.
    package func use(_ make: @escaping @Sendable () -> ClusterReport) {
        self.make.withLock { $0 = make }
    }

    /// A report made now; nil: the node is alone.
    package func report() -> ClusterReport? { make.withLock { $0 }?() }
}
