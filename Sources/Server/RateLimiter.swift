// How often an address and a user may ask: a bucket for each address and one for each user, on
// `/_sync/*` and for every message of a socket (protocol.md, 429 `rate_limited`). A user with many
// addresses has one bucket, and an address with many users has one too. Addresses that are exempt
// are not counted, nor are their users. Any thread.

import MizuEventLoop
import MizuHTTP

public final class RateLimiter: Sendable {
    private let addresses: TokenBuckets
    private let users: TokenBuckets
    private let exempt: AddressRanges

    public init(_ rate: TokenRate, exempt: AddressRanges = .loopback) {
        addresses = TokenBuckets(rate)
        users = TokenBuckets(rate)
        self.exempt = exempt
    }

    /// Who asks, ready to be asked for again and again: one socket says many messages.
    public struct Asker: Sendable {
        fileprivate let address: UInt64
    }

    /// Nil for an address that is exempt, or has none.
    public func asker(_ peer: PeerAddress) -> Asker? {
        guard let key = AddressKey(peer), !exempt.contains(peer) else { return nil }
        return Asker(address: key.hash)
    }

    /// Takes a token of the address and, if somebody is signed in, one of the user.
    /// - Returns: seconds after which to try again, at least 1; nil where it may go on.
    public func wait(_ asker: Asker?, user: String?, now: Instant) -> Int? {
        guard let asker else { return nil }
        let wait = Self.nanoseconds(addresses.take(asker.address, now: now))
        guard wait == 0, let user else { return Self.seconds(wait) }
        var hasher = Hasher()
        hasher.combine(user)
        let key = UInt64(bitPattern: Int64(hasher.finalize()))
        return Self.seconds(Self.nanoseconds(users.take(key, now: now)))
    }

    private static func nanoseconds(_ outcome: TokenOutcome) -> UInt64 {
        switch outcome {
        case .taken: 0
        case .empty(let wait): wait
        }
    }

    private static func seconds(_ nanoseconds: UInt64) -> Int? {
        nanoseconds == 0 ? nil : Int(clamping: (nanoseconds + 999_999_999) / 1_000_000_000)
    }
}
