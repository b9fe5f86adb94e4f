// What the process is to the machine around it, and the one order in which it comes to be: ports
// are bound and secrets read with the rights it was started with, then the rights go, and only then
// are files opened, threads started and clients let in.
//
//   listeners ─► certificates ─► beforeDrop ─► RUN_AS ─► readableAfterDrop ─► access log ─►
//   database ─► workers
//
// `App.sync` and `App.run` take the steps, whichever comes first, once.

import Glibc
import Logging
import MizuAccessLog
import MizuEventLoop
import MizuProcess
import MizuServer
import MizuTransport

/// The parts of an app that are the process's. The main thread's, before the server runs.
struct Daemon {
    let service: ServiceEnvironment
    let notifier: ServiceNotifier?
    var listeners = AcquiredListeners()
    /// Of the admin listener.
    var adminListeners = AcquiredListeners()
    var accessLog: AccessLog?
    var certificates: TLSCertificates?
    /// Watches the files of `certificates` while the server runs.
    var reloader: TLSReloader?
    /// No certificate could be loaded, and ACME is to bring the first.
    var needsStandIn = false
    var isSettled = false

    /// Steps that need the rights of the start: reading private keys. In order.
    var beforeDrop: [() throws(StartError) -> Void] = []
    /// Files that will be read again while the process runs, by whom it has become.
    var readableAfterDrop: [String] = []

    /// Reads what the service manager says and takes it out of the environment.
    static func from(
        environment: [String: String], logger: Logger
    ) throws(StartError) -> Daemon {
        for name in ServiceEnvironment.variables { unsetenv(name) }
        let service: ServiceEnvironment
        do throws(ServiceEnvironmentError) {
            service = try ServiceEnvironment(environment: environment, processID: getpid())
        } catch {
            throw StartError(error.description)
        }
        return Daemon(
            service: service, notifier: notifier(to: service, logger: logger))
    }

    private init(service: ServiceEnvironment, notifier: ServiceNotifier?) {
        self.service = service
        self.notifier = notifier
    }

    private static func notifier(
        to service: ServiceEnvironment, logger: Logger
    ) -> ServiceNotifier? {
        guard let path = service.notifySocket else { return nil }
        do throws(SystemError) {
            return try ServiceNotifier(
                path: path, watchdogMicroseconds: service.watchdogMicroseconds)
        } catch {
            logger.warning("cannot report to NOTIFY_SOCKET=\(path): \(error.reason)")
            return nil
        }
    }
}

extension App {
    /// Runs `step` with the rights that the process was started with, before it becomes `RUN_AS`:
    /// for reading private keys. Traps after `sync`, because the rights are gone then.
    public func beforeDrop(_ step: @escaping () throws(StartError) -> Void) {
        precondition(
            !daemon.isSettled, "App.beforeDrop comes too late, after sync: the rights are gone")
        daemon.beforeDrop.append(step)
    }

    /// Logs a warning at the start if `RUN_AS` is set and that user cannot read `path`, which the
    /// app reads again on a reload. Traps after `sync`, because the check is over then.
    public func expectsToRead(_ path: String) {
        precondition(
            !daemon.isSettled,
            "App.expectsToRead comes too late, after sync: the paths have been checked")
        daemon.readableAfterDrop.append(path)
    }

    /// Runs `body` on each SIGHUP while the server serves: to read again what can change. It runs
    /// on the main thread, which also answers the service manager, so it must end soon. If
    /// something cannot be read, the old value should stay in use.
    public func onReload(_ body: @escaping () -> Void) { lifetime.reloads.append(body) }

    /// Takes the steps up to the access log, once.
    func settle() throws(StartError) {
        guard !daemon.isSettled else { return }
        daemon.isSettled = true
        try acquireListeners()
        // In development a core helps the author; elsewhere it would hold the private keys.
        let keepsSecrets = configuration.tls.isOn && !configuration.isDevelopment
        if keepsSecrets { Privileges.emptyCores() }
        try loadCertificates()
        for step in daemon.beforeDrop { try step() }
        try dropPrivileges()
        if keepsSecrets { Privileges.forbidDumps() }
        try makeCertificate()
        try acquireAdmin()
        try openAccessLog()
    }

    private func acquireListeners() throws(StartError) {
        let secure = configuration.tls.addressesInForce(beside: configuration.addresses)
        for address in secure where daemon.service.inherited.isEmpty {
            for plain in configuration.addresses where plain.meets(address) {
                throw StartError(
                    "TLS_ADDR=\(address) is where ADDR=\(plain) listens: choose another port")
            }
        }
        do throws(ListenError) {
            if daemon.service.inherited.isEmpty {
                try daemon.listeners.bind(configuration.addresses, workers: workers.count)
                try daemon.listeners.bind(secure, role: .https, workers: workers.count)
            } else {
                try daemon.listeners.inherit(daemon.service.inherited)
            }
        } catch {
            throw StartError(error.description)
        }
        guard configuration.tls.isOn || daemon.listeners.entries.allSatisfy({ $0.role == .http })
        else {
            throw StartError("LISTEN_FDNAMES names an https socket, but there is no certificate")
        }
    }

    private func dropPrivileges() throws(StartError) {
        guard let identity = configuration.runAs else { return }
        do throws(PrivilegeError) {
            try Privileges.drop(to: identity)
        } catch {
            throw StartError(error.description)
        }
        for path in daemon.readableAfterDrop {
            guard let obstacle = Privileges.obstacle(toReading: path) else { continue }
            logger.warning(
                "RUN_AS=\(identity) cannot read \(path) again: \(obstacle.reason). Reloads fail"
            )
        }
    }

    private func openAccessLog() throws(StartError) {
        guard let path = configuration.accessLog else { return }
        do throws(SystemError) {
            let log = try AccessLog(
                path: path, format: configuration.accessLogFormat, logger: logger)
            daemon.accessLog = log
            lifetime.reopenings.append { log.reopen() }
        } catch {
            throw StartError("cannot write ACCESS_LOG=\(path): \(error.reason)")
        }
    }
}
