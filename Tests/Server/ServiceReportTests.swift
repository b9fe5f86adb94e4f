// What a running server is to systemd: reports as it receives them, signs of life that stop when a
// worker hangs, and listening sockets that it has opened.

import CLinux
import Glibc
import MizuEventLoop
import MizuHTTP
import MizuProcess
import MizuRouting
import MizuTransport
import Testing

@testable import MizuServer

/// systemd's end of NOTIFY_SOCKET.
final class NotifyReceiver {
    private let socket: Descriptor

    /// - Parameter path: `@` and a name for an abstract one.
    init(_ path: String) throws {
        let raw = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        socket = Descriptor(owning: try SystemError.check("socket", raw))
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        withUnsafeMutableBytes(of: &address.sun_path) { room in
            for (index, byte) in bytes.enumerated() { room[index] = byte }
            if bytes.first == UInt8(ascii: "@") { room[0] = 0 }
        }
        let size = MemoryLayout<sa_family_t>.size + bytes.count
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(raw, $0, socklen_t(size))
            }
        }
        try SystemError.check("bind", bound < 0 ? -errno : 0)
    }

    /// The next report; nil after so many milliseconds without one.
    func next(within milliseconds: Int32 = 60_000) -> String? {
        var waited = pollfd(fd: socket.raw, events: Int16(POLLIN), revents: 0)
        guard poll(&waited, 1, milliseconds) > 0 else { return nil }
        var room = [UInt8](repeating: 0, count: 4096)
        let count = recv(socket.raw, &room, room.count, 0)
        return count < 0 ? nil : String(decoding: room[..<count], as: UTF8.self)
    }
}

extension ServerStorey {
    @Suite("Reports to the service manager") struct ServiceNotifierTests {
        @Test("reports arrive, by a path and by an abstract name", arguments: ["path", "abstract"])
        func reports(kind: String) throws {
            let folder = try ScratchFolder()
            let path = kind == "path" ? folder.path + "/socket" : "@mizu" + folder.path
            let receiver = try NotifyReceiver(path)
            let notifier = try ServiceNotifier(path: path)
            #expect(notifier.watchdogMilliseconds == nil)
            let before = Instant.now.nanoseconds / 1_000
            notifier.ready(status: "listening on\nhttp://h")
            notifier.reloading()
            notifier.alive()
            notifier.stopping()
            #expect(receiver.next() == "READY=1\nSTATUS=listening on http://h")
            let reload = (receiver.next() ?? "").split(separator: "\n")
            #expect(reload.first == "RELOADING=1" && reload.last == "STATUS=reloading")
            let told = reload.dropFirst().first.map { $0.split(separator: "=") }
            let microseconds = UInt64(told?.last ?? "") ?? 0
            #expect(told?.first == "MONOTONIC_USEC" && microseconds >= before)
            #expect(microseconds <= Instant.now.nanoseconds / 1_000)
            #expect(receiver.next() == "WATCHDOG=1")
            #expect(receiver.next() == "STOPPING=1\nSTATUS=draining")
        }

        @Test(
            "a socket that cannot be is an error, not a trap",
            arguments: ["", "x", "@", "/", "relative", "vsock:2:1", "/no/such/socket"])
        func badPaths(path: String) {
            #expect(throws: SystemError.self) { try ServiceNotifier(path: path) }
            let long = "/" + String(repeating: "x", count: 200)
            #expect(throws: SystemError(call: "connect", errno: ENAMETOOLONG)) {
                try ServiceNotifier(path: long)
            }
        }

