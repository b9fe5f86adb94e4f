// The text of `/metrics`: asks every room for its figures and writes them down. It runs on the
// admin listener's thread, reads words that others write in passing, and takes a few short locks
// once each; no worker waits for it. Holds nothing but references; any thread.

import CBuild
import CLinux
import MizuMetrics
import MizuServer
import MizuSyncService

/// What is known of this build.
package enum BuildFacts {
    package static let version = "0.1.0"

    /// As `git describe` writes it; nil if the build was not told.
    package static var commit: String? {
        let text = String(cString: mizu_build_commit())
        return text.isEmpty ? nil : text
    }
}

struct MetricsPage: Sendable {
    let server: Server
    /// Nil if the app has no database.
    let sync: SyncService?
    let pages: PageStore?

    func text(_ format: MetricsText.Format) -> String {
        var text = MetricsText(format)
        writeProcess(to: &text)
        let figures = ServerFigures(server)
        writeRequests(figures, to: &text)
        writeConnections(figures, to: &text)
        writeLoops(figures, to: &text)
        writeTopics(figures, to: &text)
        if let sync {
            writeDatabase(sync.figures, to: &text)
            if let feed = sync.feedFigures { writeFeed(feed, to: &text) }
            sync.metrics.write(to: &text)
        }
        if let pages { text.write(.pageCacheBytes, pages.byteCount) }
        return text.finish()
    }

    /// Whether writes are taken.
    var isReady: Bool { sync.map { $0.writeObstacle == nil } ?? !server.workers.isDraining }

    private func writeProcess(to text: inout MetricsText) {
        text.begin(.build)
        text.sample(1, ["version": BuildFacts.version, "commit": BuildFacts.commit ?? "unknown"])
        text.write(.ready, isReady ? 1 : 0)
        var usage = cl_usage()
        cl_process_usage(&usage)
        text.write(.cpuSeconds, usage.cpu_seconds)
        text.write(.residentBytes, usage.resident_bytes)
        text.write(.virtualBytes, usage.virtual_bytes)
        // Nobody but root may count those of a process that forbids dumps.
        if usage.descriptors > 0 { text.write(.openFiles, usage.descriptors) }
        text.write(.openFilesMax, usage.descriptors_max)
        text.write(.startSeconds, usage.start_seconds)
    }

    private func writeRequests(_ figures: ServerFigures, to text: inout MetricsText) {
        text.begin(.requests)
        for route in figures.answers {
            for (digit, count) in route.byClass.enumerated() where count > 0 {
                text.sample(
                    count,
                    ["method": route.method, "route": route.pattern, "code": "\(digit)xx"])
            }
        }
        text.write(.requestSeconds, figures.requestSeconds, .seconds)
        text.write(.receivedBytes, figures.sum(.bytesReceived))
        text.write(.sentBytes, figures.sum(.bytesSent))
    }

    private static let kinds: [(WorkerCounters.Phase, String)] = [
        (.http, "http"), (.webSocket, "websocket"), (.handshaking, "handshake"),
        (.proxyHeader, "proxy_header"), (.lingering, "closing"),
    ]

    private func writeConnections(_ figures: ServerFigures, to text: inout MetricsText) {
        text.begin(.connections)
        for (phase, kind) in Self.kinds {
            for isSecure in [false, true] {
                text.sample(
                    figures.connections(in: phase, isSecure: isSecure),
                    ["kind": kind, "tls": "\(isSecure)"])
            }
        }
        text.write(.accepted, figures.sum(.connections))
        text.begin(.refused)
        text.sample(figures.sum(.refusedFull), ["reason": "full"])
        text.sample(figures.sum(.refusedAddress), ["reason": "address"])
        text.begin(.ended)
        for end in figures.ends { text.sample(end.count, ["reason": end.reason]) }
        text.begin(.handshakes)
        for (word, version, isResumed) in [
            (WorkerCounters.Word.handshakes12, "1.2", false),
            (.handshakes12Resumed, "1.2", true), (.handshakes13, "1.3", false),
            (.handshakes13Resumed, "1.3", true),
        ] {
            text.sample(figures.sum(word), ["version": version, "resumed": "\(isResumed)"])
        }
        text.write(.handshakeFailures, figures.sum(.handshakesFailed))
        text.write(.messagesReceived, figures.sum(.messagesReceived))
        text.write(.messagesSent, figures.sum(.messagesSent))
    }

    private func writeLoops(_ figures: ServerFigures, to text: inout MetricsText) {
        text.write(.workers, figures.workers)
        text.write(.lag, figures.lagSeconds, .seconds)
        text.write(.queuedBytes, figures.queuedBytes)
        text.write(.heldBytes, figures.heldBytes)
    }

    private func writeTopics(_ figures: ServerFigures, to text: inout MetricsText) {
        text.write(.topics, figures.sum(.topics))
        text.write(.subscriptions, figures.sum(.subscriptions))
        text.write(.fanOutSizes, figures.fanOutSizes, .counts)
        text.write(.fanOutSeconds, figures.fanOutSeconds, .seconds)
        text.write(.fanOutsDropped, figures.sum(.fanOutsDropped))
    }

    private func writeFeed(_ feed: FeedFigures, to text: inout MetricsText) {
        text.write(.feedLag, Double(feed.incompleteMilliseconds) / 1_000)
        text.write(.feedDelay, feed.delay, .seconds)
        text.write(.feedScopes, feed.scopes)
        text.write(.feedGaps, feed.gaps)
        text.write(.feedCatchUps, feed.catchUps)
        text.write(.newsReceived, feed.received)
        text.write(.readIndexQueries, feed.indexQueries)
        text.write(.readIndexRequests, feed.indexRequests)
    }

    private func writeDatabase(_ figures: SyncFigures, to text: inout MetricsText) {
        text.write(.pushes, figures.pushes)
        text.write(.pushesRefused, figures.refusedPushes)
        text.begin(.commits)
        for (committer, count) in figures.commits.enumerated() {
            text.sample(count, ["committer": "\(committer)"])
        }
        text.write(.commitConflicts, figures.conflicts)
        text.write(.commitMutations, figures.mutations, .counts)
        text.write(.commitSeconds, figures.commitSeconds, .seconds)
        text.write(.syncSeconds, figures.syncSeconds, .seconds)
        text.write(.waitingMutations, figures.waitingMutations)
        text.write(.waitingBytes, figures.waitingBytes)
        text.write(.waitingReads, figures.waitingReads)
        text.write(.storeReads, figures.pageReads)
        text.write(.tailBytes, figures.tailBytes)
        text.write(.tailScopes, figures.tailScopes)
        text.write(.sharedPageBytes, figures.pageBytes)
    }
}
