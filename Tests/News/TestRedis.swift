// A redis-server of a test's own, in a folder of its own: by a unix socket, and over TLS on a free
// port where that is asked for. It ends with the object, and with the process of the tests.

import CLinux
import Foundation
import MizuBytes
import MizuEventLoop
import MizuTransport
import Synchronization
import Testing

@testable import MizuNews

/// Whether tests with Redis are skipped.
let redisIsMissing = !["/usr/bin/redis-server", "/usr/local/bin/redis-server"]
    .contains { (path: String) in access(path, X_OK) == 0 }

/// Not to be shared between threads, but for `url`.
final class TestRedis {
    let folder: String
    private(set) var port: UInt16 = 0
    private let settings: [String]
    private let isSecure: Bool
    private let hasPort: Bool
    private var id: Int32 = 0
    private var ended: Mailbox<Void>?

    /// - Parameters:
    ///   - settings: words of the command, like `--requirepass`, `word`.
    ///   - isSecure: has a port for TLS, with the certificate in `certificate`.
    ///   - hasPort: has a port without TLS.
    init(_ settings: [String] = [], isSecure: Bool = false, hasPort: Bool = false) throws {
        var template = Array("/tmp/mizu-news-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { room -> String? in
            guard let base = room.baseAddress, mkdtemp(base) != nil else { return nil }
            return String(cString: base)
        }
        folder = try #require(made)
        self.settings = settings
        self.isSecure = isSecure
        self.hasPort = hasPort
        if isSecure {
            _ = try TLSSelfSigned.files(at: certificate, now: Int64(time(nil)))
        }
        try start()
    }

    deinit {
        kill()
        try? FileManager.default.removeItem(atPath: folder)
    }

    var socket: String { folder + "/socket" }
    var certificate: String { folder + "/certificate.pem" }
    var url: String { "unix:\(socket)" }

    /// Starts it again after `kill`; returns once it answers.
    func start() throws {
        for _ in 0..<20 {
            unlink(socket)
            if isSecure || hasPort { port = try Self.freePort() }
            try launch()
            let isUp = try eventuallyNow {
                if (try? ask(["PING"])) != nil { return true }
                return hasEnded ? nil : false
            }
            if isUp { return }
            // Somebody else took the port meanwhile.
        }
        Issue.record("redis-server does not start in \(folder)")
    }

    private func launch() throws {
        var words = [
            "redis-server", "--port", hasPort ? String(port) : "0", "--bind", "127.0.0.1",
            "--unixsocket", socket, "--save", "", "--appendonly", "no",
            "--daemonize", "no", "--dir", folder, "--logfile", folder + "/log",
        ]
        if isSecure {
            words += [
                "--tls-port", String(port), "--tls-cert-file", certificate,
                "--tls-key-file", certificate, "--tls-ca-cert-file", certificate,
                "--tls-auth-clients", "no",
            ]
        }
        words += settings
        let ended = try Mailbox<Void>()
        let started = try Mailbox<Int32>()
        try run(words, in: folder, started, ended)
        var ids: [Int32] = []
        _ = try eventuallyNow {
            started.drain(into: &ids)
            return !ids.isEmpty
        }
        id = try #require(ids.first)
        try #require(id > 0)
        self.ended = ended
    }

    private var hasEnded: Bool {
        var mail: [Void] = []
        guard let ended else { return true }
        ended.drain(into: &mail)
        if !mail.isEmpty { self.ended = nil }
        return !mail.isEmpty
    }

    /// Ends it at once, as a machine that fails.
    func kill() {
        guard id > 0 else { return }
        _ = cl_child_signal(id, SIGCONT)
        _ = cl_child_signal(id, SIGKILL)
        _ = try? eventuallyNow { self.hasEnded }
        id = 0
    }

    /// Stops and continues it.
    func pause() { _ = cl_child_signal(id, SIGSTOP) }
    func resume() { _ = cl_child_signal(id, SIGCONT) }

    private static func freePort() throws -> UInt16 {
        let listener = Descriptor(
            owning: try SystemError.check("listen", cl_listen("127.0.0.1", 0, 1, 0)))
        return UInt16(try SystemError.check("getsockname", cl_local_port(listener.raw)))
    }

    // MARK: Asking

