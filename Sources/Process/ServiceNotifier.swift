// Reports to the service manager: one datagram for each event, lines of NAME=VALUE (sd_notify(3)).
// The socket is connected once, before the process gives up its rights. A report that cannot be
// delivered is lost: serving goes on.

import CLinux
import MizuEventLoop

/// The way to whoever started the process. Any thread.
package final class ServiceNotifier: Sendable {
    private let socket: Descriptor
    /// How long the process may say nothing before it is killed; nil: no watchdog.
    package let watchdogMilliseconds: UInt64?

    /// - Parameter path: `NOTIFY_SOCKET`; a leading `@` stands for an abstract name.
    package init(
        path: String, watchdogMicroseconds: UInt64? = nil
    ) throws(SystemError) {
        socket = Descriptor(
            owning: try SystemError.check("connect", cl_connect_datagrams(path)))
        watchdogMilliseconds = watchdogMicroseconds.map { max(2, $0 / 1_000) }
    }

    /// Clients are accepted.
    package func ready(status: String) { send("READY=1\nSTATUS=" + Self.line(status)) }

    /// Settings are read again; `ready` must follow. The time tells a report of this reload from
    /// one that was under way (Type=notify-reload).
    package func reloading() {
        let microseconds = Instant.now.nanoseconds / 1_000
        send("RELOADING=1\nMONOTONIC_USEC=\(microseconds)\nSTATUS=reloading")
    }

    /// The process finishes what is under way and ends.
    package func stopping() { send("STOPPING=1\nSTATUS=draining") }

    /// Every worker has proved that it lives.
    package func alive() { send("WATCHDOG=1") }

    /// A value ends with its line.
    private static func line(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).joined(separator: " ")
    }

    private func send(_ text: String) {
        let bytes = Array(text.utf8)
        _ = bytes.withUnsafeBytes { cl_send(socket.raw, $0.baseAddress, $0.count) }
    }
}
