// `mizu bench ws`: the flags of EchoBench.

import ArgumentParser
import MizuBench

struct EchoBenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ws",
        abstract: "Send WebSocket messages to an echo server.",
        discussion: """
            Each message differs from the one before it, and the bytes that come back must be the \
            bytes that were sent. --message is a template with {seq} (10 digits), {connection} (7 \
            digits) and {pad}, which fills it up to --size.

            EXAMPLES
              mizu bench ws ws://127.0.0.1:9000/ws
              mizu bench ws wss://127.0.0.1:9443/ws --insecure --size 1000 --inflight 4
              mizu bench ws ws://127.0.0.1:9000/ws --message '{"n":{seq},"text":"{pad}"}'
            """)

    @OptionGroup var common: BenchOptions
    @OptionGroup var deflation: DeflateOptions
    @Option(help: "Bytes of a message.")
    var size = 125
    @Option(help: "Messages in flight on each connection.")
    var inflight = 1
    @Flag(help: "Send binary messages in place of text.")
    var binary = false
    @Option(help: "The template of the message.")
    var message: String?

    func run() throws {
        var settings = try common.settings()
        settings.deflate = deflation.deflation
        var bench = EchoBench(settings)
        bench.size = size
        bench.inFlight = inflight
        bench.kind = binary ? .binary : .text
        bench.message = message
        try common.tell { progress in try bench.run(progress: progress) }
    }
}
