// What the log says of refused requests: one line a minute for hosts and one for
// origins, with what was asked and what would help, because the two reasons look the same: somebody
// attacks, or a proxy or a setting is not as it should be. Peers choose what is quoted: it is cut,
// and only printable ASCII.

import Logging
import MizuEventLoop
import MizuHTTP
import Synchronization

/// Any thread. Asked only for requests that are refused.
final class RefusalLog: Sendable {
    private struct Told {
        var host = LogEpisode()
        var origin = LogEpisode()
        var proxy = false
    }

    private static let quotedBytesMax = 100

    private let told = Mutex(Told())
    private let logger: Logger
    /// What the server answers as, for the line about hosts.
    private let names: String
    /// Whether limits leave out connections from this machine.
    private let exemptsLoopback: Bool

    init(_ logger: Logger, names: String, exemptsLoopback: Bool) {
        self.logger = logger
        self.names = names
        self.exemptsLoopback = exemptsLoopback
    }

    func refusedHost(_ request: borrowing Request) {
        guard occurs(\.host) == .isNews else { return }
        let host = Self.quoted(request.authority.bytes(in: request.bytesOfHead))
        logger.warning(
            """
            421 for the Host \(host): this server answers to \(names). If that name is its own, \
            add it to HOSTS. (At most one such line a minute.)
            """
        )
    }

    func refusedOrigin(_ request: borrowing Request, _ denial: OriginPolicy.Denial) {
        guard occurs(\.origin) == .isNews else { return }
        let bytes = request.bytesOfHead
        let origin = request.head.first("origin", in: bytes).map { $0.bytes(in: bytes) }
        logger.warning(
            """
            403 origin_denied: Origin \(origin.map(Self.quoted) ?? "none"), Host \
            \(Self.quoted(request.authority.bytes(in: bytes))). Likely cause: \
            \(OriginPolicy.likelyCause(of: denial, on: request)). (At most one such line a minute.)
            """
        )
    }

    func unnamedProxy(_ peer: PeerAddress) {
        let isFirst = told.withLock { told in
            defer { told.proxy = true }
            return !told.proxy
        }
        guard isFirst else { return }
        logger.warning(
            """
            a proxy on this machine (\(peer.host)) sends X-Forwarded-For, but TRUSTED_PROXIES is \
            not set: all of its clients count as \(peer.host), \
            \(exemptsLoopback ? "which has no limits" : "and share one allowance"). Set \
            TRUSTED_PROXIES=\(peer.host) if the proxy sets that field itself
            """
        )
    }

    private func occurs(
        _ kind: WritableKeyPath<Told, LogEpisode> & Sendable
    ) -> LogEpisode.Occurrence {
        let now = Instant.now
        return told.withLock { $0[keyPath: kind].occurs(at: now) }
    }

    private static func quoted(_ bytes: UnsafeRawBufferPointer) -> String {
        if bytes.isEmpty { return "none" }
        let shown = bytes.prefix(quotedBytesMax).map { byte in
            (0x20..<0x7F).contains(byte) && byte != UInt8(ascii: "\"") ? byte : UInt8(ascii: "?")
        }
        return "\"" + String(decoding: shown, as: UTF8.self) + "\""
            + (bytes.count > quotedBytesMax ? "…" : "")
    }
}
