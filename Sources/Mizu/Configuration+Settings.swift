// The table of settings. A setting is one row here and the field that it sets; `make tables` writes
// from these rows what else shows it (Setting.swift). A row's help begins with a sentence that
// stands alone; codes and values stand between back-ticks.

import Logging
import MizuAccessLog
import MizuDoor
import MizuIdentity
import MizuProcess
import MizuServer

extension Configuration {
    /// Every setting, in the order in which people read them.
    public static let settings: [Setting] = groups.flatMap(\.settings)

    /// The settings by subject.
    public static let groups = [
        SettingGroup(title: "Process", settings: process),
        SettingGroup(title: "Many machines", settings: machines),
        SettingGroup(title: "Logs", settings: logs),
        SettingGroup(title: "Operators", settings: operators),
        SettingGroup(title: "Names and origins", settings: names),
        SettingGroup(title: "TLS", settings: certificates),
        SettingGroup(title: "Proxies", settings: proxies),
        SettingGroup(title: "Accounts", settings: accounts),
        SettingGroup(title: "Limits of clients", settings: clients),
        SettingGroup(title: "Memory and sockets", settings: memory),
        SettingGroup(title: "Retention and quotas", settings: space),
    ]

    private static let process = [
        Setting(
            "ADDR", reads: .addresses, into: \.addresses, example: ":80",
            help: "Addresses to listen on. `:PORT` is every address of the machine; port 0 lets "
                + "the kernel choose."),
        Setting(
            "DATABASE_URL", reads: .database, into: \.database,
            help: "The database. A `PATH` is relative to the working directory unless it begins "
                + "with `/`; missing folders are made. `memory:` keeps nothing. `postgres://…` is "
                + "a PostgreSQL that many machines share."),
        Setting(
            "COMMITTERS", reads: .count(1...64), into: \.committers,
            default: "4 for PostgreSQL, else 1",
            help: "Threads that commit to a PostgreSQL, each with a connection; a scope is "
                + "always the same one's. Other databases have one."),
        Setting(
            "WORKERS", reads: .count(1...1024), into: \.workers, default: "one for each CPU",
            help: "Event loops, each with its own thread."),
        Setting(
            "DEV", reads: .trueFalse, into: \.isDevelopment,
            help: "Development: templates and files are read from `Assets/` on disk at each "
                + "request, and an error shows file, line and reason in the page."),
        Setting(
            "DRAIN_TIMEOUT", reads: .seconds(0...3600), into: \.drainMilliseconds,
            help: "Seconds that open requests and sockets have to end after SIGTERM or SIGINT."),
        Setting(
            "RUN_AS", reads: .identity, into: \.runAs, default: "not set",
            help: "User to become for good once ports are bound. It is for a start as root; "
                + "without `GROUP` the user's own group is taken."),
    ]

    private static let machines = [
        Setting(
            "REDIS_URL", reads: .redis, into: \.news.redis, default: "none", isSecret: true,
            help: "Redis that carries news between nodes: `redis://[USER:PASSWORD@]HOST[:PORT]`, "
                + "`rediss://` over TLS, `unix:PATH`, or "
                + "`redis-sentinel://HOST,…?sentinelMasterId=NAME`. It keeps nothing, and may be "
                + "away. Without one a PostgreSQL carries them."),
        Setting(
            "REDIS_CA", reads: .path(.files), into: \.news.authorities,
            default: "the system's",
            help: "PEM file with the certificates that vouch for Redis over TLS."),
        Setting(
            "DATABASE_LISTEN_URL", reads: .postgres, into: \.news.listenURL,
            default: "what `DATABASE_URL` says",
            help: "PostgreSQL's own address for `LISTEN` and `NOTIFY`, where `DATABASE_URL` leads "
                + "to a pool of connections. Not used beside `REDIS_URL`."),
        Setting(
            "DATABASE_READ_URL", reads: .postgres, into: \.readDatabase, default: "none",
            help: "A replica of the PostgreSQL that `DATABASE_URL` names: it answers reads of what "
                + "it has already. It may be behind or away; then the primary answers."),
        Setting(
            "NEWS_PREFIX", reads: .prefix, into: \.news.prefix,
            help: "Beginning of the names of channels. Apps that share a Redis need one "
                + "each; nodes of one app have the same."),
    ]

