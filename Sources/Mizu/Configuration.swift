// What an operator may set, in one table: each setting has an environment variable, a default, a
// sentence, and a parser that says what is wrong. The command's flags, the README's table and
// `App` all read this one. Only `processEnvironment` looks at the environment.

import Glibc
import Logging
import MizuAccessLog
import MizuProcess
import MizuServer
import MizuSyncService
import MizuTransport

/// A setting that could not be understood; `description` is one line for a person.
public struct ConfigurationError: Error, CustomStringConvertible, Sendable {
    public let description: String
}

/// How the process is to run. A value; made once at start.
public struct Configuration: Sendable {
    public var addresses = [ListenAddress(host: "127.0.0.1", port: 8080)]
    /// Templates and files are read from disk, again at each request, and errors show in the page.
    public var isDevelopment = false
    public var database = "sqlite:data/mizu.db"
    /// Nil: one for each CPU.
    public var workers: Int?
    public var hosts = Hosts.own
    public var allowedOrigins = AllowedOrigins()
    public var drainMilliseconds: UInt64 = 5_000
    public var logLevel = Logger.Level.info
    public var heartbeatMilliseconds: UInt64 = 25_000
    /// Changes of a scope that are kept for pulls, and for how long.
    public var retainedChanges = 1_000_000
    public var retainedMilliseconds: Int64 = 7 * 86_400_000
    public var publicPort = PublicPort()
    /// Reads of the store; `LIMIT_EXEMPT` says whose are not counted.
    public var reads = ReadLimits()
    public var sockets = SocketMemory()
    /// What may be kept.
    public var space = Space()
    public var peers = PeerAllowance()

    /// Who to become once ports are bound and keys are read; nil: stay who we are.
    public var runAs: RunAs?
    /// The access log's file, `-` for standard output; nil: none.
    public var accessLog: String?
    public var accessLogFormat = AccessLogFormat.json

    /// Certificates and where they are shown.
    public var tls = TLS()

    public init() {}

    /// The defaults with what `environment` (name to text) says; a name with an empty text counts
    /// as not set.
    public static func from(
        environment: [String: String]
    ) throws(ConfigurationError) -> Configuration {
        var configuration = Configuration()
        for setting in settings {
            guard let text = environment[setting.name], !text.isEmpty else { continue }
            try configuration.set(setting.name, to: text)
        }
        return configuration
    }

    /// The process's environment, name to text. What is not UTF-8 is repaired.
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

    /// Sets one setting by its environment name.
    public mutating func set(_ name: String, to text: String) throws(ConfigurationError) {
        guard let setting = Self.settings.first(where: { $0.name == name }) else {
            throw ConfigurationError(description: "there is no setting \(name)")
        }
        if let complaint = setting.apply(&self, text) {
            throw ConfigurationError(description: "\(name)=\(text): \(complaint)")
        }
    }
}

extension Configuration {
    /// One row of the table.
    public struct Setting: Sendable {
        public let name: String
        public let fallback: String
        public let help: String
        /// Applies the text, or says what is wrong with it.
        let apply: @Sendable (inout Configuration, String) -> String?
    }

    /// Every setting, in the order in which people read them.
    public static let settings: [Setting] =
        generalSettings + originSettings + quotaSettings + socketSettings + peerSettings
        + tlsSettings
        + publicPortSettings
        + readSettings

