// `mizu bench idle`: the flags of IdleBench.

import ArgumentParser
import MizuBench

struct IdleBenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "idle",
        abstract: "Open connections, hold them, and report what they cost.",
        discussion: """
            A connection to http:// or https:// sends one request and is then held; one to ws:// \
            or wss:// is upgraded, and subscribes with --subscribe. After --duration seconds the \
            memory is read, and each connection must give a sign of life. With --pid the report \
            has the bytes of the server's process for each connection. The kernel's memory is \
            that of the whole machine: of both ends if both run on it. More than 25,000 \
            connections to 127.0.0.0/8 come from several of its addresses.

            EXAMPLES
              mizu bench idle ws://127.0.0.1:8080/ws -c 10000 --pid $(pidof mizu)
              mizu bench idle https://127.0.0.1:8443/ --insecure -c 5000 -d 10 --json
              mizu bench idle ws://127.0.0.1:9000/ws -c 1000 \\
                --subscribe '{"type":"subscribe","topic":"{topic}"}' --topic room
            """)

    @OptionGroup var common: BenchOptions
    @OptionGroup var deflation: DeflateOptions
    @Option(help: "The first message of each socket.")
    var subscribe: String?
    @Option(help: "A text that the acknowledgement contains.")
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
