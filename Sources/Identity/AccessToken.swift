// The form of this server's own tokens: `mizu_`, 32 random bytes and a checksum, in base64url. The
// prefix makes one recognisable wherever it was left (a log, a repository); the checksum tells one
// that was torn or mistyped from one that was revoked, and lets a guess cost no look at the store.

import MizuBytes
import MizuEventLoop

/// A token in the form in which its owner has it. It is shown once and never stored.
public struct AccessToken: Sendable, Equatable {
    /// How each of them begins.
    public static let prefix = "mizu_"
    private static let secretBytes = 32
    /// The first bytes of the secret's SHA-256.
    private static let checkBytes = 4
    /// Characters of a whole one.
    public static let textBytes = prefix.utf8.count + (secretBytes + checkBytes) * 4 / 3

    /// The whole text. A secret: it must not come into a log.
    public let text: String
    /// What is kept of it: the SHA-256 of the text, in hexadecimal digits.
    public let hash: String

    /// A fresh one, from the kernel's random numbers.
    public static func random() -> AccessToken {
        AccessToken(secret: Randomness.bytes(secretBytes))
    }

    private init(secret: [UInt8]) {
        let bytes = secret + SHA256.digest(secret).bytes.prefix(Self.checkBytes)
        text = Self.prefix + String(decoding: Base64.encode(bytes, alphabet: .url), as: UTF8.self)
        hash = SHA256.digest(text).hex
    }

    /// Its name for people and for `Request.credential`: a part of the hash. It proves nothing.
    public var credential: String { Self.credential(ofHash: hash) }

    /// The name of the token with this hash.
    public static func credential(ofHash hash: String) -> String { "token:" + hash.prefix(24) }

    /// Reads a token's text; nil for every other text, those with a wrong checksum among them.
    public init?(_ text: UnsafeRawBufferPointer) {
        guard text.count == Self.textBytes, text.starts(with: Self.prefix.utf8),
            let bytes = Base64.decode(
                text.part(Self.prefix.utf8.count...), alphabet: .url),
            bytes.count == Self.secretBytes + Self.checkBytes
        else { return nil }
        let token = AccessToken(secret: Array(bytes.prefix(Self.secretBytes)))
        guard text.elementsEqual(token.text.utf8) else { return nil }
        self = token
    }
}

extension AccessToken: CustomStringConvertible {
    /// Names no token: it may come into a log.
    public var description: String { "\(Self.prefix)…" }
}
