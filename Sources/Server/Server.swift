// The server as the rest of the process sees it: started once, drained once. It owns no connection:
// workers do, and `Workers` carries mail to them.
//
//   start ──► running ──drain()──► draining ──last worker ends──► stopped
//
// Any thread.

import Logging
import MizuBytes
import MizuDoor
import MizuEventLoop
import MizuHTTP
import MizuTransport
import Synchronization

/// A running server. Any thread.
public final class Server: Sendable {
    public let configuration: ServerConfiguration
    public let workers: Workers
    let admission: Admission
    /// What peers make the process hold.
    public let memory: MemoryLedger
    /// By worker.
    package let counters: [WorkerCounters]
    private let running: Atomic<Int>
    private let finished: Mailbox<Void>
    /// The ports in force, in the order of `configuration.addresses`, or of the listeners that
    /// were passed in.
    public let ports: [UInt16]
    /// Those of TLS, in the order of `configuration.tlsAddresses`; they are the last of `ports`.
    public var tlsPorts: [UInt16] { Array(ports.dropFirst(plainListeners)) }
    /// The listeners before this place are plain, the others TLS.
    let plainListeners: Int

    /// Binds every address for every worker and starts the workers; connections are accepted from
    /// now on.
    /// - Throws: where an address cannot be had, or threads and descriptors are short.
    public static func start(
        _ configuration: ServerConfiguration, on workers: Workers
    ) throws(ServerStartError) -> Server {
        var listeners = AcquiredListeners()
        do throws(ListenError) {
            try listeners.bind(configuration.addresses, workers: workers.count)
            if configuration.tls != nil {
                try listeners.bind(
                    configuration.tlsAddresses, role: .https, workers: workers.count)
            }
        } catch {
            throw .listening(error)
        }
        return try start(configuration, on: workers, listeners: &listeners)
    }

    /// Starts the workers on listeners that were acquired before; `configuration.addresses` means
    /// nothing then.
    /// - Parameter listeners: taken over and left empty: who else kept one would keep it listening.
    package static func start(
        _ configuration: ServerConfiguration, on workers: Workers,
        listeners: inout AcquiredListeners
    ) throws(ServerStartError) -> Server {
        let acquired = listeners
        listeners = AcquiredListeners()
        let plainListeners = acquired.entries.count { $0.role == .http }
        precondition(
            plainListeners == acquired.entries.count || configuration.tls != nil,
            "Server.start: a TLS listener and no certificate")
        do throws(ListenError) {
            try acquired.listen()
        } catch {
            throw .listening(error)
        }
        do throws(SystemError) {
            let ports = acquired.entries.map(\.address.port)
            let server = try Server(
                configuration, workers: workers, ports: ports, plainListeners: plainListeners)
            for index in 0..<workers.count {
                var own = acquired.listeners(of: index)
                try startThread("mizu-worker-\(index)") {
                    Worker.main(server, index: index, listeners: &own)
                }
            }
            return server
        } catch {
            throw .system(error)
        }
    }

    /// A server that nobody runs yet. `start` gives each worker its thread; a test steps one.
    init(
        _ configuration: ServerConfiguration, workers: Workers, ports: [UInt16],
        plainListeners: Int
    ) throws(SystemError) {
        self.configuration = configuration
        admission = Admission(
            connectionsMax: configuration.limits.connectionsMax,
            addressLimits: configuration.addressLimits, proxies: configuration.trustedProxies)
        memory = MemoryLedger(configuration.limits.memory, queued: workers.queued)
        let routeCount = configuration.router.routeCount
        counters = (0..<workers.count).map { _ in WorkerCounters(routeCount: routeCount) }
        self.workers = workers
        self.ports = ports
        self.plainListeners = plainListeners
        running = Atomic(workers.count)
        finished = try Mailbox()
    }

    /// Whether `peer` may begin a TLS handshake now; counts it. True where addresses have no
    /// limits.
    public func admitsHandshake(_ peer: PeerAddress, now: Instant) -> Bool {
        admission.addresses?.admitHandshake(peer, now: now) ?? true
    }

    /// Becomes readable once the last worker has ended.
    public var finishedPollable: Int32 { finished.pollable }
    public var hasFinished: Bool { running.load(ordering: .acquiring) == 0 }

    /// Stops accepting, finishes what is under way and closes the rest; the workers end within
    /// `drainMilliseconds`. May be called again without effect.
    public func drain() {
        workers.drain(
            until: configuration.clock.monotonic.adding(
                milliseconds: configuration.drainMilliseconds))
    }

    /// New TLS connections get `certificates` from now on; open ones keep theirs.
    public func use(_ certificates: TLSCertificates) {
        workers.performOnAll { $0.use(certificates) }
    }

    func workerEnded() {
        if running.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 {
            finished.post(())
        }
    }
}

/// Why a server did not start, for one line to a person.
public enum ServerStartError: Error, CustomStringConvertible {
    case listening(ListenError)
    case system(SystemError)

    public var description: String {
        switch self {
        case .listening(let error): error.description
        case .system(let error): "cannot start: \(error)"
        }
    }
}
