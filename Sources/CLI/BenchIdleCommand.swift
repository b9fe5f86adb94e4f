// `mizu bench idle`: the flags of IdleBench.

import ArgumentParser
import MizuBench

struct IdleBenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "idle",
        abstract: "Connections that are opened and held: what do they cost?",
        discussion: """
            http:// and https:// get one request each and are then held; ws:// and wss:// are \
            upgraded, and subscribed with --subscribe. After --duration seconds the memory is \
            read, and each connection is asked for a sign of life. --pid tells bytes of the \
            server's process for each connection; what the kernel holds is told apart, for the \
            whole machine, so for both ends where both are on it. Beyond 25,000 connections to \
            127.0.0.0/8 they come from several addresses of it.

            EXAMPLES
              mizu bench idle ws://127.0.0.1:8080/ws -c 10000 --pid $(pidof mizu)
              mizu bench idle https://127.0.0.1:8443/ --insecure -c 5000 -d 10 --json
              mizu bench idle ws://127.0.0.1:9000/ws -c 1000 \\
                --subscribe '{"type":"subscribe","topic":"{topic}"}' --topic room
            """)

    @OptionGroup var common: BenchOptions
    @OptionGroup var deflation: DeflateOptions
    @Option(help: "What each socket says first.")
    var subscribe: String?
    @Option(help: "What the acknowledgement contains.")
    var ack = #""ack""#
    @Option(help: "For {topic}.")
    var topic = "idle"

    func run() throws {
        var settings = try common.settings()
        settings.deflate = deflation.deflation
        var bench = IdleBench(settings)
        bench.subscribe = subscribe
        bench.acknowledgement = ack
        bench.topic = topic
        try common.tell { progress in try bench.run(progress: progress) }
    }
}