    private static let logs = [
        Setting(
            "LOG_LEVEL", reads: .oneOf(Logger.Level.allCases), into: \.logLevel,
            help: "Least severe messages to write to standard error."),
        Setting(
            "ACCESS_LOG", reads: .either("off", or: .logFile), into: \.accessLog,
            example: "/var/log/{name}/access.log",
            help: "File that gets a line for each request. `-` is standard output."),
        Setting(
            "ACCESS_LOG_FORMAT", reads: .oneOf([.json, .common]), into: \.accessLogFormat,
            help: "Format of the access log: JSON, an object a line, or the common log format."),
    ]

    private static let operators = [
        Setting(
            "ADMIN_ADDR", reads: .either("off", or: .adminAddress), into: \.admin.address,
            example: "127.0.0.1:9180",
            help: "Address of `/metrics`, `/health` and `/cluster`, apart from the app's. One that "
                + "other machines reach needs `ADMIN_TOKEN`."),
        Setting(
            "ADMIN_TOKEN", reads: .adminToken, into: \.admin.token, default: "none",
            isSecret: true,
            help: "Token of at least 16 characters that who asks at `ADMIN_ADDR` must send as "
                + "`Authorization: Bearer TOKEN`. It is no flag, because everybody on the machine "
                + "sees those."),
    ]

    private static let names = [
        Setting(
            "HOSTS", reads: .hosts, into: \.hosts,
            default: "addresses, localhost, this machine, certificates", example: "example.org",
            help: "Names that the server answers to. `*.NAME` is every name below one. Requests "
                + "for other names get 421, except `/healthz`, `/readyz` and ACME challenges. "
                + "`any` answers to every `Host`."),
        Setting(
            "ALLOWED_ORIGINS", reads: .origins, into: \.allowedOrigins,
            help: "Origins whose pages may read and write, cookies included. `*`: every page may "
                + "read what is public, without cookies."),
    ]

    private static let accounts = [
        Setting(
            "SESSION_SECRET", reads: .secrets, into: \.sessionSecret,
            default: "a file `session-secret` beside the database, or in PostgreSQL",
            isSecret: true,
            help: "Keys that sign links and invitations, at least 32 characters each, separated by "
                + "commas. The first signs, all verify: put a new one in front, and drop the old "
                + "one a week later.")
    ]

    private static let certificates = [
        Setting(
            "TLS_ADDR", reads: .addresses, into: \.tls.addresses,
            default: "port 8443 of `ADDR`'s hosts", example: ":443",
            help: "Addresses to listen on with TLS, as in `ADDR`. A certificate is needed."),
        Setting(
            "TLS_CERT", reads: .either("none", as: [], or: .paths), into: \.tls.files.certificates,
            example: "/var/lib/{name}-tls",
            help: "PEM files, each with a certificate and its chain, or a folder of them."),
        Setting(
            "TLS_KEY", reads: .paths, into: \.tls.files.keys, default: "in `TLS_CERT`",
            help: "PEM files with the private keys, in the order of `TLS_CERT`."),
        Setting(
            "TLS_OCSP", reads: .responses, into: \.tls.files.responses, default: "none",
            help: "DER files with OCSP responses to staple, in the order of `TLS_CERT`. An empty "
                + "entry means: none for that certificate."),
        Setting(
            "TLS_SELF_SIGNED", reads: .trueFalse, into: \.tls.isSelfSigned,
            help: "Make a certificate for localhost beside the database, for development."),
        Setting(
            "ACME_DIR", reads: .either("none", or: .path(.folders)),
            into: \.publicPort.challengeFolder, example: "/var/lib/{name}-acme",
            help: "Folder of the files below `/.well-known/acme-challenge/`. Certbot's webroot "
                + "method writes them; a file is served only if it holds a key authorization for "
                + "its own name."),
        Setting(
            "HTTPS_REDIRECT", reads: .onOff, into: \.publicPort.redirectsToHTTPS,
            help: "Redirect plain requests to https (308) if there is an https address, except "
                + "`/healthz`, `/readyz` and ACME challenges. `off`: plain addresses serve the "
                + "app, too."),
        Setting(
            "HTTPS_PORT", reads: .port, into: \.publicPort.httpsPort, default: "the listener's",
            help: "Port of https as it is seen from outside, for the redirect."),
        Setting(
            "HSTS", reads: .either("off", or: .transportSecurity),
            into: \.publicPort.transportSecurity,
            help: "`Strict-Transport-Security` of answers over TLS."),
    ]

