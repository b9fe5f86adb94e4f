// The app's life: everything that was declared becomes one server, which runs until SIGTERM or
// SIGINT, drains, and closes the database last.

import CLinux
import MizuBytes
import MizuDoor
import MizuEventLoop
import MizuHTTP
import MizuProcess
import MizuRouting
import MizuServer
import MizuSyncService

extension App {
    /// Serves until SIGTERM or SIGINT, then drains (DRAIN_TIMEOUT) and closes the database. Once
    /// connections are accepted it prints one line `listening on URL` for each listener on standard
    /// output. Blocks the calling thread.
    /// - Throws: `StartError` if an address cannot be bound, or rights cannot be given up.
    public func run() throws(StartError) {
        cl_raise_open_files()
        try settle()
        let urls = daemon.listeners.entries.map { entry in
            "\(entry.scheme)://\(entry.address.authority(port: entry.address.port))"
        }
        // Standard output says where we listen, and nothing else: programs read it.
        let toOpen = daemon.listeners.entries.first(where: \.address.isAny).map { entry in
            "\(entry.scheme)://\(entry.address.reachableAuthority(port: entry.address.port))"
        }
        let isOnlyLoopback = daemon.listeners.entries.allSatisfy(\.address.isLoopback)
        let server = try start()
        try startCluster()
        try watchCertificates(of: server)
        let keyWatches = try watchKeys()
        let admin = try startAdmin(beside: server)
        for url in urls { announce("listening on \(url)\n") }
        // After the lines above, if both go to standard output.
        try startAccessLog()
        if let toOpen { logger.notice("open \(toOpen)") }
        tellNames()
        if isOpenToAll, !isOnlyLoopback {
            logger.notice(
                """
                everyone who can reach this server may read and change every scope: \
                pass authorize to app.sync
                """
            )
        }
        if Privileges.isRoot {
            logger.notice("the server runs as root: set RUN_AS=user, or start it as a user")
        }
        try startJobs()
        let (jobThread, drainMilliseconds) = (self.jobThread, configuration.drainMilliseconds)
        lifetime.drains.append { jobThread?.drain(withinMilliseconds: drainMilliseconds) }
        lifetime.run(
            server, notifier: daemon.notifier,
            status: "listening on \(urls.joined(separator: ", "))")
        daemon.reloader?.stop()
        for watch in keyWatches { watch.stop() }
        endJobs()
        passwordHasher?.stop()
        synchronisation?.service.stop()
        synchronisation?.feed.cluster?.stop()
        admin?.stop()
        daemon.accessLog?.stop()
    }

    private func start() throws(StartError) -> Server {
        let port = configuration.publicPort
        if port.usesProxyProtocol, port.trustedProxies.isEmpty {
            throw StartError(
                "PROXY_PROTOCOL=on needs TRUSTED_PROXIES: the addresses that send the headers")
        }
        do throws(ServerStartError) {
            return try Server.start(
                serverConfiguration(), on: workers, listeners: &daemon.listeners)
        } catch {
            throw StartError(error.description)
        }
    }

    private func startCluster() throws(StartError) {
        do throws(SystemError) {
            try synchronisation?.feed.cluster?.start()
        } catch {
            throw StartError("cannot start: \(error)")
        }
    }

    private func startAccessLog() throws(StartError) {
        do throws(SystemError) {
            try daemon.accessLog?.start()
        } catch {
            throw StartError("cannot start: \(error)")
        }
    }

    /// All that was declared, as the server wants it.
    func serverConfiguration() -> ServerConfiguration {
        let requests = makeRequestPolicy()
        var server = ServerConfiguration(
            addresses: configuration.addresses, router: router(), logger: logger
        ) { request, proven in
            requests.admit(&request, proven: proven)
        }
        server.problems = errorPages.pages(
            of: assets, isDevelopment: configuration.isDevelopment, development: development,
            logger: logger)
        configuration.apply(to: &server, machine: .ofThisProcess())
        server.crossOrigin = requests.policy.shared
        server.tls = daemon.certificates
        server.accessLog = daemon.accessLog
        server.rateLimiter = limiter
        if let sync = synchronisation?.service {
            let (hooks, limits) = (live, liveLimits)
            let cluster = synchronisation?.feed.cluster
            server.webSockets = [
                {
                    LiveService(sync: sync, hooks: hooks, limits: limits, cluster: cluster)
                }
            ]
        }
        return server
    }

    private func router() -> Router {
        let (builders, workers) = (routes, self.workers)
        let challenges = configuration.publicPort.challengeFolder.map {
            AcmeChallenges(folder: $0)
        }
        let service = synchronisation?.service
        let limiter = self.limiter
        return Router { routes in
            Health.mount(on: &routes, workers, service)
            if let challenges {
                routes.get(AcmeChallenges.prefix + ":token", cost: .file) { request in
                    challenges.respond(request.parameter("token") ?? "")
                }
            }
            if service != nil {
                // The socket takes its tokens itself, so that a browser can read the refusal.
                routes.get("/ws", cost: .free) { _ in .upgradeToWebSocket(service: 0) }
            }
            if let limiter {
                routes.limitUsers { request, user, cost in
                    limiter.wait(
                        limiter.asker(request.peer), of: user, cost + .bytes(request.bodyCount),
                        now: .now
                    ).map { .tooOften(request, waitSeconds: $0) }
                }
            }
            for build in builders { build(&routes) }
        }
    }

    private func announce(_ line: String) {
        let bytes = Array(line.utf8)
        _ = bytes.withUnsafeBytes { cl_write(1, $0.baseAddress, $0.count) }
    }
}
