// A server in this process, on a port of the kernel's choice, with limits that a test chooses, and
// the service and routes that most tests use. Tests look into workers by mail, as everybody does.

import Glibc
import Logging
import MizuAccessLog
import MizuBytes
import MizuDoor
import MizuEventLoop
import MizuHTTP
import MizuRouting
import MizuTransport
import MizuWebSocket
import Synchronization
import Testing

@testable import MizuServer

/// All suites of this room: one after the other, because they count what the process holds.
@Suite("Server", .serialized) struct ServerStorey {}

final class TestServer: Sendable {
    let server: Server
    let workers: Workers
    let later: Later
    let recorder: Recorder
    var port: UInt16 { server.ports[0] }
    var tlsPort: UInt16 { server.tlsPorts[0] }

    init(
        workers count: Int = 1, drainMilliseconds: UInt64 = 2000, accessLog: AccessLog? = nil,
        tls: TLSCertificates? = nil, records: TLSOptions.RecordLayer = .own,
        _ change: (inout ServerLimits) -> Void = { _ in },
        configure: (inout ServerConfiguration) -> Void = { _ in }
    ) throws {
        let (workers, later, recorder) = (try Workers(count: count), Later(), Recorder())
        var configuration = Self.configuration(later, recorder)
        configuration.drainMilliseconds = drainMilliseconds
        configuration.accessLog = accessLog
        configuration.tlsAddresses = [ListenAddress(host: "127.0.0.1", port: 0)]
        configuration.tls = tls
        configuration.tlsOptions.recordLayer = records
        configure(&configuration)
        change(&configuration.limits)
        server = try Server.start(configuration, on: workers)
        (self.workers, self.later, self.recorder) = (workers, later, recorder)
    }

    deinit { stop() }

    /// The routes and the service that most tests use.
    static func configuration(_ later: Later, _ recorder: Recorder) -> ServerConfiguration {
        var configuration = ServerConfiguration(
            addresses: [ListenAddress(host: "127.0.0.1", port: 0)],
            router: router(later), logger: .silent)
        configuration.webSockets = [{ TestService(recorder) }]
        return configuration
    }

    private static func router(_ later: Later) -> Router {
        Router { routes in
            routes.use { request in
                request.user = request.header("x-user")
                return nil
            }
            routes.get("/") { _ in .text("hello") }
            routes.post("/echo") { .json($0.bodySlice()) }
            routes.get("/large") { _ in .json(ByteSlice([UInt8](repeating: 120, count: 8 << 20))) }
            routes.get("/page") { _ in .json(ByteSlice([UInt8](repeating: 120, count: 64 << 10))) }
            routes.get("/who") { .text("\($0.peer.text) \($0.isSecure)") }
            routes.get("/later") { request in
                later.add(request.exchange)
                return .pending
            }
            routes.post("/later") { request in
                later.add(request.exchange)
                return .pending
            }
            routes.get("/ws") { _ in .upgradeToWebSocket(service: 0) }
        }
    }

    /// Ends the server; returns when its workers have ended.
    func stop() {
        server.drain()
        waitUntilFinished()
    }

    /// - Returns: whether it has ended within a minute.
    @discardableResult
    func waitUntilFinished() -> Bool { eventually { server.hasFinished } }

    func client(receiveBytes: Int32? = nil, from: UInt32? = nil) -> RawClient {
        RawClient(port, receiveBytes: receiveBytes, from: from)
    }

    /// A client that speaks WebSocket, and its token.
    func socket(receiveBytes: Int32? = nil) throws -> (RawClient, Token) {
        let before = recorder.opened.count
        let client = client(receiveBytes: receiveBytes)
        try #require(client.upgrade())
        try #require(eventually { recorder.opened.count > before })
        return (client, recorder.opened[before])
    }

