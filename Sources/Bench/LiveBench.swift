// `mizu bench live` as a value: its settings, one run, its report.

import MizuBytes
import MizuEventLoop

public struct LiveBench: Sendable {
    public var settings: BenchSettings
    public var dialect = Dialect.mizu
    /// Nil: one that is new in each run.
    public var topic: String?
    /// What subscribes, and what its acknowledgement contains; nil: as the dialect has it.
    public var subscribe: String?
    public var acknowledgement: String?
    /// `POST /path`, or a text message; nil: as the dialect has it.
    public var publish: String?
    /// What is published, and what arrives of it; nil: as the dialect has it.
    public var message: String?
    public var delivery: String?
    /// Bytes of the published message.
    public var size = 120
    /// Publications a second; nil: as fast as they are delivered, `window` under way at once.
    public var rate: Double?
    public var window = 1
    /// For sync topics.
    public var mutation = "todo.create"
    public var arguments = BenchDefaults.arguments

    /// Whose words are spoken.
    public enum Dialect: String, Sendable, CaseIterable {
        /// protocol.md: `sync:` topics by pushes and deltas, other topics by messages.
        case mizu
        /// echo-server's.
        case echo
    }

    public init(_ settings: BenchSettings) { self.settings = settings }

    /// Runs to the end; blocks.
    /// - Parameter progress: gets a line a few times a second.
    public func run(progress: ((String) -> Void)? = nil) throws(BenchFailure) -> Report {
        guard settings.url.isWebSocket else { throw .usage("this speaks to ws:// or wss://") }
        guard (1...Publications.ringCount / 2) ~= window else {
            throw .usage("the window must be 1 to \(Publications.ringCount / 2)")
        }
        guard rate.map({ $0 >= 0.001 && $0 <= 1e6 }) ?? true else {
            throw .usage("the rate must be 0.001 to 1,000,000 publications a second")
        }
        guard (0...EchoBench.sizeMax) ~= size else {
            throw .usage("the size must be 0 to \(EchoBench.sizeMax)")
        }
        let plan = try plan(run: BenchDefaults.runName())
        // Threads beyond the connections have no subscriber.
        let publications = Publications(threads: min(settings.threads, settings.connections))
        let settings = settings
        var result = try BenchRun<LiveTalk>(settings, progress: progress).run { share, inbox in
            LiveTalk(
                plan, settings: settings, publications: publications, share: share, inbox: inbox)
        }
        result.connections = max(0, result.connections - 1)  // the one that publishes
        return report(result, publications)
    }

    private func report(_ result: RunResult<LiveFindings>, _ publications: Publications) -> Report {
        var report = Report("live", unit: "deliveries", settings: settings, result: result)
        let found = result.findings.reduce(LiveFindings()) { $0.adding($1) }
        let rate = result.seconds > 0 ? Double(found.published) / result.seconds : 0
        report.add("published", label: "published", .count(publications.published))
        report.add("published_per_s", label: "published/s", .number(rate, digits: 1))
        report.add(latency: publications.toAll, "to_all", label: "to all")
        report.add("message_bytes", label: "bytes of a delivery", .count(found.messageBytes))
        report.add("lost", label: "lost", .count(result.tally.faults[.lost]))
        report.add("doubled", label: "doubled", .count(result.tally.faults[.doubled]))
        report.add("out_of_order", label: "out of order", .count(result.tally.faults[.disordered]))
        if dialect == .mizu {
            report.add("pokes", label: "pokes in place of deltas", .count(found.pokes))
        }
        if self.rate != nil { report.add("late", label: "published late", .count(found.late)) }
        return report
    }
}

/// What several kinds of load begin with.
public enum BenchDefaults {
    /// The arguments of `todo.create`.
    public static let arguments = #"{"id":"{id}","title":"{seq} {pad}"}"#

    /// Eight letters that no other run has.
    static func runName() -> String {
        let letters = Array("abcdefghijkmnpqrstuvwxyz23456789".utf8)
        return String(
            decoding: Randomness.bytes(8).map { letters[Int($0) % letters.count] }, as: UTF8.self)
    }
}
