// Every metric of `/metrics`, with the sentence that explains it: what is written at a scrape
// (MetricsPage.swift) and what the guide's table shows. Names follow Prometheus' conventions; label
// values are few and known beforehand, except patterns of routes, which an app writes down and
// which are bounded (`ServerFigures.routesMax`).

import MizuMetrics
import MizuSyncService

extension Metric {
    // Requests.
    static let requests = Metric(
        "mizu_http_requests_total", .counter, labels: ["method", "route", "code"],
        "Answers by the method and the pattern of the route and by the class of the status")
    static let requestSeconds = Metric(
        "mizu_http_request_duration_seconds", .histogram,
        "Time from the moment a worker took up a whole request until its answer was composed")
    static let receivedBytes = Metric(
        "mizu_received_bytes_total", .counter, "Bytes received from clients, without TLS")
    static let sentBytes = Metric(
        "mizu_sent_bytes_total", .counter, "Bytes sent to clients, without TLS")

    // Connections.
    static let connections = Metric(
        "mizu_connections", .gauge, labels: ["kind", "tls"], "Open connections by what they speak")
    static let accepted = Metric(
        "mizu_connections_accepted_total", .counter, "Connections that were accepted")
    static let refused = Metric(
        "mizu_connections_refused_total", .counter, labels: ["reason"],
        "Connections that were not let in: the server is full, or their address is")
    static let ended = Metric(
        "mizu_connections_ended_total", .counter, labels: ["reason"],
        "Ends of connections by what began them")
    static let handshakes = Metric(
        "mizu_tls_handshakes_total", .counter, labels: ["version", "resumed"],
        "TLS handshakes that were completed")
    static let handshakeFailures = Metric(
        "mizu_tls_handshake_failures_total", .counter, "TLS handshakes that failed")
    static let messagesReceived = Metric(
        "mizu_websocket_messages_received_total", .counter, "Messages that came over sockets")
    static let messagesSent = Metric(
        "mizu_websocket_messages_sent_total", .counter,
        "Messages and control frames that were queued for sockets")

    // Queues and memory.
    static let queuedBytes = Metric(
        "mizu_socket_queue_bytes", .gauge, "Bytes that wait for sockets, shared frames once")
    static let heldBytes = Metric(
        "mizu_held_bytes", .gauge, "Memory that clients make the server hold (MEMORY_LIMIT)")
    static let lag = Metric(
        "mizu_event_loop_lag_seconds", .histogram,
        "How late a worker's loop came to what was due, or to what it had left to its next turn")
    static let workers = Metric("mizu_workers", .gauge, "Event loops")

    // Topics.
    static let topics = Metric(
        "mizu_topics", .gauge, "Topics with subscribers, counted once for each worker")
    static let subscriptions = Metric(
        "mizu_subscriptions", .gauge, "Subscriptions of sockets to topics")
    static let fanOutSizes = Metric(
        "mizu_fan_out_subscribers", .histogram,
        "Subscribers on one worker that a publication was offered to")
    static let fanOutSeconds = Metric(
        "mizu_fan_out_duration_seconds", .histogram,
        "Time from a publication on a worker until all its subscribers there were visited")
    static let fanOutsDropped = Metric(
        "mizu_fan_outs_dropped_total", .counter,
        "Messages of the app that were left out because too many publications wait")

    // The database.
    static let pushes = Metric(
        "mizu_pushes_total", .counter, "Pushes that were part of a commit, whatever was decided")
    static let pushesRefused = Metric(
        "mizu_pushes_refused_total", .counter, "Pushes that were refused because the disk is full")
    static let commits = Metric(
        "mizu_commits_total", .counter, labels: ["committer"],
        "Commits by committer (COMMITTERS); a scope is always the same one's")
    static let commitConflicts = Metric(
        "mizu_commit_conflicts_total", .counter,
        "Commits that were begun again because they met another node's, or lost their connection")
    static let commitMutations = Metric(
        "mizu_commit_mutations", .histogram, "Mutations of one commit")
    static let commitSeconds = Metric(
        "mizu_commit_duration_seconds", .histogram,
        "Time from the beginning of a commit until its answers were handed over")
    static let syncSeconds = Metric(
        "mizu_commit_fsync_duration_seconds", .histogram,
        "Time that the disk took to make a commit durable")
    static let waitingMutations = Metric(
        "mizu_push_queue_mutations", .gauge, "Mutations that wait for a commit")
    static let waitingBytes = Metric(
        "mizu_push_queue_bytes", .gauge, "Bytes of pushes that wait for a commit")
    static let waitingReads = Metric(
        "mizu_read_queue_reads", .gauge, "Reads that wait for a reader of the database")
    static let storeReads = Metric(
        "mizu_store_pages_read_total", .counter, "Pages that were read from the database for pulls")
    static let tailBytes = Metric(
        "mizu_log_cache_bytes", .gauge, "Bytes of changes that are kept in memory (LOG_CACHE)")
    static let tailScopes = Metric(
        "mizu_log_cache_scopes", .gauge, "Scopes of which the memory knows where they are")
    static let sharedPageBytes = Metric(
        "mizu_read_cache_bytes", .gauge, "Bytes of pages from the database that are kept in memory")
    static let pageCacheBytes = Metric(
        "mizu_page_cache_bytes", .gauge, "Bytes of the app's pages that are kept (PAGE_CACHE)")