    /// What `body` finds on a worker's thread.
    func on<Value: Sendable>(
        worker: Int = 0, _ body: @escaping @Sendable (Worker) -> Value
    ) throws -> Value {
        let box = Box<Value>()
        workers.perform(on: worker) { worker in box.set(body(worker)) }
        try #require(eventually { box.value != nil })
        return try #require(box.value)
    }

    func connectionCount() throws -> Int {
        var count = 0
        for index in 0..<workers.count {
            count += try on(worker: index) { $0.connections.count }
        }
        return count
    }

    /// Whether every connection goes without anything more being done.
    func becomesEmpty() throws -> Bool {
        for _ in 0..<12_000 {
            if try connectionCount() == 0 { return true }
            _ = poll(nil, 0, 5)
        }
        return false
    }
}

final class Box<Value: Sendable>: Sendable {
    private let content = Mutex<Value?>(nil)
    var value: Value? { content.withLock { $0 } }
    func set(_ value: Value) { content.withLock { $0 = value } }
}

/// Exchanges that wait for an answer from another thread.
final class Later: Sendable {
    private let exchanges = Mutex<[ExchangeID]>([])

    func add(_ exchange: ExchangeID) { exchanges.withLock { $0.append(exchange) } }

    /// The next one that came; waits for it.
    func next() throws -> ExchangeID {
        var found: ExchangeID?
        _ = eventually {
            found = exchanges.withLock { $0.isEmpty ? nil : $0.removeFirst() }
            return found != nil
        }
        return try #require(found)
    }
}

/// What a service was told, for the test's thread.
final class Recorder: Sendable {
    private let state = Mutex(
        (opened: [Token](), closed: [Token](), heard: [String](), rooms: 0))

    var opened: [Token] { state.withLock { $0.opened } }
    var closed: [Token] { state.withLock { $0.closed } }
    var heard: [String] { state.withLock { $0.heard } }
    var rooms: Int { state.withLock { $0.rooms } }
    func open(_ socket: Token) { state.withLock { $0.opened.append(socket) } }
    func close(_ socket: Token) { state.withLock { $0.closed.append(socket) } }
    func hear(_ text: String) { state.withLock { $0.heard.append(text) } }
    func room() { state.withLock { $0.rooms += 1 } }
}

/// Sends back what it hears; `flood` fills a socket, `bye` closes it.
final class TestService: WebSocketService {
    private let recorder: Recorder
    private var slices: [Token] = []

    init(_ recorder: Recorder) { self.recorder = recorder }

    func opened(_ socket: Token, request: borrowing Request, on worker: Worker) {
        recorder.open(socket)
    }
    func closed(_ socket: Token, on worker: Worker) { recorder.close(socket) }
    func hasRoom(_ socket: Token, on worker: Worker) { recorder.room() }
    func heartbeat(_ socket: Token, on worker: Worker) {
        worker.send(text: "still here", to: socket)
    }
    func draining(_ socket: Token, on worker: Worker) {
        worker.send(text: "going", to: socket)
    }

    func received(
        _ payload: UnsafeRawBufferPointer, as kind: MessageKind, from socket: Token,
        on worker: Worker
    ) {
        let text = String(decoding: payload, as: UTF8.self)
        recorder.hear(text)
        switch text {
        case "bye": worker.close(socket, code: 1000, reason: "as asked")
        case "slices": slices = recorder.opened
        default: worker.send(payload, as: kind, to: socket)
        }
    }

    func work(on worker: Worker) -> ServiceWork {
        guard let socket = slices.popLast() else { return .done }
        worker.send(text: "slice", to: socket)
        return slices.isEmpty ? .done : .more
    }
}

extension TransferPace {
    /// Windows of that length without grace, at a pace of 10,000 B/s: far
    /// above what tests trickle, far below what a client takes that reads.
    static func milliseconds(_ milliseconds: UInt64) -> TransferPace {
        TransferPace(
            graceMilliseconds: 0, windowMilliseconds: milliseconds, bytesPerSecondMin: 10_000)
    }
}

extension Logger {
    static var silent: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}
