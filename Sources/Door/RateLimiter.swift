// How often an address and a user may ask, and how much they may send: a bucket for each address,
// one for each /48 of IPv6, and one for each user. Every route, every message of a socket and all
// bytes that come in take from the same buckets (protocol.md, 429 `rate_limited`). A user with many
// addresses has one bucket, and an address with many users has one too. Addresses that are exempt
// are not counted, nor are their users. Any thread.

import MizuEventLoop
import MizuHTTP
import MizuRouting

/// What is counted beside requests and messages, which cost a token each.
package enum RatePrice {
    /// Bytes that cost a token: of bodies and sockets as they come in, and again of messages as
    /// they come out of compression.
    package static let tokenBytes = 16 * 1024
    /// Mutations of a push, beyond its first, that cost a token: a hundred cost 25 besides.
    package static let tokenMutations = 4
}

extension RouteCost {
    /// A sixteenth of a token is a KiB; what is left over is nobody's loss.
    package static func bytes(_ count: Int) -> RouteCost {
        RouteCost(parts: max(0, count) / (RatePrice.tokenBytes / partsPerToken))
    }

    /// Those of one push: the first is paid for with its request or message.
    package static func mutations(_ count: Int) -> RouteCost {
        RouteCost(parts: max(0, min(count, 1 << 20) - 1) * partsPerToken / RatePrice.tokenMutations)
    }
}

package final class RateLimiter: Sendable {
    private let addresses: TokenBuckets
    private let networks: TokenBuckets
    private let users: TokenBuckets
    private let exempt: AddressRanges

    package init(_ rate: TokenRate, exempt: AddressRanges = .loopback) {
        addresses = TokenBuckets(rate)
        networks = TokenBuckets(rate.multiplied(by: AddressLimits.networkMultiple))
        users = TokenBuckets(rate)
        self.exempt = exempt
    }

    /// Who asks, ready to be asked for again and again: one socket says many messages.
    package struct Asker: Sendable {
        fileprivate let address: UInt64
        /// Of the /48; 0 where there is none.
        fileprivate let network: UInt64
    }

    /// Nil for an address that is exempt, or has none.
    package func asker(_ peer: PeerAddress) -> Asker? {
        guard let key = AddressKey(peer), !exempt.contains(peer) else { return nil }
        return Asker(address: key.hash, network: AddressKey(networkOf: peer)?.hash ?? 0)
    }

    /// Takes `cost` from the address and, if somebody is signed in, from the user.
    /// - Returns: seconds after which to try again, at least 1; nil where it may go on.
    package func wait(
        _ asker: Asker?, user: String?, _ cost: RouteCost = .one, now: Instant
    ) -> Int? {
        guard let asker else { return nil }
        if let wait = wait(asker, cost, now: now) { return wait }
        return user.flatMap { wait(asker, of: $0, cost, now: now) }
    }

    /// Takes `cost` from the address. Where its /48 has nothing left the address is not asked: one
    /// /48 has 65,536 of them, and must not fill the places of all others.
    package func wait(_ asker: Asker, _ cost: RouteCost, now: Instant) -> Int? {
        if asker.network != 0, let wait = Self.seconds(networks.look(asker.network, cost, now: now))
        {
            return wait
        }
        if let wait = Self.seconds(addresses.take(asker.address, cost, now: now)) { return wait }
        if asker.network != 0 { networks.charge(asker.network, cost, now: now) }
        return nil
    }

    /// Takes `cost` from the user alone.
    package func wait(_ asker: Asker?, of user: String, _ cost: RouteCost, now: Instant) -> Int? {
        asker == nil ? nil : Self.seconds(users.take(Self.key(of: user), cost, now: now))
    }

    /// Takes what is known only now, whatever is left: the next request or message waits for it.
    package func charge(_ asker: Asker?, user: String?, _ cost: RouteCost, now: Instant) {
        guard let asker, cost.parts > 0 else { return }
        addresses.charge(asker.address, cost, now: now)
        if asker.network != 0 { networks.charge(asker.network, cost, now: now) }
        if let user { users.charge(Self.key(of: user), cost, now: now) }
    }

    private static func key(of user: String) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(user)
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }

    private static func seconds(_ outcome: TokenOutcome) -> Int? {
        switch outcome {
        case .taken: nil
        case .empty(let wait): Int(clamping: (wait + 999_999_999) / 1_000_000_000)
        }
    }
}
