// Who may come in: counts the process's connections and those of each address when one begins and
// when it ends. Who may not is told so at once, before it asks: 503 where the house is full, 429
// where its address has enough, both with Retry-After; those who are in are not disturbed.
// Any thread; two atomic additions for a connection, and a short lock where addresses are counted.

import CLinux
import MizuHTTP
import Synchronization

package final class Admission: Sendable {
    private let connectionsMax: Int
    package let addresses: AddressTable?
    package let proxies: TrustedProxies
    private let count = Atomic<Int>(0)

    /// Descriptors that the process keeps for what is no connection: database, logs, listeners.
    private static let descriptorsReserved = 128

    package enum Verdict {
        /// Came in. Whether its address was counted, too.
        case admitted(isCounted: Bool)
        /// The total is reached.
        case full
        /// The address has as many as it may have.
        case addressFull
    }

    /// - Parameters:
    ///   - connectionsMax: connections of the process; nil: what the limit of open files leaves.
    ///   - addressLimits: limits for each address; nil: none.
    ///   - proxies: whose own addresses are not counted.
    package init(
        connectionsMax: Int?, addressLimits: AddressLimits?, proxies: TrustedProxies
    ) {
        self.connectionsMax = connectionsMax ?? Self.connectionsMaxDerived()
        addresses = addressLimits.map { AddressTable($0) }
        self.proxies = proxies
    }

    /// What the limit of open files leaves. With few of them there is none: the reserve descriptor
    /// sheds what is too much.
    private static func connectionsMaxDerived() -> Int {
        let files = Int(clamping: cl_open_files())
        return files >= 1024 ? files - descriptorsReserved : .max
    }

    /// Connections that are in; for tests and people.
    package var connectionCount: Int { count.load(ordering: .relaxed) }

    /// Counts a new connection. A proxy's own address is not counted: it brings everybody's.
    package func enter(_ peer: PeerAddress) -> Verdict {
        guard count.add(1, ordering: .relaxed).newValue <= connectionsMax else {
            count.subtract(1, ordering: .relaxed)
            return .full
        }
        guard let addresses, !proxies.contains(peer) else { return .admitted(isCounted: false) }
        switch addresses.enter(peer) {
        case .counted: return .admitted(isCounted: true)
        case .free: return .admitted(isCounted: false)
        case .refused:
            count.subtract(1, ordering: .relaxed)
            return .addressFull
        }
    }

    /// A connection that came in has ended.
    /// - Parameter peer: its address where that was counted.
    package func leave(_ peer: PeerAddress?) {
        count.subtract(1, ordering: .relaxed)
        if let peer { addresses?.leave(peer) }
    }

    // MARK: What the others are told

    package static func refusal(_ verdict: Verdict) -> Response {
        switch verdict {
        case .admitted, .full: full
        case .addressFull: addressFull
        }
    }

    private static let full = refusal(
        HTTPError(
            .serviceUnavailable, code: "unavailable",
            message: "too many connections; try again later"))

    private static let addressFull = refusal(
        HTTPError(
            .tooManyRequests, code: "rate_limited",
            message: "too many connections from this address; try again later"))

    private static func refusal(_ error: HTTPError) -> Response {
        var response = Response(error)
        response.connection = .close
        response.set("Retry-After", literal: "5")
        return response
    }
}
