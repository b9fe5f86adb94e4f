// The app's `RequestPolicy` as its settings want it, and what the start says of it: whose `Host` is
// answered must not be found out by a 421.

import MizuHTTP
import MizuServer

extension Configuration {
    /// The names that the server answers to, without those of certificates; nil: it answers to all.
    public var hostPolicy: HostPolicy? {
        switch hosts {
        case .any: nil
        case .named(let names): HostPolicy(named: names)
        case .own: HostPolicy(machine: MachineNames.current())
        }
    }
}

extension App {
    /// What looks at each request first.
    func makeRequestPolicy() -> RequestPolicy {
        let hosts = configuration.hostPolicy ?? .any
        let allowed = configuration.allowedOrigins
        let shared = CrossOrigin(
            allowed.origins, isPublic: allowed.isPublic,
            readPaths: synchronisation == nil ? [] : ["/_sync/pull", "/_sync/snapshot"])
        let port = configuration.publicPort
        return RequestPolicy(
            policy: OriginPolicy(hosts: hosts, shared: shared), redirect: httpsRedirect,
            provesNames: configuration.hosts == .own,
            hasChallenges: port.challengeFolder != nil, hasNoProxies: port.trustedProxies.isEmpty,
            log: RefusalLog(
                logger, names: namesInWords,
                exemptsLoopback: port.addresses.exempt.contains(.v4(address: 0x7F00_0001, port: 0)))
        )
    }

    /// Where plain requests are sent once there is an https address.
    private var httpsRedirect: HTTPSRedirect? {
        let port = configuration.publicPort
        guard port.redirectsToHTTPS,
            let secure = daemon.listeners.entries.first(where: { $0.role == .https })
        else { return nil }
        return HTTPSRedirect(
            port: port.httpsPort ?? secure.address.port, fallbackHost: configuration.hosts.first)
    }

    /// Logs one line at the start if HOSTS does not name the server.
    func tellNames() {
        switch configuration.hosts {
        case .named: return
        case .own:
            logger.notice(
                """
                HOSTS is not set: this server answers to \(namesInWords); requests for other \
                names get 421
                """)
        case .any:
            logger.notice(
                """
                HOSTS=any: pages of every site can reach this server by a name of their own (DNS \
                rebinding); set HOSTS to its names instead
                """
            )
        }
    }

    private var namesInWords: String {
        switch configuration.hosts {
        case .any: return "every Host"
        case .named(let names): return names.joined(separator: ", ") + " (HOSTS)"
        case .own:
            let proven = daemon.certificates?.names ?? []
            let names = ["IP addresses", "localhost", "*.localhost"] + MachineNames.current()
            let shown = proven.prefix(8) + (proven.count > 8 ? ["…"] : [])
            return (names + shown.filter { !names.contains($0) }).joined(separator: ", ")
        }
    }
}
