// SHA-256 by OpenSSL, which uses the processor's instructions for it: for what is hashed with each
// request, such as a token of a kilobyte, where `SHA256` of the room Bytes takes ten times as long.
// No allocation. Any thread.

import COpenSSL

/// The 32 bytes of a SHA-256 digest (FIPS 180-4), as a key of dictionaries.
public struct MessageDigest: Hashable, Sendable {
    private let words: InlineArray<4, UInt64>

    /// The digest of `message`. O(n).
    public init(sha256 message: UnsafeRawBufferPointer) {
        var words = InlineArray<4, UInt64>(repeating: 0)
        withUnsafeMutableBytes(of: &words) { room in
            let digest = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
            // It fails only where memory is short, as an allocation of Swift's would, which traps.
            let result = co_sha256(message.baseAddress, message.count, digest)
            precondition(result == 0, "no memory for a digest")
        }
        self.words = words
    }

    /// The 32 bytes.
    public var bytes: [UInt8] { withUnsafeBytes(of: words) { [UInt8]($0) } }

    public static func == (left: MessageDigest, right: MessageDigest) -> Bool {
        (0..<4).allSatisfy { left.words[$0] == right.words[$0] }
    }

    public func hash(into hasher: inout Hasher) {
        // Each part of a digest is as good as another.
        hasher.combine(words[0])
    }
}
