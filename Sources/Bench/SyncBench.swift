// `mizu bench sync` as a value: its settings, one run, its report.

import MizuBytes

public struct SyncBench: Sendable {
    public var settings: BenchSettings
    /// Nil: one that is new in each run.
    public var scope: String?
    /// Mutations of a push.
    public var batch = 1
    /// Connections that pull, besides those that push.
    public var pullers = 1
    /// WebSockets that are told of what is pushed.
    public var listeners = 1
    /// Milliseconds that a puller waits when it has all.
    public var pullMilliseconds = 50
    public var mutation = "todo.create"
    /// A template of a JSON object; `{id}` is the mutation's id.
    public var arguments = BenchDefaults.arguments
    /// Bytes of the arguments.
    public var size = 120

    public static let batchMax = 100
    public static let pullersMax = 64
    public static let listenersMax = 1_000

    public init(_ settings: BenchSettings) { self.settings = settings }

    /// Runs to the end; blocks.
    /// - Parameter progress: gets a line a few times a second.
    public func run(progress: ((String) -> Void)? = nil) throws(BenchFailure) -> Report {
        guard !settings.url.isWebSocket else { throw .usage("this asks http:// or https://") }
        guard (1...Self.batchMax) ~= batch else {
            throw .usage("a push must have 1 to \(Self.batchMax) mutations")
        }
        guard (1...Self.pullersMax) ~= pullers else {
            throw .usage("pullers must be 1 to \(Self.pullersMax)")
        }
        guard (0...Self.listenersMax) ~= listeners else {
            throw .usage("listeners must be 0 to \(Self.listenersMax)")
        }
        guard (0...60_000) ~= pullMilliseconds, (0...65_536) ~= size else {
            throw .usage("the pause must be 0 to 60000 ms, the size 0 to 65536 bytes")
        }
        let plan = try plan()
        var result = try BenchRun<SyncTalk>(settings, progress: progress).run { share, _ in
            SyncTalk(plan, share: share)
        }
        result.connections = max(0, result.connections - pullers - listeners)
        let (faults, unacknowledged) = SyncFindings.compare(result.findings)
        result.tally.faults.merge(faults)
        return report(result, unacknowledged)
    }

    private func plan() throws(BenchFailure) -> SyncPlan {
        let run = BenchDefaults.runName()
        let scope = scope ?? "bench-\(run)"
        let check = try ChangeCheck(
            name: mutation, id: "{run}-{connection}-{seq}", arguments: arguments, run: run,
            size: size)
        var sample = ByteBuffer(capacity: 1024)
        check.appendMutation(sequence: 0, connection: 0, to: &sample)
        let client = "\(run)-" + String(repeating: "0", count: MessageTemplate.connectionWidth)
        let bytes =
            SyncPlan.opening(scope: scope, client: client).count + batch * (sample.count + 1) + 1
        return SyncPlan(
            check: check, run: run, scope: scope, batch: batch, pushers: settings.connections,
            pullers: pullers, listeners: listeners, socketTarget: base + "/ws",
            pullPause: UInt64(pullMilliseconds) * 1_000_000,
            pushHead: head("/_sync/push", bytes: bytes), pullHead: openHead("/_sync/pull"),
            snapshotHead: openHead("/_sync/snapshot"))
    }

    private func head(_ target: String, bytes: Int) -> ByteSlice {
        let whole = RequestText.make(
            method: "POST", target: base + target, settings,
            body: [UInt8](repeating: 0x30, count: bytes), mediaType: "application/json")
        return whole[0..<whole.count - bytes]
    }

    /// A head that ends after `Content-Length: `.
    private func openHead(_ target: String) -> ByteSlice {
        let whole = head(target, bytes: 0)
        return whole[0..<whole.count - 5]
    }

    /// What stands before `/_sync` in paths: the URL's own path.
    private var base: String {
        let path = settings.url.target.prefix { $0 != "?" }
        return String(path.hasSuffix("/") ? path.dropLast() : path)
    }

    private func report(_ result: RunResult<SyncFindings>, _ unacknowledged: Int) -> Report {
        var report = Report("sync", unit: "mutations", settings: settings, result: result)
        let pushes = result.findings.reduce(0) { $0 + $1.pushes }
        let pulls = result.findings.reduce(0) { $0 + $1.pulls }
        var latency = Histogram()
        for findings in result.findings { latency.merge(findings.pullLatency) }
        report.add("pushes", label: "pushes", .count(pushes))
        report.add("pulls", label: "pulls", .count(pulls))
        report.add(latency: latency, "pull_latency", label: "pull")
        addDeltas(of: result.findings, to: &report)
        let acknowledged = result.findings.reduce(0) { sum, findings in
            sum + findings.acknowledged.reduce(0) { $0 + $1.count }
        }
        report.add("acknowledged", label: "acknowledged in all", .count(acknowledged))
        report.add("unacknowledged", label: "pulled without an answer", .count(unacknowledged))
        report.add(
            "foreign", label: "changes of others",
            .count(result.findings.reduce(0) { $0 + $1.foreign }))
        report.add("lost", label: "lost", .count(result.tally.faults[.lost]))
        report.add("doubled", label: "doubled", .count(result.tally.faults[.doubled]))
        return report
    }

    /// What listeners were told, and how long after the push and after its answer.
    private func addDeltas(of all: [SyncFindings], to report: inout Report) {
        guard listeners > 0 else { return }
        var (latency, after) = (Histogram(), Histogram())
        for findings in all {
            latency.merge(findings.deltaLatency)
            after.merge(findings.deltaAfterAnswer)
        }
        report.add(latency: latency, "delta_latency", label: "delta")
        report.add(latency: after, "delta_after_answer", label: "delta after answer")
        report.add("deltas", label: "deltas' changes", .count(all.reduce(0) { $0 + $1.deltas }))
        report.add("pokes", label: "pokes", .count(all.reduce(0) { $0 + $1.pokes }))
    }
}