        @Test("signs of life come while every worker answers, and stop when one hangs")
        func watchdog() throws {
            let folder = try ScratchFolder()
            let receiver = try NotifyReceiver(folder.path + "/socket")
            let notifier = try ServiceNotifier(
                path: folder.path + "/socket", watchdogMicroseconds: 100_000)
            let server = try TestServer(workers: 3)
            let ended = Box<Bool>()
            // In a thread of its own, because it changes the signal mask of the one it is in.
            try startThread("lifetime") { [running = server.server] in
                try? ProcessLifetime().run(running, notifier: notifier, status: "up")
                ended.set(true)
            }
            #expect(receiver.next() == "READY=1\nSTATUS=up")
            for _ in 0..<5 { #expect(receiver.next() == "WATCHDOG=1") }
            let gate = Gate()
            server.workers.perform(on: 1) { _ in gate.wait() }
            #expect(eventually { !gate.isUntouched })
            // What was told before, and what two rounds bring that were answered before; then
            // nothing for ten intervals, however late those came.
            while receiver.next(within: 0) != nil {}
            var late = 0
            while late < 10, receiver.next(within: 1_000) != nil { late += 1 }
            #expect(late <= 2)
            gate.open()
            for _ in 0..<3 { #expect(receiver.next() == "WATCHDOG=1") }
            server.stop()
            #expect(eventually { ended.value == true })
        }
    }

    @Suite("Inherited listeners") struct InheritedListenerTests {
        /// A listening socket as another process would have opened it: blocking, passed on.
        private static func makeListener() throws -> (descriptor: Int32, port: UInt16) {
            let listener = try Listener.acquire(
                ListenAddress(host: "127.0.0.1", port: 0), count: 1)[0]
            let copy = dup(listener.pollable)
            _ = fcntl(copy, F_SETFL, fcntl(copy, F_GETFL) & ~O_NONBLOCK)
            return (copy, listener.port)
        }

        private static func start(
            _ sockets: [InheritedSocket], workers count: Int
        ) throws -> Server {
            let workers = try Workers(count: count)
            let configuration = ServerConfiguration(
                addresses: [],
                router: Router { $0.get("/") { .text("worker \($0.exchange.worker)") } },
                logger: .silent)
            var listeners = AcquiredListeners()
            try listeners.inherit(sockets)
            let server = try Server.start(configuration, on: workers, listeners: &listeners)
            #expect(listeners.entries.isEmpty)
            return server
        }

        @Test("one listener serves all workers, and who waits in it at the end is answered")
        func shared() throws {
            let (descriptor, port) = try Self.makeListener()
            let server = try Self.start(
                [InheritedSocket(descriptor: descriptor, name: nil)], workers: 3)
            #expect(server.ports == [port])
            #expect(fcntl(descriptor, F_GETFL) & O_NONBLOCK != 0)
            #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
            let clients = (0..<100).map { _ in RawClient(port) }
            for client in clients { #expect(client.get("/")?.status == 200) }
            server.drain()
            #expect(eventually { server.hasFinished })
            // Nobody else holds the socket: it has been closed.
            #expect(eventually { !RawClient(port).isConnected })
        }

        @Test("a worker that hangs does not keep new clients from the others")
        func hangingWorker() throws {
            let (descriptor, port) = try Self.makeListener()
            let server = try Self.start(
                [InheritedSocket(descriptor: descriptor, name: "http")], workers: 2)
            let gate = Gate()
            server.workers.perform(on: 0) { _ in gate.wait() }
            #expect(eventually { !gate.isUntouched })
            for _ in 0..<20 { #expect(RawClient(port).get("/")?.text == "worker 1") }
            gate.open()
            server.drain()
            #expect(eventually { server.hasFinished })
        }

        @Test("several listeners are all served, those that speak TLS last")
        func several() throws {
            let made = try (0..<3).map { _ in try Self.makeListener() }
            var listeners = AcquiredListeners()
            let names = ["https", "mizu.socket", nil]
            try listeners.inherit(
                zip(made, names).map { InheritedSocket(descriptor: $0.descriptor, name: $1) })
            #expect(listeners.entries.map(\.role) == [.http, .http, .https])
            #expect(
                listeners.entries.map(\.address)
                    == [made[1], made[2], made[0]].map {
                        ListenAddress(host: "127.0.0.1", port: $0.port)
                    })
            let again = try (0..<2).map { _ in try Self.makeListener() }
            let server = try Self.start(
                again.map { InheritedSocket(descriptor: $0.descriptor, name: nil) }, workers: 2)
            for (_, port) in again { #expect(RawClient(port).get("/")?.status == 200) }
            server.drain()
            #expect(eventually { server.hasFinished })
        }

        @Test("what is no listening TCP socket is refused", arguments: ["none", "file", "idle"])
        func noListener(kind: String) throws {
            var descriptor: Int32 = 1_000_000
            if kind == "file" { descriptor = open("/dev/null", O_RDONLY) }
            if kind == "idle" { descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0) }
            defer { if kind != "none" { _ = close(descriptor) } }
            var listeners = AcquiredListeners()
            let error = #expect(throws: ListenError.self) {
                try listeners.inherit([InheritedSocket(descriptor: descriptor, name: nil)])
            }
            #expect(error.map { "\($0)" }?.hasPrefix("descriptor \(descriptor) of LISTEN") == true)
        }

        @Test("a bound address lets nobody in before the server starts")
        func bound() throws {
            var listeners = AcquiredListeners()
            try listeners.bind([ListenAddress(host: "127.0.0.1", port: 0)], workers: 2)
            let port = listeners.entries[0].address.port
            #expect(port != 0 && !RawClient(port).isConnected)
            let configuration = ServerConfiguration(
                addresses: [], router: Router { $0.get("/") { _ in .text("hi") } }, logger: .silent)
            let server = try Server.start(
                configuration, on: Workers(count: 2), listeners: &listeners)
            #expect(RawClient(port).get("/")?.text == "hi")
            server.drain()
            #expect(eventually { server.hasFinished })
        }
    }
}

/// Holds a thread until the test lets it go.
final class Gate: Sendable {
    private let reached = Box<Bool>()
    private let opened = Box<Bool>()

    var isUntouched: Bool { reached.value == nil }
    func open() { opened.set(true) }

    /// Returns when the gate opens; after a minute whatever happens.
    func wait() {
        reached.set(true)
        for _ in 0..<30_000 where opened.value == nil { _ = poll(nil, 0, 2) }
    }
}
