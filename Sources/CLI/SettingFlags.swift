// The flags of `mizu serve`: one for each setting that is no secret. `make tables`
// writes this file from `Configuration.groups`; do not edit it.

import ArgumentParser

struct SettingFlags: ParsableArguments {
    @OptionGroup(title: "Process") var process: Process
    @OptionGroup(title: "Many machines") var manyMachines: ManyMachines
    @OptionGroup(title: "Logs") var logs: Logs
    @OptionGroup(title: "Operators") var operators: Operators
    @OptionGroup(title: "Names and origins") var namesAndOrigins: NamesAndOrigins
    @OptionGroup(title: "TLS") var tls: TLS
    @OptionGroup(title: "Proxies") var proxies: Proxies
    @OptionGroup(title: "Limits of clients") var limitsOfClients: LimitsOfClients
    @OptionGroup(title: "Memory and sockets") var memoryAndSockets: MemoryAndSockets
    @OptionGroup(title: "Retention and quotas") var retentionAndQuotas: RetentionAndQuotas

    /// The flags that were given, by the settings' names.
    var given: [(name: String, text: String?)] {
        [
            process.given,
            manyMachines.given,
            logs.given,
            operators.given,
            namesAndOrigins.given,
            tls.given,
            proxies.given,
            limitsOfClients.given,
            memoryAndSockets.given,
            retentionAndQuotas.given,
        ].flatMap { $0 }
    }

    struct Process: ParsableArguments {
        @Option(setting: "ADDR") var addr: String?
        @Option(setting: "DATABASE_URL") var databaseUrl: String?
        @Option(setting: "COMMITTERS") var committers: String?
        @Option(setting: "WORKERS") var workers: String?
        @Flag(setting: "DEV") var dev: Bool
        @Option(setting: "DRAIN_TIMEOUT") var drainTimeout: String?
        @Option(setting: "RUN_AS") var runAs: String?

        var given: [(name: String, text: String?)] {
            [
                ("ADDR", addr),
                ("DATABASE_URL", databaseUrl),
                ("COMMITTERS", committers),
                ("WORKERS", workers),
                ("DEV", dev ? "true" : nil),
                ("DRAIN_TIMEOUT", drainTimeout),
                ("RUN_AS", runAs),
            ]
        }
    }

    struct ManyMachines: ParsableArguments {
        @Option(setting: "REDIS_CA") var redisCa: String?
        @Option(setting: "DATABASE_LISTEN_URL") var databaseListenUrl: String?
        @Option(setting: "DATABASE_READ_URL") var databaseReadUrl: String?
        @Option(setting: "NEWS_PREFIX") var newsPrefix: String?

        var given: [(name: String, text: String?)] {
            [
                ("REDIS_CA", redisCa),
                ("DATABASE_LISTEN_URL", databaseListenUrl),
                ("DATABASE_READ_URL", databaseReadUrl),
                ("NEWS_PREFIX", newsPrefix),
            ]
        }
    }

    struct Logs: ParsableArguments {
        @Option(setting: "LOG_LEVEL") var logLevel: String?
        @Option(setting: "ACCESS_LOG") var accessLog: String?
        @Option(setting: "ACCESS_LOG_FORMAT") var accessLogFormat: String?

        var given: [(name: String, text: String?)] {
            [
                ("LOG_LEVEL", logLevel),
                ("ACCESS_LOG", accessLog),
                ("ACCESS_LOG_FORMAT", accessLogFormat),
            ]
        }
    }

    struct Operators: ParsableArguments {
        @Option(setting: "ADMIN_ADDR") var adminAddr: String?

        var given: [(name: String, text: String?)] {
            [
                ("ADMIN_ADDR", adminAddr)
            ]
        }
    }

    struct NamesAndOrigins: ParsableArguments {
        @Option(setting: "HOSTS") var hosts: String?
        @Option(setting: "ALLOWED_ORIGINS") var allowedOrigins: String?

        var given: [(name: String, text: String?)] {
            [
                ("HOSTS", hosts),
                ("ALLOWED_ORIGINS", allowedOrigins),
            ]
        }
    }

    struct TLS: ParsableArguments {
        @Option(setting: "TLS_ADDR") var tlsAddr: String?
        @Option(setting: "TLS_CERT") var tlsCert: String?
        @Option(setting: "TLS_KEY") var tlsKey: String?
        @Option(setting: "TLS_OCSP") var tlsOcsp: String?
        @Flag(setting: "TLS_SELF_SIGNED") var tlsSelfSigned: Bool
        @Option(setting: "ACME_DIR") var acmeDir: String?
        @Option(setting: "HTTPS_REDIRECT") var httpsRedirect: String?
        @Option(setting: "HTTPS_PORT") var httpsPort: String?
        @Option(setting: "HSTS") var hsts: String?

