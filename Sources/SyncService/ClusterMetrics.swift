// What is told of a node among others, to scrapes and to `/cluster`: figures of its news, of the
// carrier and of the nodes that it knows. A node by itself shows none of it. Reads what other parts
// count; holds nothing but the way to them. Any thread.

import MizuEventLoop
import MizuMetrics
import MizuSync

extension Metric {
    /// Nodes that have given a sign of life lately, this one among them.
    public static let clusterNodes = Metric(
        "mizu_cluster_nodes", .gauge,
        "Nodes that have given a sign of life in the last 5 seconds, this one among them")
    public static let feedLag = Metric(
        "mizu_feed_lag_seconds", .gauge,
        "Time since this node last compared all scopes that its sockets follow with the store")
    public static let feedDelay = Metric(
        "mizu_feed_delay_seconds", .histogram,
        "Time from a commit on another node until it was handed to the sockets of this one")
    public static let feedScopes = Metric(
        "mizu_feed_scopes", .gauge, "Scopes that sockets of this node follow")
    public static let feedGaps = Metric(
        "mizu_feed_gaps_total", .counter,
        "Changes that did not continue what this node knew, so that it read the store")
    public static let feedCatchUps = Metric(
        "mizu_feed_catch_ups_total", .counter,
        "Times that the log was read from the store because nobody had told of changes")
    public static let newsUp = Metric(
        "mizu_news_up", .gauge,
        "Whether the carrier of news is connected (1), or polls alone stand in for it (0)")
    public static let newsReceived = Metric(
        "mizu_news_received_total", .counter, "Messages of other nodes about scopes")
    public static let newsSent = Metric(
        "mizu_news_sent_total", .counter, "Messages that were given to the carrier of news")
    public static let newsDropped = Metric(
        "mizu_news_dropped_total", .counter,
        "Messages that were not sent because the carrier was away or took too little")
    public static let newsPassedOver = Metric(
        "mizu_news_passed_over_total", .counter,
        "Messages of a newer version's form or kind, which this one does not know")
    public static let newsMalformed = Metric(
        "mizu_news_malformed_total", .counter, "Messages that no version says so")
    public static let newsConnections = Metric(
        "mizu_news_connections_total", .counter, "Connections to the carrier of news")
    public static let readIndexQueries = Metric(
        "mizu_read_index_queries_total", .counter,
        "Questions to the store for the ends of logs before answers from memory")
    public static let readIndexRequests = Metric(
        "mizu_read_index_requests_total", .counter,
        "Requests and subscriptions that waited for such a question, many for one")

    /// All of them, in the order of the documentation.
    public static let ofClusters = [
        clusterNodes, feedLag, feedDelay, feedScopes, feedGaps, feedCatchUps, newsUp, newsReceived,
        newsSent, newsDropped, newsPassedOver, newsMalformed, newsConnections, readIndexQueries,
        readIndexRequests,
    ]
}

/// Who tells of the nodes that share the store, once there is somebody who knows them. Any thread.
package final class ClusterReports: Sendable {
    private let make = FunctionSlot<Void, ClusterReport>()

    init() {}

    /// From now on `make` is asked, on the admin listener's thread: it must not wait long.
    package func use(_ make: @escaping @Sendable () -> ClusterReport) {
        self.make.set(make)
    }

    /// A report made now; nil: the node is alone.
    package func report() -> ClusterReport? { make.function?(()) }
}

extension Cluster {
    /// Other nodes that are not silent, and this one.
    package var livingCount: Int {
        let now = Instant.now
        return 1 + nodes.count { now.milliseconds(since: $0.lastSeen) < times.silence }
    }

    /// The nodes as this one sees them.
    /// - Parameter store: what they share, without a password.
    package func report(store: String) -> ClusterReport {
        let (own, now) = (report, Instant.now)
        var all = [ClusterReport.Node(news.node, own, seenMilliseconds: 0)]
        for entry in nodes {
            all.append(
                ClusterReport.Node(
                    entry.node, entry.report,
                    seenMilliseconds: Int(clamping: now.milliseconds(since: entry.lastSeen))))
        }
        return ClusterReport(
            node: news.node.description, store: store, news: isConnected ? news.name : "poll",
            nodes: all)
    }
}

extension ClusterReport.Node {
    fileprivate init(_ node: NodeID, _ report: NodeReport, seenMilliseconds: Int) {
        self.init(
            id: node.description, address: report.address, version: report.version,
            startedMilliseconds: report.startedMilliseconds, seenMilliseconds: seenMilliseconds,
            isDraining: report.isDraining, figures: report.figures)
    }
}

extension SyncService {
    /// How this node fares with the commits of others; nil: it is alone with its store. Any thread.
    package var feedFigures: FeedFigures? {
        guard let storeNews, let index else { return nil }
        var figures = storeNews.figures
        (figures.indexQueries, figures.indexRequests) = index.figures
        return figures
    }

    /// The figures that a node tells of its news.
    private var nodeFigures: [String: Int] {
        guard let feed = storeNews?.figures else { return [:] }
        let figures = [
            ClusterReport.Figure.scopes: feed.scopes,
            ClusterReport.Figure.feedLag: feed.lagMilliseconds,
            ClusterReport.Figure.behind: feed.changesBehind,
        ]
        return figures.merging(sharing.figures?() ?? [:]) { own, _ in own }
    }

    /// From now on reports and scrapes show the nodes of `cluster`, and it tells them of this one's
    /// news. Once, before the cluster starts.
    package func show(_ cluster: Cluster) {
        cluster.addFigures { [weak self] in self?.nodeFigures ?? [:] }
        if let term = sharing.term, let heard = sharing.heard { cluster.compare(term, heard) }
        let place = place
        nodes.use { cluster.report(store: place) }
        metrics.add(.clusterNodes) { Double(cluster.livingCount) }
        metrics.add(.newsUp) { cluster.isConnected ? 1 : 0 }
        for (metric, figure) in [
            (Metric.newsSent, "published_messages"), (.newsDropped, "dropped_messages"),
            (.newsPassedOver, "passed_over_messages"), (.newsMalformed, "malformed_messages"),
            (.newsConnections, "connections"),
        ] {
            metrics.add(metric) { cluster.news.figures[figure].map { Double($0) } }
        }
    }

    /// The same where no carrier tells of other nodes: this one knows of itself alone, and polls.
    package func showAlone(_ report: @escaping @Sendable () -> NodeReport) {
        let (node, place, processor) = (NodeID.random(), place, ProcessorMeter())
        metrics.add(.newsUp) { 0 }
        nodes.use { [weak self] in
            var own = report()
            own.figures.merge(self?.nodeFigures ?? [:]) { _, last in last }
            own.figures[ClusterReport.Figure.cpu] = processor.permille
            return ClusterReport(
                node: node.description, store: place, news: "poll",
                nodes: [ClusterReport.Node(node, own, seenMilliseconds: 0)])
        }
    }
}