    /// What Redis answers to a command, as text; lists as their parts.
    @discardableResult
    func ask(_ words: [String], password: String? = nil) throws -> [String] {
        let socket = try ClientSocket(toPath: socket)
        var out = ByteBuffer(capacity: 64)
        if let password { RESPCommand.append(command: ["AUTH", password], to: &out) }
        RESPCommand.append(command: words, to: &out)
        _ = socket.send(out.readable)
        var input: [UInt8] = []
        var answers = password == nil ? 1 : 2
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)
        defer { room.deallocate() }
        var result: [String] = []
        let isAnswered = try eventuallyNow {
            switch socket.read(into: room) {
            case .bytes(let count, _): input += room[..<count]
            case .wouldBlock: return false
            case .ended, .failed: return nil
            }
            while answers > 0 {
                let consumed: Int? = input.withUnsafeBytes { bytes in
                    guard case .value(let value, let count) = RESPParser().parse(bytes) else {
                        return nil
                    }
                    result = Self.texts(value, bytes)
                    return count
                }
                guard let consumed else { return false }
                input.removeFirst(consumed)
                answers -= 1
            }
            return true
        }
        guard isAnswered else { throw SystemError(call: "recv", errno: ECONNRESET) }
        return result
    }

    private static func texts(_ value: RESPValue, _ bytes: UnsafeRawBufferPointer) -> [String] {
        switch value {
        case .text(let range), .error(let range): [String(decoding: bytes[range], as: UTF8.self)]
        case .integer(let number): [String(number)]
        case .list(let all), .map(let all), .push(let all): all.flatMap { texts($0, bytes) }
        case .null: [""]
        case .boolean(let value): [String(value)]
        }
    }

    /// How many listen to a channel.
    func listeners(of channel: String) throws -> Int {
        Int(try ask(["PUBSUB", "NUMSUB", channel]).last ?? "") ?? -1
    }
}

/// On a thread that lives as long as the child: the kernel ends a child with the thread that started
/// it.
private func run(
    _ words: [String], in folder: String, _ started: Mailbox<Int32>, _ ended: Mailbox<Void>
) throws(SystemError) {
    try startThread("test-redis") {
        let id = spawn(words, in: folder)
        started.post(id)
        if id > 0 {
            var code: Int32 = 0
            while cl_child_reap(id, &code) == 0 { usleep(2_000) }
        }
        ended.post(())
    }
}

private func spawn(_ words: [String], in folder: String) -> Int32 {
    let arguments = words.flatMap { Array($0.utf8CString) }
    return arguments.withUnsafeBufferPointer { arguments in
        "\0".withCString { environment in
            folder.withCString { folder in
                var child = cl_child(
                    arguments: arguments.baseAddress, argument_count: Int32(words.count),
                    environment: environment, environment_count: 0, folder: folder,
                    descriptors: nil, descriptor_count: 0, output: 1, error: 2, program: nil)
                return cl_child_start(&child)
            }
        }
    }
}

/// Looks again and again until `condition` is true, false when that takes a minute or it is nil.
func eventuallyNow(_ condition: () throws -> Bool?) throws -> Bool {
    let deadline = Instant.machine.adding(milliseconds: 60_000)
    while true {
        guard let isTrue = try condition() else { return false }
        if isTrue { return true }
        guard Instant.machine < deadline else { return false }
        usleep(2_000)
    }
}

/// What came of a RedisPubSub. Any thread.
final class Heard: Sendable {
    private let events = Mutex<[String]>([])

    var receive: @Sendable (RedisPubSub.Event) -> Void {
        { event in
            let text =
                switch event {
                case .connected: "connected"
                case .disconnected: "disconnected"
                case .subscribed(let channel): "subscribed \(channel.string)"
                case .message(let channel, let payload):
                    "\(channel.string): \(payload.count < 200 ? payload.string : "\(payload.count) bytes")"
                }
            self.events.withLock { $0.append(text) }
        }
    }

    var all: [String] { events.withLock { $0 } }
    func forget() { events.withLock { $0 = [] } }

    /// Waits until that was heard, that often since `forget`.
    func waits(for event: String, times: Int = 1) throws -> Bool {
        let isHeard = try eventuallyNow { all.filter { $0 == event }.count >= times }
        if !isHeard { Issue.record("\(event) was not heard, but \(all.suffix(20))") }
        return isHeard
    }
}