    private static let proxies = [
        Setting(
            "TRUSTED_PROXIES", reads: .networks(), into: \.publicPort.trustedProxies,
            example: "127.0.0.1",
            help: "Proxies that are believed. The client's address, scheme and host are then read "
                + "from their `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host`, or "
                + "from their PROXY header."),
        Setting(
            "PROXY_PROTOCOL", reads: .onOff, into: \.publicPort.usesProxyProtocol,
            help: "Every connection from `TRUSTED_PROXIES` begins with a PROXY header, version 1 "
                + "or 2. From other peers such a header is a 400."),
    ]

    private static let clients = [
        Setting(
            "CONNECTIONS_MAX", reads: .count(1...10_000_000), into: \.limits.connectionsMax,
            default: "open files less 128",
            help: "Connections at a time; new ones beyond it get 503."),
        Setting(
            "ADDRESS_CONNECTIONS", reads: .either("off", or: .count(1...10_000_000)),
            into: \.publicPort.addresses.connectionsMax,
            help: "Connections of one address at a time; new ones beyond it get 429. An address of "
                + "IPv6 is a /64; its /48 may have eight times as many."),
        Setting(
            "ADDRESS_HANDSHAKES", reads: .either("off", or: .rate),
            into: \.publicPort.addresses.handshakes,
            help: "New TLS handshakes of one address; connections beyond it are closed."),
        Setting(
            "ADDRESS_READS", reads: .either("off", or: .count(1...20_000)),
            into: \.reads.sourceMax,
            help: "Reads from the store that one address may have waiting or under way; requests "
                + "beyond it get 429. Reads are pages, lists, snapshots, and pulls behind the "
                + "tail; an address of IPv6 is a /48."),
        Setting(
            "RATE_LIMIT", reads: .either("off", or: .rate), into: \.publicPort.requestRate,
            help: "Tokens of each address and each user; requests beyond it get 429 "
                + "`rate_limited`. Requests, socket messages, bytes and mutations take tokens; an "
                + "address of IPv6 is a /64, and its /48 has eight times as many."),
        Setting(
            "LIMIT_EXEMPT", reads: .networks(and: .loopback),
            into: \.publicPort.addresses.exempt, default: "`127.0.0.0/8,::1`",
            help: "Addresses without the limits of addresses, besides 127.0.0.0/8 and ::1. "
                + "`none`: not even those."),
        Setting(
            "IDLE_TIMEOUT", reads: .seconds(0.1...86_400), into: \.limits.idleMilliseconds,
            help: "Seconds that a connection may idle between two requests. Behind a balancer it "
                + "must be more than the balancer's, which is usually 60."),
    ]

    private static let memory = [
        Setting(
            "MEMORY_LIMIT", reads: .peerMemory, into: \.memory, default: "a quarter",
            example: "128M",
            help: "Memory that clients may make the server hold. A number alone counts MiB; a "
                + "quarter is that of the machine's memory, or of its control group's."),
        Setting(
            "QUEUE_MEMORY", reads: .mebibytes(1...1_048_576), into: \.limits.queuedBytesMax,
            help: "MiB that may wait for all sockets together. Beyond it sockets that do not read "
                + "get pokes in place of changes."),
        Setting(
            "DEFLATE_MEMORY", reads: .either("off", or: .mebibytes(0...1024)),
            into: \.deflateBytesMax,
            help: "MiB of each worker for compressing WebSocket messages with a window that is "
                + "kept. `off`: no permessage-deflate."),
        Setting(
            "LOG_CACHE", reads: .either("off", as: 0, or: .mebibytes(1...1_048_576)),
            into: \.sync.tailBytesMax,
            help: "MiB of the latest changes that are kept in memory, for pulls and sockets; "
                + "others are read from the database. The scope that was used longest ago goes "
                + "first, and one scope has an eighth at most."),
        Setting(
            "PAGE_CACHE", reads: .either("off", as: 0, or: .mebibytes(1...1_048_576)),
            into: \.pageCacheBytesMax,
            help: "MiB of pages that are kept for as long as their scope does not change. Those "
                + "that were not asked for longest go first. `off`: every page is made anew."),
        Setting(
            "HEARTBEAT", reads: .seconds(0.1...3600), into: \.limits.heartbeatMilliseconds,
            help: "Seconds of silence after which a socket is sent a heartbeat. Clients count on "
                + "25."),
    ]

