// The figures that every kind of load has, from the outcome of a run.

import MizuBytes

extension Report {
    /// - Parameters:
    ///   - mode: the subcommand.
    ///   - unit: what a message is here, in the plural: `requests`, `echoes`, `deliveries`.
    init<Findings>(
        _ mode: String, unit: String, _ settings: BenchSettings, _ outcome: Outcome<Findings>
    ) {
        let tally = outcome.tally
        faults = tally.faults
        wasInterrupted = outcome.wasInterrupted
        add("mode", "mode", .text(mode))
        let url = "\(settings.url.scheme)://\(settings.url.authority)\(settings.url.target)"
        add("url", "url", .text(url))
        add("connections", "connections", .count(outcome.connections))
        if tally.reopened > 0 { add("reopened", "opened again", .count(tally.reopened)) }
        add("threads", "threads", .count(settings.threads))
        add("seconds", "seconds", .number(outcome.seconds, digits: 3))
        if outcome.connections < settings.connections, faults.total == 0, !wasInterrupted {
            faults.add(Fault(.timeout, "not all connections were open when the load began"))
        }
        guard !unit.isEmpty else { return }
        if tally.messages == 0, faults.total == 0, !wasInterrupted {
            faults.add(Fault(.lost, "nothing at all came in the measured time"))
        }
        add(unit, unit, .count(tally.messages))
        let rate = outcome.seconds > 0 ? Double(tally.messages) / outcome.seconds : 0
        add("\(unit)_per_s", "\(unit)/s", .number(rate, digits: 0))
        add(latency: tally.latency, "latency", "latency")
        add("received_bytes", "received", .bytes(tally.receivedBytes))
        add("sent_bytes", "sent", .bytes(tally.sentBytes))
        addCPU(unit, outcome)
    }

    private mutating func addCPU<Findings>(_ unit: String, _ outcome: Outcome<Findings>) {
        func rate(_ seconds: Double) -> Value {
            .number(seconds > 0 ? Double(outcome.tally.messages) / seconds : 0, digits: 0)
        }
        add("client_cpu_s", "client CPU s", .number(outcome.clientSeconds, digits: 3))
        add(
            "\(unit)_per_client_cpu_s", "\(unit)/client CPU s", rate(outcome.clientSeconds))
        guard let server = outcome.serverSeconds else { return }
        add("server_cpu_s", "server CPU s", .number(server, digits: 3))
        add("\(unit)_per_server_cpu_s", "\(unit)/server CPU s", rate(server))
    }
}
