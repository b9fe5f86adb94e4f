// `mizu bench idle` as a value: its settings, one run, its report with the memory of the server's
// process and of the kernel, before and while the connections are held.

import MizuBytes

public struct IdleBench: Sendable {
    public var settings: BenchSettings
    /// For ws and wss: what each connection says first (`{topic}` is filled in), and what the
    /// acknowledgement contains.
    public var subscribe: String?
    public var acknowledgement = #""ack""#
    public var topic = "idle"

    public init(_ settings: BenchSettings) { self.settings = settings }

    /// Memory at one moment.
    private struct Reading {
        var process: ServerProcess.Memory?
        var kernel: ServerProcess.KernelMemory?

        init(_ pid: Int?) throws(BenchFailure) {
            if let pid { process = try ServerProcess(pid).memory }
            kernel = ServerProcess.kernelMemory
        }
    }

    private final class Book {
        var held: Reading?
    }

    /// Runs to the end; blocks.
    /// - Parameter progress: gets a line a few times a second.
    public func run(progress: ((String) -> Void)? = nil) throws(BenchFailure) -> Report {
        let subscribe = try subscribe.map { text throws(BenchFailure) in
            ByteSlice(try MessageTemplate.fill(text, [("topic", topic)]))
        }
        guard settings.url.isWebSocket || subscribe == nil else {
            throw .usage("only ws:// and wss:// can subscribe")
        }
        let request =
            settings.url.isWebSocket
            ? nil : RequestText.make(method: "GET", target: settings.url.target, settings)
        let plan = IdlePlan(
            request: request, subscribe: subscribe, acknowledgement: ByteSlice(acknowledgement))
        let before = try Reading(settings.process)
        let book = Book()
        var run = BenchRun<IdleTalk>(settings, progress: progress)
        let pid = settings.process
        run.ended = { stage in
            if stage == .measuring { book.held = try? Reading(pid) }
        }
        let result = try run.run { share, _ in IdleTalk(plan, share: share) }
        return report(result, before: before, held: book.held)
    }

    private func report(
        _ result: RunResult<IdleFindings>, before: Reading, held: Reading?
    ) -> Report {
        var report = Report("idle", unit: "", settings: settings, result: result)
        let alive = result.findings.reduce(0) { $0 + $1.alive }
        report.add("opening_s", label: "opened in s", .number(result.openingSeconds, digits: 3))
        let rate =
            result.openingSeconds > 0 ? Double(result.connections) / result.openingSeconds : 0
        report.add("opened_per_s", label: "opened/s", .number(rate, digits: 0))
        report.add("alive", label: "alive at the end", .count(alive))
        report.add(
            "told", label: "unasked messages", .count(result.findings.reduce(0) { $0 + $1.told }))
        let count = Double(max(1, result.connections))
        func each(_ key: String, label: String, from: Int?, to: Int?) {
            guard let from, let to else { return }
            report.add(key, label: label, .number(Double(to - from) / count, digits: 1))
        }
        each(
            "anonymous_bytes_each", label: "server, anonymous B each",
            from: before.process?.anonymous, to: held?.process?.anonymous)
        each(
            "resident_bytes_each", label: "server, resident B each",
            from: before.process?.resident, to: held?.process?.resident)
        if let memory = held?.process {
            report.add("anonymous_bytes", label: "server, anonymous", .bytes(memory.anonymous))
            report.add("resident_bytes", label: "server, resident", .bytes(memory.resident))
        }
        // The kernel counts for the whole machine: both ends, if both run on it.
        each(
            "kernel_slab_bytes_each", label: "kernel slab B each",
            from: before.kernel?.slab, to: held?.kernel?.slab)
        each(
            "kernel_socket_bytes_each", label: "kernel sockets B each",
            from: before.kernel?.sockets, to: held?.kernel?.sockets)
        return report
    }
}
