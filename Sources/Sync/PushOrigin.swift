// Where a push came from, for the quotas of those who are not signed in: an address's number, of
// which the store keeps a hash with a salt of its own. That is enough to count, and tells a
// reader of the file no address at a glance; it is no secret to whoever tries all of them.

import MizuBytes

/// An address or, for IPv6, the network that one household has.
public struct PushOrigin: Hashable, Sendable {
    private let number: UInt64

    /// - Parameter number: the same for the same address, in every run of the program.
    public init(number: UInt64) { self.number = number }

    func hash(salt: UInt64) -> UInt64 {
        withUnsafeBytes(of: number.littleEndian) { XXHash64.hash($0, seed: salt) }
    }
}
