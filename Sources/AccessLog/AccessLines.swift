// One worker's part of the access log: it remembers each connection's request from its head to its
// answer, writes the line, and hands lines over in batches, so that the log's thread is woken by
// batches and not by requests. It knows no connection but by its token, and looks at no clock.

import MizuBytes
import MizuEventLoop

/// Requests that wait for their answers and lines that wait to be handed over. One worker's thread.
package final class AccessLines {
    /// A batch is handed over when it has so many bytes, or when its first line is so old.
    static let batchBytesMax = 32 * 1024
    static let batchMilliseconds: UInt64 = 100

    private let log: AccessLog
    /// By connection: each has one request under way.
    private var open: [Token: AccessEntry] = [:]
    private var lines: [UInt8] = []
    private var count = 0
    private var firstLine: Instant

    package init(_ log: AccessLog, now: Instant) {
        self.log = log
        firstLine = now
    }

    /// When the lines that wait are to be handed over at the latest; nil where none waits.
    package var due: Instant? {
        count > 0 ? firstLine.adding(milliseconds: Self.batchMilliseconds) : nil
    }

    /// What the request is called that `connection` has under way.
    package func name(of connection: Token) -> String? { open[connection]?.name }

    package func isOpen(_ connection: Token) -> Bool { open[connection] != nil }

    package func begin(_ entry: AccessEntry, on connection: Token) { open[connection] = entry }

    package func note(_ user: String?, on connection: Token) { open[connection]?.user = user }

    /// The request that `connection` has under way; from now on it has none.
    package func take(_ connection: Token) -> AccessEntry? { open.removeValue(forKey: connection) }

    package func add(_ entry: AccessEntry, status: UInt16, bytes: Int, now: Instant) {
        if count == 0 { firstLine = now }
        entry.append(as: log.format, status: status, bytes: bytes, end: now, to: &lines)
        count += 1
        if lines.count >= Self.batchBytesMax { handOver() }
    }

    package func isDue(_ now: Instant) -> Bool { due.map { now >= $0 } ?? false }

    package func handOver() {
        guard count > 0 else { return }
        log.post(lines, count: count)
        lines = []
        count = 0
    }
}
