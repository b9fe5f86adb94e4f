// `mizu bench`: loads of several kinds on any server. What all kinds share on the command line, and
// how a run's report leaves: JSON or a table on standard output, a line of progress on standard
// error if that is a terminal. The work is MizuBench's.
//
// Exit codes: 0, all that came was what had to come; 1, something was wrong, or could not be
// measured; 64, the arguments cannot be meant (sysexits(3), as ArgumentParser has it).

import ArgumentParser
import CLinux
import Mizu
import MizuBench
import MizuTransport

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Put load on a server, check every answer, and report how fast it was.",
        discussion: """
            For any server of HTTP/1.1 or WebSocket, with TLS if the URL says https or wss. \
            Every run ends by itself; Ctrl-C ends it early and still reports what was measured.

            Exit code 0: every answer was right. 1: a byte was wrong, a message was lost, or a \
            connection was refused. 64: wrong arguments.

            EXAMPLES
              mizu bench http http://127.0.0.1:8080/healthz
              mizu bench ws ws://127.0.0.1:9000/ws --connections 64
            """,
        subcommands: [
            HTTPBenchCommand.self, EchoBenchCommand.self, LiveBenchCommand.self,
            IdleBenchCommand.self, SyncBenchCommand.self,
        ])
}

/// Options of every kind of load.
struct BenchOptions: ParsableArguments {
    @Argument(help: "http://, https://, ws:// or wss://, with host, port and path.")
    var url: String
    @Option(name: [.short, .long], help: "Connections in all.")
    var connections = 64
    @Option(name: [.short, .long], help: "Threads, each with its own event loop.")
    var threads = 1
    @Option(name: [.short, .long], help: "Seconds to measure.")
    var duration = 5.0
    @Option(help: "Seconds of load before the measurement.")
    var warmup = 0.0
    @Option(help: "Seconds to wait for answers after the last request.")
    var grace = 2.0
    @Option(help: "Seconds that a connection may take to open.")
    var timeout = 10.0
    @Option(help: "Connections that each thread opens at once.")
    var opening = 128
    @Option(
        name: [.customShort("H"), .long], help: "A header field of each request: 'Name: value'.")
    var header: [String] = []
    @Flag(help: "Accept any certificate.")
    var insecure = false
    @Option(help: "A PEM file of certificates to trust in place of the system's.")
    var ca: String?
    @Option(
        help:
            "The server's process ID, to report its processor time and memory (not its children's)."
    )
    var pid: Int?
    @Flag(help: "One JSON object on standard output.")
    var json = false

    func settings() throws -> BenchSettings {
        var settings = BenchSettings(url: try asUsage { try BenchURL(url) })
        settings.connections = connections
        settings.threads = threads
        settings.duration = duration
        settings.warmup = warmup
        settings.grace = grace
        settings.openTimeout = timeout
        settings.openingMax = max(1, opening)
        settings.headers = try header.map { line in
            guard let colon = line.firstIndex(of: ":") else {
                throw ValidationError("write a header as 'Name: value', not '\(line)'")
            }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            return (String(line[..<colon]), String(value))
        }
        settings.trust = insecure ? .anybody : ca.map { .file($0) } ?? .system
        settings.process = pid
        return settings
    }

    /// Runs `bench`, prints the report, and throws the exit code if something was wrong.
    func tell(_ bench: (((String) -> Void)?) throws -> Report) throws {
        let isSeen = cl_is_terminal(2) == 1 && !json
        let watcher: ((String) -> Void)? = isSeen ? { Self.showProgress($0) } : nil
        let report: Report = try asUsage { try bench(watcher) }
        if isSeen { Self.showProgress("") }
        print(json ? report.json.string : report.table, terminator: json ? "\n" : "")
        if !report.isClean { throw ExitCode(1) }
    }

    /// One line that replaces the one before it.
    private static func showProgress(_ text: String) {
        let bytes = Array(("\r\u{1B}[K" + text).utf8)
        _ = bytes.withUnsafeBytes { cl_write(2, $0.baseAddress, $0.count) }
    }
}

/// Options of loads that speak WebSocket.
struct DeflateOptions: ParsableArguments {
    @Flag(help: "Offer permessage-deflate, and compress messages if the server agrees.")
    var deflate = false
    @Flag(help: "Like --deflate, and ask that each of the server's messages stands alone.")
    var deflateFresh = false

    var deflation: BenchSettings.Deflation {
        deflateFresh ? .fresh : deflate ? .offered : .off
    }
}

/// Makes what cannot be meant a usage error, and what cannot be done a plain one.
func asUsage<R>(_ body: () throws -> R) throws -> R {
    do {
        return try body()
    } catch let failure as BenchFailure {
        if case .usage(let text) = failure { throw ValidationError(text) }
        StandardErrorLog.say("mizu bench: \(failure)")
        throw ExitCode.failure
    }
}
