// How the process is to run: one value, made once at start from the environment and from flags.
// Where a setting is a limit of a room, the field is that room's own value (`limits`, `sync`,
// `reads`), so that it travels no further than one assignment. The table of settings is in
// Configuration+Settings.swift. Only `processEnvironment` looks at the environment.

import Glibc
import Logging
import MizuAccessLog
import MizuIdentity
import MizuProcess
import MizuServer
import MizuSync
import MizuSyncService
import MizuTransport

/// A setting that could not be understood; `description` is one line for a person.
public struct ConfigurationError: Error, CustomStringConvertible, Sendable {
    public let description: String
}

/// How the process is to run. A value; made once at start.
public struct Configuration: Sendable {
    // The process.

    /// Where to listen without TLS.
    public var addresses = [ListenAddress(host: "127.0.0.1", port: 8080)]
    /// `sqlite:PATH`, `postgres://…` or `memory:`.
    public var database = "sqlite:data/mizu.db"
    /// A replica of a PostgreSQL, which readers may ask in its place; nil: none.
    public var readDatabase: String?
    /// Threads that commit, each with a connection, to a database that several processes share;
    /// nil: 4. Others have one.
    public var committers: Int?
    /// Event loops; nil: one for each CPU.
    public var workers: Int?
    /// Templates and files are read from disk, again at each request, and errors show in the page.
    public var isDevelopment = false
    /// How long open requests and sockets may take to end after SIGTERM.
    public var drainMilliseconds: UInt64 = 5_000
    /// The user to become once ports are bound and keys are read; nil: the user that started us.
    public var runAs: RunAs?

    // Its logs.

    /// The least severe messages that are written to standard error.
    public var logLevel = Logger.Level.info
    /// The access log's file, `-` for standard output; nil: none.
    public var accessLog: String?
    /// The format of the access log's lines.
    public var accessLogFormat = AccessLogFormat.json

    // Its operators.

    /// Where metrics are served, and to whom.
    public var admin = AdminSettings()

    // Its peers.

    /// The names that the server answers to.
    public var hosts = Hosts.own
    /// Origins besides the server's own whose pages may read or write.
    public var allowedOrigins = AllowedOrigins()
    /// Certificates, and where they are shown.
    public var tls = TLS()
    /// Proxies, rates and redirects.
    public var publicPort = PublicPort()
    /// Limits of connections and sockets.
    public var limits = ServerLimits()
    /// What peers may make the process hold.
    public var memory = PeerMemory.quarter
    /// Memory for compressing WebSocket messages; nil: no permessage-deflate.
    public var deflate: DeflateMemory? = DeflateMemory()
    /// Bytes of pages that `Sync.page` keeps; 0: none is kept.
    public var pageCacheBytesMax = 16 << 20

    // Its people.

    /// What the server signs with; nil: a key of its own, in a file beside the database.
    public var sessionSecret: SecretKeys?

    // Its state, and the nodes that share it.

    /// How nodes hear of each other.
    public var news = News()

    /// Sizes of requests and answers, retention, quotas.
    public var sync = SyncLimits()
    /// Limits of reads from the store; `LIMIT_EXEMPT` decides whose reads are not counted.
    public var reads = ReadLimits()

    public init() {}

    /// Returns the defaults, changed by `environment` (name to text). A name with an empty text
    /// counts as not set; names that are no settings are ignored.
    /// - Throws: `ConfigurationError` for the first setting whose text is not understood.
    public static func from(
        environment: [String: String]
    ) throws(ConfigurationError) -> Configuration {
        var configuration = Configuration()
        for setting in settings {
            guard let text = environment[setting.name], !text.isEmpty else { continue }
            try configuration.set(setting, to: text)
        }
        return configuration
    }

    /// Returns the process's environment, name to text. Bytes that are not UTF-8 are repaired.
    public static func processEnvironment() -> [String: String] {
        var result: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let pair = String(cString: text)
            if let equals = pair.utf8.firstIndex(of: UInt8(ascii: "=")) {
                result[String(pair[..<equals])] = String(pair[pair.index(after: equals)...])
            }
            entry += 1
        }
        return result
    }

    /// Sets the setting whose environment variable is `name`.
    /// - Throws: `ConfigurationError` if there is no such setting, or the text is not understood.
    public mutating func set(_ name: String, to text: String) throws(ConfigurationError) {
        guard let setting = Self.settings.first(where: { $0.name == name }) else {
            throw ConfigurationError(description: "there is no setting \(name)")
        }
        try set(setting, to: text)
    }

    /// The same for the setting's flag of a command.
    /// - Throws: `ConfigurationError` also if the text holds a secret: every user of the machine
    ///   can read the flags of a process.
    public mutating func set(_ name: String, toFlag text: String) throws(ConfigurationError) {
        let isSecret = Self.settings.first { $0.name == name }?.isSecret ?? false
        try Setting.checkFlag(
            text, instead: "set \(name) in the environment", isSecret: isSecret)
        try set(name, to: text)
    }

    private mutating func set(_ setting: Setting, to text: String) throws(ConfigurationError) {
        do throws(SettingComplaint) {
            try setting.apply(&self, text)
        } catch {
            let text = setting.isHidden || Setting.holdsPassword(text) ? "…" : text
            throw ConfigurationError(description: "\(setting.name)=\(text): \(error)")
        }
    }

    /// Puts all that concerns the server into `server`.
    func apply(to server: inout ServerConfiguration, machine: MachineMemory) {
        server.addresses = addresses
        server.tlsAddresses = tls.addressesInForce(beside: addresses)
        server.drainMilliseconds = drainMilliseconds
        server.limits = limits
        // A socket may miss two heartbeats.
        server.limits.silenceMilliseconds = max(1_000, limits.heartbeatMilliseconds * 3)
        memory.apply(to: &server.limits, machine: machine)
        server.deflate = deflate
        publicPort.apply(to: &server)
    }
}