    // PostgreSQL.
    static let postgresRoundTrips = Metric(
        "mizu_postgres_round_trips_total", .counter,
        "Times that an answer of PostgreSQL was waited for; a commit takes two")
    static let postgresSeconds = Metric(
        "mizu_postgres_wait_seconds_total", .counter,
        "Time that was spent so: the network, the server, and locks that others held")
    static let postgresConnections = Metric(
        "mizu_postgres_connections_total", .counter,
        "Connections that were made, at the start and in place of those that broke")
    static let postgresBreaks = Metric(
        "mizu_postgres_connection_failures_total", .counter,
        "Connections that broke or answered too late, and attempts that made none")
    static let replicaReads = Metric(
        "mizu_replica_reads_total", .counter,
        "Reads that a replica has answered to their end (DATABASE_READ_URL)")
    static let replicaMisses = Metric(
        "mizu_replica_misses_total", .counter, labels: ["reason"],
        "Reads that went to the primary because the replica could not answer them")

    // The process.
    static let ready = Metric(
        "mizu_ready", .gauge, "Whether the server takes writes (1), as /readyz says")
    static let build = Metric(
        "mizu_build_info", .info, labels: ["version", "commit"], "The version that runs")
    static let cpuSeconds = Metric(
        "process_cpu_seconds_total", .counter, "CPU time of the process, user and kernel")
    static let residentBytes = Metric(
        "process_resident_memory_bytes", .gauge, "Memory of the process that is resident")
    static let virtualBytes = Metric(
        "process_virtual_memory_bytes", .gauge, "Address space of the process")
    static let openFiles = Metric("process_open_fds", .gauge, "Open file descriptors")
    static let openFilesMax = Metric(
        "process_max_fds", .gauge, "The limit of open file descriptors")
    static let startSeconds = Metric(
        "process_start_time_seconds", .gauge, "Start of the process in seconds since 1970")
}

/// The metrics by subject, in the order of the documentation.
public enum MetricCatalogue {
    public struct Group: Sendable {
        public let title: String
        public let metrics: [Metric]
    }

    public static let groups = [
        Group(
            title: "Requests",
            metrics: [.requests, .requestSeconds, .receivedBytes, .sentBytes]),
        Group(
            title: "Connections",
            metrics: [
                .connections, .accepted, .refused, .ended, .handshakes, .handshakeFailures,
                .messagesReceived, .messagesSent,
            ]),
        Group(
            title: "Loops, queues and memory",
            metrics: [.workers, .lag, .queuedBytes, .heldBytes]),
        Group(
            title: "Topics",
            metrics: [.topics, .subscriptions, .fanOutSizes, .fanOutSeconds, .fanOutsDropped]),
        Group(
            title: "Database",
            metrics: [
                .pushes, .pushesRefused, .commits, .commitConflicts, .commitMutations,
                .commitSeconds, .syncSeconds,
                .waitingMutations, .waitingBytes, .waitingReads, .storeReads, .tailBytes,
                .tailScopes, .sharedPageBytes, .pageCacheBytes,
            ]),
        Group(
            title: "PostgreSQL",
            metrics: [
                .postgresRoundTrips, .postgresSeconds, .postgresConnections, .postgresBreaks,
                .replicaReads, .replicaMisses,
            ]),
        Group(title: "Many machines", metrics: Metric.ofClusters),
        Group(
            title: "Process",
            metrics: [
                .ready, .build, .cpuSeconds, .residentBytes, .virtualBytes, .openFiles,
                .openFilesMax, .startSeconds,
            ]),
    ]

    /// All of them.
    public static var all: [Metric] { groups.flatMap(\.metrics) }
}
