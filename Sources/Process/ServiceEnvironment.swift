// What the process's service manager (systemd, or whatever speaks its protocol) says in the
// environment: listening sockets that it has opened, where to report, how often to prove life
// (sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3)). Text to values; touches nothing.

import MizuTransport

/// What the service manager offers and asks for.
package struct ServiceEnvironment: Sendable, Equatable {
    /// Sockets that may be passed in; beyond it the process does not start.
    package static let inheritedMax = 64
    /// The first descriptor behind the three standard ones (SD_LISTEN_FDS_START).
    static let firstDescriptor: Int32 = 3
    /// To be taken out of the environment once they are read: they are not for children.
    package static let variables = [
        "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID",
        "LISTEN_FDNAMES", "LISTEN_PIDFDID",
    ]

    /// A path, or `@` and an abstract name: where to report.
    package private(set) var notifySocket: String?
    /// Without a sign of life for that long the process is killed.
    package private(set) var watchdogMicroseconds: UInt64?
    package private(set) var inherited: [InheritedSocket] = []

    package init() {}

    /// - Parameters:
    ///   - environment: name to text; an empty text counts as not set.
    ///   - processID: what is meant for another process is left alone.
    /// - Throws: one line for people.
    package init(
        environment: [String: String], processID: Int32
    ) throws(ServiceEnvironmentError) {
        func text(_ name: String) -> String? {
            environment[name].flatMap { $0.isEmpty ? nil : $0 }
        }
        notifySocket = text("NOTIFY_SOCKET")
        if let microseconds = text("WATCHDOG_USEC") {
            guard let value = UInt64(microseconds), value > 0 else {
                throw ServiceEnvironmentError("WATCHDOG_USEC=\(microseconds) is not a duration")
            }
            // Without WATCHDOG_PID it is for whoever reads it.
            let isOurs = text("WATCHDOG_PID").map { Int32($0) == processID } ?? true
            if isOurs, notifySocket != nil { watchdogMicroseconds = value }
        }
        if let count = text("LISTEN_FDS"), text("LISTEN_PID").flatMap({ Int32($0) }) == processID {
            try readSockets(count, names: text("LISTEN_FDNAMES"))
        }
    }

    private mutating func readSockets(
        _ text: String, names: String?
    ) throws(ServiceEnvironmentError) {
        guard let count = Int32(text), (0...Int32(Self.inheritedMax)).contains(count) else {
            throw ServiceEnvironmentError(
                "LISTEN_FDS=\(text) is not a number from 0 to \(Self.inheritedMax)")
        }
        let given = names.map { $0.split(separator: ":", omittingEmptySubsequences: false) } ?? []
        for position in 0..<Int(count) {
            let name = position < given.count ? String(given[position]) : nil
            inherited.append(
                InheritedSocket(descriptor: Self.firstDescriptor + Int32(position), name: name))
        }
    }
}

/// What the environment says that cannot be.
package struct ServiceEnvironmentError: Error, Equatable, CustomStringConvertible, Sendable {
    package let description: String

    init(_ description: String) { self.description = description }
}
