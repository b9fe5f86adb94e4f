// The figures that every kind of load has, from the result of a run.

import MizuBytes

extension Report {
    /// - Parameters:
    ///   - mode: the subcommand.
    ///   - unit: what a message is here, in the plural: `requests`, `echoes`, `deliveries`.
    init<Findings>(
        _ mode: String, unit: String, settings: BenchSettings, result: RunResult<Findings>
    ) {
        let tally = result.tally
        faults = tally.faults
        wasInterrupted = result.wasInterrupted
        add("mode", label: "mode", .text(mode))
        let url = "\(settings.url.scheme)://\(settings.url.authority)\(settings.url.target)"
        add("url", label: "url", .text(url))
        add("connections", label: "connections", .count(result.connections))
        if tally.reopened > 0 { add("reopened", label: "opened again", .count(tally.reopened)) }
        add("threads", label: "threads", .count(settings.threads))
        add("seconds", label: "seconds", .number(result.seconds, digits: 3))
        if result.connections < settings.connections, faults.total == 0, !wasInterrupted {
            faults.add(Fault(.timeout, "not all connections were open when the load began"))
        }
        guard !unit.isEmpty else { return }
        if tally.messages == 0, faults.total == 0, !wasInterrupted {
            faults.add(Fault(.lost, "nothing at all came in the measured time"))
        }
        add(unit, label: unit, .count(tally.messages))
        let rate = result.seconds > 0 ? Double(tally.messages) / result.seconds : 0
        add("\(unit)_per_s", label: "\(unit)/s", .number(rate, digits: 0))
        add(latency: tally.latency, "latency", label: "latency")
        add("received_bytes", label: "received", .bytes(tally.receivedBytes))
        add("sent_bytes", label: "sent", .bytes(tally.sentBytes))
        addCPU(unit, result)
    }

    private mutating func addCPU<Findings>(_ unit: String, _ result: RunResult<Findings>) {
        func rate(_ seconds: Double) -> Value {
            .number(seconds > 0 ? Double(result.tally.messages) / seconds : 0, digits: 0)
        }
        add("client_cpu_s", label: "client CPU s", .number(result.clientSeconds, digits: 3))
        add(
            "\(unit)_per_client_cpu_s", label: "\(unit)/client CPU s", rate(result.clientSeconds))
        guard let server = result.serverSeconds else { return }
        add("server_cpu_s", label: "server CPU s", .number(server, digits: 3))
        add("\(unit)_per_server_cpu_s", label: "\(unit)/server CPU s", rate(server))
    }
}
