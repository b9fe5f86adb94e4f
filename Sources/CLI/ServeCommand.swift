// `mizu serve`: runs the todo app. Each setting is an environment variable and a flag of the same
// name; the flag wins. The table is `Configuration.settings`.

import ArgumentParser
import Mizu
import MizuTodo

struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve the todo app until SIGTERM or SIGINT.",
        discussion: """
            Prints one line 'listening on URL' for each address on standard output, with the \
            address that is bound (and the access log where ACCESS_LOG is -); everything else goes \
            to standard error. Each flag can also \
            be set in the environment.

            \(Configuration.settingsHelp)

            EXAMPLES
              mizu serve
              mizu serve --tls-self-signed
              mizu serve --addr 127.0.0.1:0 --database-url memory:
              ADDR=:80 DATABASE_URL=sqlite:/var/lib/mizu/mizu.db mizu serve
            """)

    @Option(help: "Where to listen (ADDR).")
    var addr: String?
    @Option(help: "sqlite:PATH or memory: (DATABASE_URL).")
    var databaseUrl: String?
    @Option(help: "Event loops, a thread each (WORKERS).")
    var workers: String?
    @Option(help: "Names the server answers to, with commas, or any (HOSTS).")
    var hosts: String?
    @Option(help: "Origins whose pages may read and write, or * (ALLOWED_ORIGINS).")
    var allowedOrigins: String?
    @Option(help: "The port of https as seen from outside (HTTPS_PORT).")
    var httpsPort: String?
    @Flag(help: "Read templates and files from disk, show errors in the page (DEV).")
    var dev = false
    @Option(help: "Seconds to finish after SIGTERM (DRAIN_TIMEOUT).")
    var drainTimeout: String?
    @Option(help: "trace, debug, info, notice, warning, error, critical (LOG_LEVEL).")
    var logLevel: String?
    @Option(help: "Changes of a scope kept for pulls (RETAIN_CHANGES).")
    var retainChanges: String?
    @Option(help: "Days that changes and outcomes are kept (RETAIN_DAYS).")
    var retainDays: String?
    @Option(help: "Bytes of a scope's changes kept for pulls (RETAIN_BYTES).")
    var retainBytes: String?
    @Option(help: "Records of one scope, or off (QUOTA_SCOPE_RECORDS).")
    var quotaScopeRecords: String?
    @Option(help: "Bytes of one scope, or off (QUOTA_SCOPE_BYTES).")
    var quotaScopeBytes: String?
    @Option(help: "Scopes that one user may make, or off (QUOTA_USER_SCOPES).")
    var quotaUserScopes: String?
    @Option(help: "Bytes in them, or off (QUOTA_USER_BYTES).")
    var quotaUserBytes: String?
    @Option(help: "Scopes that one address may make, or off (QUOTA_ADDRESS_SCOPES).")
    var quotaAddressScopes: String?
    @Option(help: "Bytes in them, or off (QUOTA_ADDRESS_BYTES).")
    var quotaAddressBytes: String?
    @Option(help: "Space that must be left on the disk, or off (DISK_FREE_MIN).")
    var diskFreeMin: String?
    @Option(help: "Seconds of silence after which a socket gets a word (HEARTBEAT).")
    var heartbeat: String?
    @Option(help: "user or user:group to become once ports are bound (RUN_AS).")
    var runAs: String?
    @Option(help: "A file that gets a line for each request, - or off (ACCESS_LOG).")
    var accessLog: String?
    @Option(help: "json or common (ACCESS_LOG_FORMAT).")
    var accessLogFormat: String?
    @Option(help: "MiB for compressing WebSocket messages, or off (DEFLATE_MEMORY).")
    var deflateMemory: String?
    @Option(help: "MiB that may wait for all sockets together (QUEUE_MEMORY).")
    var queueMemory: String?
    @Option(help: "What peers may make the server hold: MiB, NK, NM, NG or off (MEMORY_LIMIT).")
    var memoryLimit: String?
    @Option(help: "Seconds that an idle connection stays (IDLE_TIMEOUT).")
    var idleTimeout: String?
    @Option(help: "Connections at a time (CONNECTIONS_MAX).")
    var connectionsMax: String?
    @Option(help: "Connections of one address, or off (ADDRESS_CONNECTIONS).")
    var addressConnections: String?
    @Option(help: "TLS handshakes of one address, N/s:BURST or off (ADDRESS_HANDSHAKES).")
    var addressHandshakes: String?
    @Option(help: "Requests, messages, bytes, mutations, N/s:BURST or off (RATE_LIMIT).")
    var rateLimit: String?
    @Option(help: "Reads of the store for one address, or off (ADDRESS_READS).")
    var addressReads: String?
    @Option(help: "Addresses and networks without limits (LIMIT_EXEMPT).")
    var limitExempt: String?
    @Option(help: "Proxies that are believed (TRUSTED_PROXIES).")
    var trustedProxies: String?
    @Option(help: "on: trusted proxies send PROXY headers (PROXY_PROTOCOL).")
    var proxyProtocol: String?
    @Option(help: "off: no redirect to https (HTTPS_REDIRECT).")
    var httpsRedirect: String?
    @Option(help: "Strict-Transport-Security: seconds and more (HSTS).")
    var hsts: String?
    @Option(help: "Folder of ACME challenges (ACME_DIR).")
    var acmeDir: String?
    @Option(help: "Where to listen with TLS (TLS_ADDR).")
    var tlsAddr: String?
    @Option(help: "PEM files with certificates and chains, or a directory (TLS_CERT).")
    var tlsCert: String?
    @Option(help: "PEM files with the private keys (TLS_KEY).")
    var tlsKey: String?
    @Option(help: "DER files with OCSP responses to staple (TLS_OCSP).")
    var tlsOcsp: String?
    @Flag(help: "Make a certificate for localhost, for development (TLS_SELF_SIGNED).")
    var tlsSelfSigned = false

    func run() throws {
        do {
            let app = try makeApp(try settings(), assets: EmbeddedFiles.ofTodoApp())
            try app.run()
        } catch {
            StandardErrorLog.say("mizu serve: \(error)")
            throw ExitCode.failure
        }
    }

    private func settings() throws -> Configuration {
        var configuration = try Configuration.from(
            environment: Configuration.processEnvironment())
        let flags: [(name: String, value: String?)] = [
            ("ADDR", addr), ("DATABASE_URL", databaseUrl), ("WORKERS", workers),
            ("HOSTS", hosts), ("ALLOWED_ORIGINS", allowedOrigins),
            ("HTTPS_PORT", httpsPort), ("DEV", dev ? "true" : nil), ("DRAIN_TIMEOUT", drainTimeout),
            ("LOG_LEVEL", logLevel), ("RETAIN_CHANGES", retainChanges),
            ("RETAIN_DAYS", retainDays), ("HEARTBEAT", heartbeat),
            ("RUN_AS", runAs), ("ACCESS_LOG", accessLog),
            ("ACCESS_LOG_FORMAT", accessLogFormat),
            ("RETAIN_BYTES", retainBytes),
            ("QUOTA_SCOPE_RECORDS", quotaScopeRecords),
            ("QUOTA_SCOPE_BYTES", quotaScopeBytes),
            ("QUOTA_USER_SCOPES", quotaUserScopes),
            ("QUOTA_USER_BYTES", quotaUserBytes),
            ("QUOTA_ADDRESS_SCOPES", quotaAddressScopes),
            ("QUOTA_ADDRESS_BYTES", quotaAddressBytes),
            ("DISK_FREE_MIN", diskFreeMin),
            ("DEFLATE_MEMORY", deflateMemory), ("QUEUE_MEMORY", queueMemory),
            ("MEMORY_LIMIT", memoryLimit), ("IDLE_TIMEOUT", idleTimeout),
            ("CONNECTIONS_MAX", connectionsMax), ("ADDRESS_CONNECTIONS", addressConnections),
            ("ADDRESS_HANDSHAKES", addressHandshakes), ("RATE_LIMIT", rateLimit),
            ("LIMIT_EXEMPT", limitExempt), ("TRUSTED_PROXIES", trustedProxies),
            ("PROXY_PROTOCOL", proxyProtocol), ("HTTPS_REDIRECT", httpsRedirect),
            ("HSTS", hsts), ("ACME_DIR", acmeDir), ("ADDRESS_READS", addressReads),
            ("TLS_ADDR", tlsAddr), ("TLS_CERT", tlsCert), ("TLS_KEY", tlsKey),
            ("TLS_OCSP", tlsOcsp), ("TLS_SELF_SIGNED", tlsSelfSigned ? "true" : nil),
        ]
        for case (let name, let value?) in flags { try configuration.set(name, to: value) }
        return configuration
    }
}

extension Configuration {
    /// The settings as lines for a terminal: name, default, meaning.
    static var settingsHelp: String {
        let width = settings.map(\.name.count).max() ?? 0
        return settings.map { setting in
            let name = setting.name + String(repeating: " ", count: width - setting.name.count)
            return "  \(name)  \(setting.help) (default: \(setting.fallback))"
        }.joined(separator: "\n")
    }
}
