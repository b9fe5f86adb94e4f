// How much each address has: connections that are open, and new TLS handshakes a second. One table
// for the process, because the kernel spreads an address's connections over all workers; touched
// when a connection begins and ends, never for a request. Any thread.
//
// Bounded by what it counts: an address has an entry while it has a connection, so there are never
// more entries than connections, whoever owns how many addresses; handshakes are in TokenBuckets,
// whose memory is fixed. IPv6 is counted by /64, which is the least that one customer gets, and
// again by /48, which is what many get (RFC 6177).

import MizuEventLoop
import MizuHTTP
import Synchronization

/// Limits for each address. Those in `exempt` have none.
public struct AddressLimits: Sendable {
    /// Connections of one address; beyond it new ones are answered 429. Nil: no limit.
    public var connectionsMax: Int? = 1_000
    /// New TLS handshakes of one address; beyond it new ones are closed. Nil: no limit.
    public var handshakes: TokenRate? = TokenRate(perSecond: 50, burst: 200)
    public var exempt = AddressRanges.loopback
    /// A /48 of IPv6, which is what a site gets (RFC 6177), has so many times what one of its /64
    /// has: of connections, handshakes and tokens.
    public static let networkMultiple = 8

    public init() {}
}

/// An address as limits see it: IPv4 whole, IPv6 its first 64 bits, and again its first 48.
package struct AddressKey: Hashable, Sendable {
    private let bits: UInt64
    private let kind: Kind

    private enum Kind: UInt8 { case v4, v6, network }

    /// Nil for a Unix socket, which has no address.
    package init?(_ peer: PeerAddress) {
        switch peer {
        case .v4(let address, _): (bits, kind) = (UInt64(address), .v4)
        case .v6(let high, _, _): (bits, kind) = (high, .v6)
        case .local: return nil
        }
    }

    /// The /48 of an IPv6 address; nil for all others.
    package init?(networkOf peer: PeerAddress) {
        guard case .v6(let high, _, _) = peer else { return nil }
        (bits, kind) = (high >> 16, .network)
    }

    /// 64 mixed bits; others in each process, so that nobody can choose what collides.
    package var hash: UInt64 {
        var hasher = Hasher()
        hash(into: &hasher)
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }
}

/// Connections and handshakes by address.
package final class AddressTable: Sendable {
    private let limits: AddressLimits
    private let shards: [Shard]
    private let handshakes: TokenBuckets?
    private let networkHandshakes: TokenBuckets?

    private static let shardCount = 16

    private final class Shard: Sendable {
        let counts = Mutex<[AddressKey: Int]>([:])
    }

    package init(_ limits: AddressLimits) {
        self.limits = limits
        shards = (0..<Self.shardCount).map { _ in Shard() }
        handshakes = limits.handshakes.map { TokenBuckets($0) }
        networkHandshakes = limits.handshakes.map {
            TokenBuckets($0.multiplied(by: AddressLimits.networkMultiple))
        }
    }

    package enum Counting: Sendable, Equatable {
        /// Counted: `leave` must be called when the connection ends.
        case counted
        /// Exempt, or there is no limit.
        case free
        /// The address has as many as it may have.
        case refused
    }

    /// Counts a new connection of `peer`.
    package func enter(_ peer: PeerAddress) -> Counting {
        guard let connectionsMax = limits.connectionsMax, let key = AddressKey(peer),
            !limits.exempt.contains(peer)
        else { return .free }
        guard count(key, atMost: connectionsMax) else { return .refused }
        if let network = AddressKey(networkOf: peer),
            !count(network, atMost: connectionsMax * AddressLimits.networkMultiple)
        {
            forget(key)
            return .refused
        }
        return .counted
    }

    private func count(_ key: AddressKey, atMost countMax: Int) -> Bool {
        shard(of: key).counts.withLock { counts in
            let count = counts[key, default: 0]
            guard count < countMax else { return false }
            counts[key] = count + 1
            return true
        }
    }

    /// A connection that was `.counted` has ended.
    package func leave(_ peer: PeerAddress) {
        guard let key = AddressKey(peer) else { return }
        forget(key)
        if let network = AddressKey(networkOf: peer) { forget(network) }
    }

    private func forget(_ key: AddressKey) {
        shard(of: key).counts.withLock { counts in
            let count = counts[key, default: 0]
            counts[key] = count > 1 ? count - 1 : nil
        }
    }

    /// Whether `peer` may begin a TLS handshake now; takes one of its tokens.
    package func admitHandshake(_ peer: PeerAddress, now: Instant) -> Bool {
        guard let handshakes, let key = AddressKey(peer), !limits.exempt.contains(peer) else {
            return true
        }
        // As in `RateLimiter`: a /48 that has nothing left takes no places of others.
        let network = AddressKey(networkOf: peer)?.hash
        if let network, networkHandshakes?.look(network, now: now) != .taken { return false }
        guard handshakes.take(key.hash, now: now) == .taken else { return false }
        if let network { networkHandshakes?.charge(network, .one, now: now) }
        return true
    }

    /// Addresses, and networks of IPv6, that have a connection. O(shards); for tests and people.
    package var addressCount: Int {
        shards.reduce(0) { $0 + $1.counts.withLock { $0.count } }
    }

    private func shard(of key: AddressKey) -> Shard {
        shards[Int(truncatingIfNeeded: key.hash >> 60)]
    }
}
