// Tokens that were found good a short while ago, by their SHA-256, so that a client that sends the
// same token with each request pays for its signature once. Bounded: two halves, of which the
// older is dropped when the younger is full; so what is used stays, and no clock is asked. Holds
// no token. A value of its owner.

import MizuCrypto

/// What good tokens are worth, by their digests.
struct RecentTokens<Worth: Sendable>: Sendable {
    /// Entries in each half.
    private let halfMax: Int
    private var young: [MessageDigest: Worth] = [:]
    private var old: [MessageDigest: Worth] = [:]

    /// - Parameter countMax: entries that are kept at most.
    init(countMax: Int) { halfMax = max(1, countMax / 2) }

    var count: Int { young.count + old.count }

    /// What is known of a token. O(1).
    mutating func worth(of digest: MessageDigest) -> Worth? {
        if let worth = young[digest] { return worth }
        guard let worth = old.removeValue(forKey: digest) else { return nil }
        keep(worth, of: digest)
        return worth
    }

    /// Notes what a token is worth. O(1).
    mutating func keep(_ worth: Worth, of digest: MessageDigest) {
        if young.count >= halfMax {
            old = young
            young = [:]
        }
        young[digest] = worth
    }

    mutating func remove(_ digest: MessageDigest) {
        young[digest] = nil
        old[digest] = nil
    }

    mutating func removeAll() {
        young = [:]
        old = [:]
    }

    /// Drops every entry that `isGone` names. O(entries).
    mutating func removeAll(where isGone: (Worth) -> Bool) {
        young = young.filter { !isGone($0.value) }
        old = old.filter { !isGone($0.value) }
    }
}
