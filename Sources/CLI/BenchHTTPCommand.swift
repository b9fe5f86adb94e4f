// `mizu bench http`: the flags of HTTPBench.

import ArgumentParser
import Mizu
import MizuBench
import MizuHTTP

struct HTTPBenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "http",
        abstract: "Send requests on kept-alive connections.",
        discussion: """
            A status of 400 and above is an error unless --status names it. --expect and --same \
            check the bodies byte for byte.

            EXAMPLES
              mizu bench http http://127.0.0.1:8080/healthz --expect ok
              mizu bench http https://example.test/ -c 256 -t 2 -d 10 --same
              mizu bench http http://127.0.0.1:9000/ --pipeline 16 --json
              mizu bench http http://127.0.0.1:9000/echo --method POST --body '{"a":1}' \\
                -H 'Content-Type: application/json'
            """)

    @OptionGroup var common: BenchOptions
    @Option(help: "Requests in flight on each connection.")
    var pipeline = 1
    @Option(help: "GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS.")
    var method = "GET"
    @Option(help: "The body of each request.")
    var body: String?
    @Option(help: "The body that every answer must have.")
    var expect: String?
    @Flag(help: "Every answer must have the body of the first.")
    var same = false
    @Option(help: "The status that every answer must have.")
    var status: UInt16?

    func run() throws {
        var bench = HTTPBench(try common.settings())
        guard let known = HTTPMethod.allCases.first(where: { "\($0.name)" == method }),
            known != .other, known != .connect
        else { throw ValidationError("--method cannot be \(method)") }
        bench.method = known
        bench.pipeline = pipeline
        bench.body = body.map { Array($0.utf8) }
        bench.expectedBody = expect.map { Array($0.utf8) }
        bench.comparison = same ? .withFirst : .none
        bench.expectedStatus = status
        try common.tell { progress in try bench.run(progress: progress) }
    }
}
