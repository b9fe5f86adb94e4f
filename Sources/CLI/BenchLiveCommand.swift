// `mizu bench live`: the flags of LiveBench.

import ArgumentParser
import MizuBench

extension LiveBench.Dialect: ExpressibleByArgument {}

struct LiveBenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "live",
        abstract: "Measure fan-out: every connection subscribes, one more publishes.",
        discussion: """
            With --protocol mizu, mutations are pushed to a topic sync:SCOPE by \
            POST /_sync/push and arrive as deltas; other topics get messages from a socket. With \
            --protocol echo, {"type":"subscribe","topic":"T"} subscribes and POST \
            /publish?topic=T publishes, as with echo-server. Other servers are described by \
            templates with {topic}, {run}, {seq}, {pad} and, in --publish and --delivery, \

            EXAMPLES
              mizu bench live ws://127.0.0.1:8080/ws -c 1000
              mizu bench live ws://127.0.0.1:9000/ws --protocol echo -c 10000 --window 2
              mizu bench live wss://127.0.0.1:9443/ws --insecure --protocol echo --rate 50
              mizu bench live ws://127.0.0.1:7000/socket --protocol echo --topic room \\
                --subscribe '{"join":"{topic}"}' --ack joined \\
                --publish '{"say":{message}}' --delivery '{"said":{message}}'
            """)

    @OptionGroup var common: BenchOptions
    @OptionGroup var deflation: DeflateOptions
    @Option(name: .customLong("protocol"), help: "mizu or echo.")
    var dialect = LiveBench.Dialect.mizu
    @Option(help: "The topic to subscribe to.")
    var topic: String?
    @Option(help: "The message that subscribes.")
    var subscribe: String?
    @Option(help: "A text that the acknowledgement contains.")
    var ack: String?
    @Option(help: "How to publish: 'POST /path', or a message.")
    var publish: String?
    @Option(help: "The message to publish.")
    var message: String?
    @Option(help: "The message that must arrive.")
    var delivery: String?
    @Option(help: "Bytes of the published message.")
    var size = 120
    @Option(help: "Publications a second (default: as fast as they are delivered).")
    var rate: Double?
    @Option(help: "Publications under way at once.")
    var window = 1
    @Option(help: "The mutation that is pushed to a sync topic.")
    var mutation = "todo.create"
    @Option(help: "Its arguments, with {id}.")
    var args = BenchDefaults.arguments

    func run() throws {
        var settings = try common.settings()
        settings.deflate = deflation.deflation
        var bench = LiveBench(settings)
        bench.dialect = dialect
        bench.topic = topic
        bench.subscribe = subscribe
        bench.acknowledgement = ack
        bench.publish = publish
        bench.message = message
        bench.delivery = delivery
        bench.size = size
        bench.rate = rate
        bench.window = window
        bench.mutation = mutation
        bench.arguments = args
        try common.tell { progress in try bench.run(progress: progress) }
    }
}
