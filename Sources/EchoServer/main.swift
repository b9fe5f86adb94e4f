// echo-server: the smallest server on the public parts, a target for load generators and outside
// suites. `GET /` says hello, `/ws` sends every message back. No limit for an address, no Origin
// check, no compression.

import CLinux
import Glibc
import Logging
import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuRouting
import MizuServer
import MizuTransport
import MizuWebSocket

/// What the command line says.
struct Options {
    var address = ListenAddress(host: "127.0.0.1", port: 9000)
    var workers = Int(cl_cpu_count())

    /// - Throws: what is wrong, for one line to a person.
    init(_ arguments: [String]) throws(UsageError) {
        var rest = arguments.dropFirst()
        while let flag = rest.popFirst() {
            let parts = flag.split(separator: "=", maxSplits: 1).map(String.init)
            guard let name = parts.first, ["--addr", "--workers"].contains(name) else {
                throw UsageError(text: "unknown argument \(flag)")
            }
            guard let value = parts.count > 1 ? parts[1] : rest.popFirst() else {
                throw UsageError(text: "\(name) needs a value")
            }
            if name == "--addr", let address = ListenAddress(value) {
                self.address = address
            } else if name == "--workers", let workers = Int(value), (1...1024) ~= workers {
                self.workers = workers
            } else {
                throw UsageError(text: "\(name) cannot be \(value)")
            }
        }
    }
}

struct UsageError: Error {
    let text: String
}

/// Sends every message back as it came.
final class EchoService: WebSocketService {
    func opened(_ socket: Token, request: borrowing Request, on worker: Worker) {}
    func closed(_ socket: Token, on worker: Worker) {}

    func received(
        _ payload: UnsafeRawBufferPointer, as kind: MessageKind, from socket: Token,
        on worker: Worker
    ) {
        worker.send(payload, as: kind, to: socket)
    }
}

func say(_ text: String, to descriptor: Int32) {
    let bytes = Array(text.utf8)
    _ = bytes.withUnsafeBytes { cl_write(descriptor, $0.baseAddress, $0.count) }
}

/// - Returns: the exit code.
func serve(_ options: Options) -> Int32 {
    let hello = Response.text("Hello, World!")
    let router = Router { routes in
        routes.get("/") { _ in hello }
        routes.get("/ws") { _ in .upgradeToWebSocket(service: 0) }
    }
    var configuration = ServerConfiguration(
        addresses: [options.address], router: router, logger: Logger(label: "echo-server"))
    configuration.compression = .none
    configuration.defaults = .none
    configuration.limits.messageBytesMax = 16 << 20
    configuration.limits.sendQueueBytesMax = 64 << 20
    configuration.limits.sendQueueMessagesMax = 1 << 20
    configuration.webSockets = [{ EchoService() }]
    do {
        cl_raise_open_files()
        let lifetime = try ProcessLifetime()
        let server = try Server.start(configuration, on: Workers(count: options.workers))
        say("listening on http://\(options.address.authority(port: server.ports[0]))\n", to: 1)
        lifetime.run(server)
        return 0
    } catch {
        say("echo-server: \(error)\n", to: 2)
        return 1
    }
}

do {
    exit(serve(try Options(CommandLine.arguments)))
} catch {
    say("echo-server: \(error.text)\nusage: echo-server [--addr HOST:PORT] [--workers N]\n", to: 2)
    exit(2)
}