        var given: [(name: String, text: String?)] {
            [
                ("TLS_ADDR", tlsAddr),
                ("TLS_CERT", tlsCert),
                ("TLS_KEY", tlsKey),
                ("TLS_OCSP", tlsOcsp),
                ("TLS_SELF_SIGNED", tlsSelfSigned ? "true" : nil),
                ("ACME_DIR", acmeDir),
                ("HTTPS_REDIRECT", httpsRedirect),
                ("HTTPS_PORT", httpsPort),
                ("HSTS", hsts),
            ]
        }
    }

    struct Proxies: ParsableArguments {
        @Option(setting: "TRUSTED_PROXIES") var trustedProxies: String?
        @Option(setting: "PROXY_PROTOCOL") var proxyProtocol: String?

        var given: [(name: String, text: String?)] {
            [
                ("TRUSTED_PROXIES", trustedProxies),
                ("PROXY_PROTOCOL", proxyProtocol),
            ]
        }
    }

    struct LimitsOfClients: ParsableArguments {
        @Option(setting: "CONNECTIONS_MAX") var connectionsMax: String?
        @Option(setting: "ADDRESS_CONNECTIONS") var addressConnections: String?
        @Option(setting: "ADDRESS_HANDSHAKES") var addressHandshakes: String?
        @Option(setting: "ADDRESS_READS") var addressReads: String?
        @Option(setting: "RATE_LIMIT") var rateLimit: String?
        @Option(setting: "LIMIT_EXEMPT") var limitExempt: String?
        @Option(setting: "IDLE_TIMEOUT") var idleTimeout: String?

        var given: [(name: String, text: String?)] {
            [
                ("CONNECTIONS_MAX", connectionsMax),
                ("ADDRESS_CONNECTIONS", addressConnections),
                ("ADDRESS_HANDSHAKES", addressHandshakes),
                ("ADDRESS_READS", addressReads),
                ("RATE_LIMIT", rateLimit),
                ("LIMIT_EXEMPT", limitExempt),
                ("IDLE_TIMEOUT", idleTimeout),
            ]
        }
    }

    struct MemoryAndSockets: ParsableArguments {
        @Option(setting: "MEMORY_LIMIT") var memoryLimit: String?
        @Option(setting: "QUEUE_MEMORY") var queueMemory: String?
        @Option(setting: "DEFLATE_MEMORY") var deflateMemory: String?
        @Option(setting: "LOG_CACHE") var logCache: String?
        @Option(setting: "PAGE_CACHE") var pageCache: String?
        @Option(setting: "HEARTBEAT") var heartbeat: String?

        var given: [(name: String, text: String?)] {
            [
                ("MEMORY_LIMIT", memoryLimit),
                ("QUEUE_MEMORY", queueMemory),
                ("DEFLATE_MEMORY", deflateMemory),
                ("LOG_CACHE", logCache),
                ("PAGE_CACHE", pageCache),
                ("HEARTBEAT", heartbeat),
            ]
        }
    }

    struct RetentionAndQuotas: ParsableArguments {
        @Option(setting: "RETAIN_CHANGES") var retainChanges: String?
        @Option(setting: "RETAIN_DAYS") var retainDays: String?
        @Option(setting: "OUTCOMES_MAX") var outcomesMax: String?
        @Option(setting: "RETAIN_BYTES") var retainBytes: String?
        @Option(setting: "QUOTA_SCOPE_RECORDS") var quotaScopeRecords: String?
        @Option(setting: "QUOTA_SCOPE_BYTES") var quotaScopeBytes: String?
        @Option(setting: "QUOTA_USER_SCOPES") var quotaUserScopes: String?
        @Option(setting: "QUOTA_USER_BYTES") var quotaUserBytes: String?
        @Option(setting: "QUOTA_ADDRESS_SCOPES") var quotaAddressScopes: String?
        @Option(setting: "QUOTA_ADDRESS_BYTES") var quotaAddressBytes: String?
        @Option(setting: "DISK_FREE_MIN") var diskFreeMin: String?

        var given: [(name: String, text: String?)] {
            [
                ("RETAIN_CHANGES", retainChanges),
                ("RETAIN_DAYS", retainDays),
                ("OUTCOMES_MAX", outcomesMax),
                ("RETAIN_BYTES", retainBytes),
                ("QUOTA_SCOPE_RECORDS", quotaScopeRecords),
                ("QUOTA_SCOPE_BYTES", quotaScopeBytes),
                ("QUOTA_USER_SCOPES", quotaUserScopes),
                ("QUOTA_USER_BYTES", quotaUserBytes),
                ("QUOTA_ADDRESS_SCOPES", quotaAddressScopes),
                ("QUOTA_ADDRESS_BYTES", quotaAddressBytes),
                ("DISK_FREE_MIN", diskFreeMin),
            ]
        }
    }
}
