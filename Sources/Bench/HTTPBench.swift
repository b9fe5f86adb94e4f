// `mizu bench http` as a value: its settings, one run, its report.

import MizuBytes
import MizuHTTP

public struct HTTPBench: Sendable {
    public var settings: BenchSettings
    public var method = HTTPMethod.get
    public var body: [UInt8]?
    public var mediaType: String?
    /// Requests in flight on each connection.
    public var pipeline = 1
    /// The body that every answer must have.
    public var expectedBody: [UInt8]?
    /// Whether every body must be that of the first answer.
    public var comparison = Comparison.none
    /// The status that every answer must have; nil: any below 400.
    public var expectedStatus: UInt16?

    public enum Comparison: Sendable { case none, withFirst }
    public static let pipelineMax = 1024

    public init(_ settings: BenchSettings) { self.settings = settings }

    /// Runs to the end; blocks.
    /// - Parameter progress: gets a line a few times a second.
    public func run(progress: ((String) -> Void)? = nil) throws(BenchFailure) -> Report {
        guard !settings.url.isWebSocket else {
            throw .usage("mizu bench http needs http:// or https://; for ws:// use `mizu bench ws`")
        }
        guard (1...Self.pipelineMax) ~= pipeline else {
            throw .usage("the pipeline must be 1 to \(Self.pipelineMax)")
        }
        let plan = HTTPPlan(
            request: RequestText.make(
                method: "\(method.name)", target: settings.url.target, settings, body: body,
                mediaType: mediaType),
            method: method, pipeline: pipeline,
            body: expectedBody.map { .exactly(ByteSlice($0)) }
                ?? (comparison == .withFirst ? .same : .any),
            status: expectedStatus)
        var result = try BenchRun<HTTPTalk>(settings, progress: progress).run { share, _ in
            HTTPTalk(plan, share: share)
        }
        // Threads have each a first answer of their own.
        let firsts = Set(result.findings.compactMap { $0 })
        if firsts.count > 1 {
            result.tally.faults.add(Fault(.wrong, "two threads got two different bodies"))
        }
        var report = Report("http", unit: "requests", settings: settings, result: result)
        let statuses = result.tally.statuses.sorted { $0.key < $1.key }
        report.add("statuses", label: "statuses", .counts(statuses.map { ("\($0.key)", $0.value) }))
        return report
    }
}
