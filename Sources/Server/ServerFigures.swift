// What all workers of a server have counted, summed for whoever asks: a scrape. Any thread; it
// disturbs no worker, because it reads words that they write in passing.

import MizuHTTP
import MizuMetrics
import MizuRouting

/// The sums of a server's workers at one moment, more or less.
package struct ServerFigures {
    private let counters: [WorkerCounters]
    private let router: Router
    package let queuedBytes: Int
    package let heldBytes: Int
    package let workers: Int

    package init(_ server: Server) {
        counters = server.counters
        router = server.configuration.router
        queuedBytes = server.workers.queued.bytes
        heldBytes = server.memory.bytes
        workers = server.workers.count
    }

    package func sum(_ word: WorkerCounters.Word) -> UInt64 { sum(at: word.rawValue) }

    private func sum(at index: Int) -> UInt64 {
        counters.reduce(0) { $0 &+ $1.words[index] }
    }

    private func histogram(at index: Int, _ layout: HistogramBounds) -> HistogramSample {
        counters.reduce(into: HistogramSample(layout)) { $0.add($1.words, at: index) }
    }

    package var requestSeconds: HistogramSample {
        histogram(at: WorkerCounters.requestSeconds, .seconds)
    }
    package var lagSeconds: HistogramSample { histogram(at: WorkerCounters.lagSeconds, .seconds) }
    package var fanOutSizes: HistogramSample { histogram(at: WorkerCounters.fanOutSizes, .counts) }
    package var fanOutSeconds: HistogramSample {
        histogram(at: WorkerCounters.fanOutSeconds, .seconds)
    }

    /// Connections that are in a phase now. What one word had before another was read may make a
    /// difference of a few; it is never shown as less than none.
    package func connections(in phase: WorkerCounters.Phase, isSecure: Bool) -> Int {
        let word = WorkerCounters.phases + 2 * phase.rawValue + (isSecure ? 1 : 0)
        return max(0, Int(truncatingIfNeeded: sum(at: word)))
    }

    /// Connections that were ended, by reason, in words of a label.
    package var ends: [(reason: String, count: UInt64)] {
        CloseReason.allCases.compactMap { reason in
            reason.label.map { ($0, sum(at: WorkerCounters.ends + Int(reason.rawValue))) }
        }
    }

    /// Answers of a route by the first digit of the status.
    package struct RouteAnswers {
        package let method: String
        package let pattern: String
        /// At 2 those of 200 to 299, and so on.
        package var byClass = [UInt64](repeating: 0, count: WorkerCounters.wordsOfRoute)
    }

    /// Label values of routes that are told apart; those behind share one.
    package static let routesMax = 500

    /// By method and pattern; those that answered nothing yet are left out.
    package var answers: [RouteAnswers] {
        var found: [RouteAnswers] = []
        var places: [String: Int] = [:]
        for route in -1..<router.routeCount {
            let first = WorkerCounters.routes + (route + 1) * WorkerCounters.wordsOfRoute
            let counts = (0..<WorkerCounters.wordsOfRoute).map { sum(at: first + $0) }
            guard counts.contains(where: { $0 > 0 }) else { continue }
            var name = router.name(of: route) ?? ("any", "none")
            if found.count >= Self.routesMax, places["\(name)"] == nil { name = ("any", "other") }
            let place = places["\(name)"] ?? found.count
            if place == found.count {
                places["\(name)"] = place
                found.append(RouteAnswers(method: name.method, pattern: name.pattern))
            }
            for (digit, count) in counts.enumerated() { found[place].byClass[digit] &+= count }
        }
        return found
    }
}

extension CloseReason {
    /// What a reason is called in metrics; nil for those that only follow another.
    var label: String? {
        switch self {
        case .peerEnded: "peer_ended"
        case .broken: "broken"
        case .tlsFailed: "tls_failed"
        case .noProxyHeader: "no_proxy_header"
        case .slowHandshake: "slow_handshake"
        case .slowHead: "slow_head"
        case .slowBody: "slow_body"
        case .slowMessage: "slow_message"
        case .slowHandler: "slow_handler"
        case .slowReader: "slow_reader"
        case .silent: "silent"
        case .idle: "idle"
        case .closeUnanswered: "close_unanswered"
        case .brokenStream: "broken_stream"
        case .crowdedOut: "crowded_out"
        case .addressMemory: "address_memory"
        case .memory: "memory"
        case .drain: "drain"
        case .workerEnded: "worker_ended"
        case .lingered, .finished, .turnedAway: nil
        }
    }
}