    private static let space = [
        Setting(
            "RETAIN_CHANGES", reads: .count(1...Int.max), into: \.sync.logChangesMax,
            help: "Changes of a scope that are kept for pulls. Clients further behind take a "
                + "snapshot."),
        Setting(
            "RETAIN_DAYS", reads: .days(1...36_500), into: \.sync.logMillisecondsMax,
            help: "Days that changes and outcomes of mutations are kept, counted while the server "
                + "runs."),
        Setting(
            "OUTCOMES_MAX", reads: .count(1...Int.max), into: \.sync.outcomesMax,
            help: "Outcomes of mutations that the database keeps. Beyond it the oldest go before "
                + "`RETAIN_DAYS`, but for the last of each client of a user. Some 200 bytes each."),
        Setting(
            "RETAIN_BYTES", reads: .bytes(from: 1), into: \.sync.logBytesMin,
            help: "Bytes of a scope's changes that are kept for pulls, or four times the bytes of "
                + "its records if that is more."),
        Setting(
            "QUOTA_SCOPE_RECORDS", reads: .either("off", or: .count(1...1_000_000_000)),
            into: \.sync.quotas.scopeRecords,
            help: "Records of one scope. Mutations that would add more are refused, "
                + "`quota_exceeded`."),
        Setting(
            "QUOTA_SCOPE_BYTES", reads: .either("off", or: .bytes(from: 1)),
            into: \.sync.quotas.scopeBytes,
            help: "Bytes of one scope's records."),
        Setting(
            "QUOTA_USER_SCOPES", reads: .either("off", or: .count(1...1_000_000_000)),
            into: \.sync.quotas.userScopes,
            help: "Scopes that one user may make."),
        Setting(
            "QUOTA_USER_BYTES", reads: .either("off", or: .bytes(from: 1)),
            into: \.sync.quotas.userBytes,
            help: "Bytes of the records in the scopes that one user has made, whoever wrote them."),
        Setting(
            "QUOTA_ADDRESS_SCOPES", reads: .either("off", or: .count(1...1_000_000_000)),
            into: \.sync.quotas.addressScopes,
            help: "Scopes that one address may make if nobody is signed in. An address of IPv6 is "
                + "a /64."),
        Setting(
            "QUOTA_ADDRESS_BYTES", reads: .either("off", or: .bytes(from: 1)),
            into: \.sync.quotas.addressBytes,
            help: "Bytes of the records in the scopes that one address has made."),
        Setting(
            "DISK_FREE_MIN", reads: .either("off", as: 0, or: .bytes(from: 0)),
            into: \.sync.diskFreeBytesMin, default: "`256M`, or a twentieth of a disk below 5G",
            help: "Space left on the database's disk below which pushes get 503 `unavailable`."),
    ]

    /// `DeflateMemory.compressorBytesMax`; nil: no permessage-deflate.
    private var deflateBytesMax: Int? {
        get { deflate?.compressorBytesMax }
        set {
            guard let newValue else { return deflate = nil }
            deflate = deflate ?? DeflateMemory()
            deflate?.compressorBytesMax = newValue
        }
    }
}

// What only one row reads.

extension SettingSyntax where Value == String {
    static var database: SettingSyntax {
        var address = SettingSyntax(
            "sqlite:PATH|postgres://…|memory:",
            expected: "sqlite:PATH, postgres://USER@HOST/NAME or memory:", write: { $0 }
        ) { text in
            let isStore =
                text == "memory:" || DatabaseURL.isPostgres(text)
                || (text.hasPrefix("sqlite:") && text.utf8.count > 7)
            return isStore ? text : nil
        }
        address.mayHoldPassword = true
        return address
    }

    static var logFile: SettingSyntax {
        var file = SettingSyntax("PATH|-", expected: "a file's path or -", write: { $0 }) { text in
            text.utf8.contains(0) || text.utf8.last == UInt8(ascii: "/") ? nil : text
        }
        file.completion = .files
        return file
    }
}

extension SettingSyntax where Value == SecretKeys {
    static var secrets: SettingSyntax {
        SettingSyntax(
            "KEY[,KEY…]", expected: "keys of at least 32 characters, separated by commas",
            // Nobody is shown them.
            write: { _ in "" }, parse: { SecretKeys($0) })
    }
}

extension SettingSyntax where Value == RunAs {
    static var identity: SettingSyntax {
        SettingSyntax(
            "USER[:GROUP]", expected: "user or user:group", write: \.description,
            parse: { RunAs($0) })
    }
}

extension SettingSyntax where Value == [String] {
    /// Paths of which some may be empty.
    static var responses: SettingSyntax {
        var paths = SettingSyntax.list(
            of: "paths", as: "PATH", write: { $0.joined(separator: ",") }, complaint: { _ in "" },
            parse: { $0 })
        paths.completion = .files
        return paths
    }
}
