// `mizu bench sync`: the flags of SyncBench.

import ArgumentParser
import MizuBench

struct SyncBenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sync",
        abstract: "Push mutations, pull changes, and check them against each other.",
        discussion: """
            Each connection is a client that pushes mutations with ids of their own; --pullers \
            more pull the changes, and --listeners more are told of them over /ws. Every result \
            must be ok and every cursor the next one, and in the end each acknowledged mutation \
            must have been pulled once, at the same cursor. Latency is told apart of pushes, of \
            pulls, and of deltas, from the push and from its answer on (for the pushes of one \
            thread). Without --scope each run has a scope of its own. The URL's path is put \
            before /_sync and /ws.

            EXAMPLES
              mizu bench sync http://127.0.0.1:8080/
              mizu bench sync https://127.0.0.1:8443/ --insecure -c 16 --batch 20 -d 10
              mizu bench sync http://127.0.0.1:8080/ --mutation note.write \\
                --args '{"id":"{id}","text":"{pad}"}' --size 400
            """)

    @OptionGroup var common: BenchOptions
    @Option(help: "Mutations in each push.")
    var batch = 1
    @Option(help: "Connections that pull.")
    var pullers = 1
    @Option(help: "WebSockets that are told of what is pushed.")
    var listeners = 1
    @Option(help: "Milliseconds between the pulls of a client that has everything.")
    var pullPause = 50
    @Option(help: "The scope to push to.")
    var scope: String?
    @Option(help: "The mutation's name.")
    var mutation = "todo.create"
    @Option(help: "Its arguments, with {id}.")
    var args = BenchDefaults.arguments
    @Option(help: "Bytes of the arguments, if they have {pad}.")
    var size = 120

    func run() throws {
        var bench = SyncBench(try common.settings())
        bench.batch = batch
        bench.pullers = pullers
        bench.listeners = listeners
        bench.pullMilliseconds = pullPause
        bench.scope = scope
        bench.mutation = mutation
        bench.arguments = args
        bench.size = size
        try common.tell { progress in try bench.run(progress: progress) }
    }
}
