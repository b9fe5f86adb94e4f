// The admin listener (ADMIN_ADDR): `/metrics`, `/health` and `/cluster` for operators and their
// machines. It is a server of its own with one worker, few connections and no state: a scraper that
// hangs, or a hundred of them, hold up nobody but each other, and no worker of the app's is asked
// anything. Off unless it is configured; an address that others reach needs a token.
//
//   bound, with the rights that are left ──► the app's server runs ──► the admin's runs ──►
//   the app's has drained ──► the admin's has, and its socket is removed

import CLinux
import Glibc
import Logging
import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuMetrics
import MizuRouting
import MizuServer
import MizuTransport

/// The settings of the admin listener.
public struct AdminSettings: Sendable {
    /// Where it listens; nil: nowhere.
    public var address: AdminAddress?
    /// What who asks must know; nil: nothing.
    public var token: AdminToken?

    public init() {}
}

/// The admin listener while it runs. The main thread's.
struct Admin {
    private let server: Server
    private let address: AdminAddress

    /// Connections that it takes; a scraper needs one.
    private static let connectionsMax = 64
    /// How long a request may take to arrive, and how long a connection may stand there without
    /// one: a scraper that comes every few seconds connects anew.
    private static let quietMilliseconds: UInt64 = 2_000
    private static let stopMilliseconds: UInt64 = 500

    static func start(
        _ settings: AdminSettings, at address: AdminAddress, on listeners: inout AcquiredListeners,
        _ page: MetricsPage, logger: Logger
    ) throws(StartError) -> Admin {
        let router = AdminRoutes(page: page).router()
        let hosts = HostPolicy(machine: MachineNames.current())
        let policy = OriginPolicy(hosts: hosts, shared: CrossOrigin())
        var configuration = ServerConfiguration(
            addresses: [], router: router, logger: logger
        ) { request, _ in
            guard request.method == .get || request.method == .head else {
                return AdminRoutes.readsAlone
            }
            if let token = settings.token {
                return token.admits(request.header("authorization")) ? nil : AdminRoutes.unnamed
            }
            // Pages of a browser on this machine could ask, too.
            switch policy.verdict(on: request) {
            case .allowed: return nil
            case .hostDenied, .originDenied, .shared: return AdminRoutes.refused
            }
        }
        configuration.limits.connectionsMax = connectionsMax
        configuration.limits.workerConnectionsMax = connectionsMax
        configuration.limits.http = HTTPLimits(
            headBytesMax: 8_192, fieldsMax: 64, targetBytesMax: 256, bodyBytesMax: 0)
        configuration.limits.headMilliseconds = quietMilliseconds
        configuration.limits.idleMilliseconds = quietMilliseconds
        configuration.deflate = nil
        configuration.drainMilliseconds = stopMilliseconds
        do {
            let workers = try Workers(count: 1)
            let server = try Server.start(configuration, on: workers, listeners: &listeners)
            return Admin(server: server, address: address)
        } catch {
            throw StartError("cannot start the admin listener: \(error)")
        }
    }

    /// Where it is, for people.
    var place: String {
        switch address {
        case .network(let address): "http://\(address.authority(port: server.ports.first ?? 0))"
        case .unix(let path): "unix:\(path)"
        }
    }

    /// Ends it; what is under way has half a second.
    func stop() {
        server.drain()
        if var poller = try? Poller(),
            (try? poller.registerInput(server.finishedPollable, data: 0)) != nil
        {
            try? poller.wait(milliseconds: Int(Self.stopMilliseconds) + 100)
        }
        if case .unix(let path) = address { unlink(path) }
    }
}

extension App {
    /// Binds the admin listener.
    func acquireAdmin() throws(StartError) {
        guard let address = configuration.admin.address else { return }
        guard address.isPrivate || configuration.admin.token != nil else {
            throw StartError(
                "ADMIN_ADDR=\(address) is reached from other machines: set ADMIN_TOKEN, or choose "
                    + "an address of this one, as 127.0.0.1:9180")
        }
        if case .network(let own) = address,
            let entry = daemon.listeners.entries.first(where: { own.meets($0.address) })
        {
            throw StartError(
                "ADMIN_ADDR=\(own) is where the app listens (\(entry.setting)=\(entry.address)): "
                    + "choose another port")
        }
        do throws(ListenError) {
            switch address {
            case .network(let address):
                try daemon.adminListeners.bind([address], workers: 1, setting: "ADMIN_ADDR")
            case .unix(let path):
                try daemon.adminListeners.bind(path: path, setting: "ADMIN_ADDR")
            }
        } catch {
            throw StartError("ADMIN_ADDR: \(error)")
        }
    }

    /// Starts the admin listener beside `server`; nil where there is none.
    func startAdmin(beside server: Server) throws(StartError) -> Admin? {
        guard let address = configuration.admin.address else { return nil }
        let admin = try Admin.start(
            configuration.admin, at: address, on: &daemon.adminListeners,
            MetricsPage(server: server, sync: synchronisation?.service, pages: keptPages),
            logger: logger)
        logger.notice("metrics at \(admin.place)/metrics")
        return admin
    }
}