    private static let generalSettings: [Setting] = [
        Setting(
            name: "ADDR", fallback: "127.0.0.1:8080",
            help: "Where to listen: host:port, :port for every address of the machine, several "
                + "with commas; port 0 lets the kernel choose"
        ) { configuration, text in
            guard let addresses = parseAddresses(text) else { return addressesExpected }
            configuration.addresses = addresses
            return nil
        },
        Setting(
            name: "DATABASE_URL", fallback: "sqlite:data/mizu.db",
            help: "sqlite:PATH (relative to the working directory unless it begins with /), memory:"
        ) { configuration, text in
            guard text == "memory:" || (text.hasPrefix("sqlite:") && text.utf8.count > 7) else {
                return "write sqlite:PATH or memory:"
            }
            configuration.database = text
            return nil
        },
        Setting(name: "WORKERS", fallback: "one a CPU", help: "Event loops, a thread each") {
            configuration, text in
            guard let count = Int(text), (1...1024).contains(count) else {
                return "write a number from 1 to 1024"
            }
            configuration.workers = count
            return nil
        },
        Setting(
            name: "DEV", fallback: "false",
            help: "true: templates and files come from disk and errors show in the page"
        ) { configuration, text in
            guard let flag = parseFlag(text) else { return "write true or false" }
            configuration.isDevelopment = flag
            return nil
        },
        Setting(
            name: "DRAIN_TIMEOUT", fallback: "5",
            help: "Seconds that open requests and sockets have to end after SIGTERM"
        ) { configuration, text in
            guard let milliseconds = parseSeconds(text, max: 3600) else {
                return "write seconds from 0 to 3600"
            }
            configuration.drainMilliseconds = UInt64(milliseconds)
            return nil
        },
        Setting(
            name: "LOG_LEVEL", fallback: "info",
            help: "trace, debug, info, notice, warning, error or critical, on standard error"
        ) { configuration, text in
            guard let level = Logger.Level(rawValue: text.lowercased()) else {
                return "write trace, debug, info, notice, warning, error or critical"
            }
            configuration.logLevel = level
            return nil
        },
        Setting(
            name: "RETAIN_CHANGES", fallback: "1000000",
            help: "Changes of a scope kept for pulls; clients further behind take a snapshot"
        ) { configuration, text in
            guard let count = Int(text), count >= 1 else { return "write a number from 1" }
            configuration.retainedChanges = count
            return nil
        },
        Setting(
            name: "RETAIN_DAYS", fallback: "7",
            help: "Days that changes and the outcomes of mutations are kept"
        ) { configuration, text in
            guard let days = Int64(text), (1...36_500).contains(days) else {
                return "write days from 1 to 36500"
            }
            configuration.retainedMilliseconds = days * 86_400_000
            return nil
        },
        Setting(
            name: "HEARTBEAT", fallback: "25",
            help: "Seconds without a word after which a socket gets one; clients count on 25"
        ) { configuration, text in
            guard let milliseconds = parseSeconds(text, max: 3600), milliseconds >= 100 else {
                return "write seconds from 0.1 to 3600"
            }
            configuration.heartbeatMilliseconds = UInt64(milliseconds)
            return nil
        },
        Setting(
            name: "RUN_AS", fallback: "not set",
            help: "user or user:group to become for good once ports are bound; for a start as root"
        ) { configuration, text in
            guard let identity = RunAs(text) else { return "write user or user:group" }
            configuration.runAs = identity
            return nil
        },
        Setting(
            name: "ACCESS_LOG", fallback: "off",
            help: "A file that gets a line for each request, - for standard output, off"
        ) { configuration, text in
            guard !text.utf8.contains(0), text.utf8.last != UInt8(ascii: "/") else {
                return "write a file's path, - or off"
            }
            configuration.accessLog = text == "off" ? nil : text
            return nil
        },
        Setting(
            name: "ACCESS_LOG_FORMAT", fallback: "json",
            help: "json (an object a line) or common (the common log format)"
        ) { configuration, text in
            guard let format = AccessLogFormat(rawValue: text.lowercased()) else {
                return "write json or common"
            }
            configuration.accessLogFormat = format
            return nil
        },
    ]

    static let addressesExpected =
        "write host:port, :port or [ipv6]:port with a port of 0 to 65535"

    static func parseAddresses(_ text: String) -> [ListenAddress]? {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        let addresses = parts.compactMap { ListenAddress(String($0)) }
        return addresses.count == parts.count ? addresses : nil
    }

    static func parseFlag(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "true", "1", "yes", "on": true
        case "false", "0", "no", "off": false
        default: nil
        }
    }

    static func parseSeconds(_ text: String, max: Double) -> Int? {
        guard let seconds = Double(text), seconds >= 0, seconds <= max else { return nil }
        return Int(seconds * 1000)
    }
}
