// Whose space a scope takes (protocol.md, `quota_exceeded`): the user or, where nobody was signed
// in, the address that made it. A name for the sum only; it gives nobody any permission.

import MizuBytes

/// A user or an address, as the quotas count them.
public struct Account: Hashable, Sendable {
    /// A letter for the kind, and then the user's name or eight bytes of an address's hash.
    public let bytes: [UInt8]

    private static let userLetter = UInt8(ascii: "u")
    private static let addressLetter = UInt8(ascii: "a")

    public init(user: Name) { bytes = [Self.userLetter] + user.bytes }

    /// - Parameter hash: of the address with a salt of the store's own, so that no address is
    ///   written down.
    public init(addressHash hash: UInt64) {
        bytes =
            [Self.addressLetter] + (0..<8).map { UInt8(truncatingIfNeeded: hash >> ($0 * 8)) }
    }

    /// What a store kept; nil for anything else.
    public init?(stored bytes: [UInt8]) {
        guard bytes.count > 1 else { return nil }
        self.bytes = bytes
    }

    var isUser: Bool { bytes.first == Self.userLetter }
}

extension Account {
    public static func == (left: Account, right: Account) -> Bool {
        left.bytes.withUnsafeBytes { left in
            right.bytes.withUnsafeBytes { ASCII.equal(left, $0) }
        }
    }

    public func hash(into hasher: inout Hasher) {
        // All at once: an array would be hashed byte by byte.
        bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    }
}

/// What an account's scopes come to.
public struct AccountState: Hashable, Sendable {
    /// Scopes that it has made.
    public var scopeCount: Int
    /// Bytes of the records in them (`ScopeState.byteCount`).
    public var byteCount: Int

    public static let none = AccountState(scopeCount: 0, byteCount: 0)

    public init(scopeCount: Int, byteCount: Int) {
        self.scopeCount = scopeCount
        self.byteCount = byteCount
    }
}
