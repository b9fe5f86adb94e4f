// The server's own secret, and what it signs: links that reset a password, invitations to sign up,
// the cookie of a browser that is known. What is signed says for what it is good and until when,
// and needs no storage. Several keys may hold at a time: the first signs, all verify, so a key is
// replaced by putting the new one in front and dropping the old one when its links are over. A
// value; any thread. Never write it to a log: it has no description of its own for that reason.

import MizuBytes
import MizuEventLoop

/// Keys for HMAC-SHA-256.
public struct SecretKeys: Sendable {
    private let keys: [[UInt8]]

    /// Characters of a key at least: 32 random ones hold 128 bits even in hexadecimal digits.
    public static let textCountMin = 32

    /// What a signature is for: one for a reset is worth nothing as an invitation.
    public enum Purpose: String, Sendable {
        case reset, invitation, device
    }

    /// Reads keys that are separated by commas, the one that signs first; nil if there is none, or
    /// one is shorter than `textCountMin` characters.
    public init?(_ text: String) {
        let parts = text.split(whereSeparator: { $0 == "," || $0.isWhitespace })
        guard !parts.isEmpty, parts.allSatisfy({ $0.utf8.count >= Self.textCountMin }) else {
            return nil
        }
        keys = parts.map { Array($0.utf8) }
    }

    /// One fresh key, which is gone with this value.
    public static func fresh() -> SecretKeys { SecretKeys(keys: [Randomness.bytes(32)]) }

    private init(keys: [[UInt8]]) { self.keys = keys }

    /// A fresh key's text, for a file.
    public static func freshText() -> String {
        String(decoding: Base64.encode(Randomness.bytes(32), alphabet: .url), as: UTF8.self)
    }

    /// Returns `fields` with an expiry and a signature, in characters that need no escape in a URL.
    public func sign(
        _ fields: [String], for purpose: Purpose, untilMilliseconds: Int64
    ) -> String {
        var body = "1.\(untilMilliseconds)"
        for field in fields {
            let text = Base64.encode(Array(field.utf8), alphabet: .url)
            body += "." + String(decoding: text, as: UTF8.self)
        }
        let code = Self.code(of: body, for: purpose, key: keys[0])
        return body + "." + String(decoding: Base64.encode(code, alphabet: .url), as: UTF8.self)
    }

    /// The fields that were signed for `purpose`; nil if the text was not, or is over.
    public func verify(_ text: String, for purpose: Purpose, now: Int64) -> [String]? {
        open(text, for: purpose, now: now)?.fields
    }

    /// The same with the moment until which they hold.
    public func open(
        _ text: String, for purpose: Purpose, now: Int64
    ) -> (fields: [String], untilMilliseconds: Int64)? {
        guard text.utf8.count <= 4_096, let dot = text.utf8.lastIndex(of: UInt8(ascii: ".")),
            let code = Base64.decode(
                Array(text.utf8[text.utf8.index(after: dot)...]), alphabet: .url)
        else { return nil }
        let body = String(text[..<dot])
        // All keys are tried whatever the first says.
        let isSigned = keys.reduce(false) { found, key in
            ConstantTime.equal(Self.code(of: body, for: purpose, key: key), code) || found
        }
        let parts = body.split(separator: ".", omittingEmptySubsequences: false)
        guard isSigned, parts.count >= 2, parts[0] == "1",
            let end = ASCII.decimal(parts[1]), now < Int64(end)
        else { return nil }
        var fields: [String] = []
        for part in parts.dropFirst(2) {
            guard let bytes = Base64.decode(Array(part.utf8), alphabet: .url),
                let field = String(validating: bytes, as: UTF8.self)
            else { return nil }
            fields.append(field)
        }
        return (fields, Int64(end))
    }

    /// Keys for what a device keeps for `user` while somebody else may use it, in base 64 for URLs:
    /// one for each key of ours, the present one first (HKDF-SHA-256, RFC 5869 §2). Another user's
    /// cannot be computed from them.
    public func deviceKeys(of user: String) -> [String] {
        keys.map { key in
            let extracted = SHA256.authenticationCode(
                of: key, key: Array("mizu device key".utf8))
            let expanded = SHA256.authenticationCode(
                of: Array(user.utf8) + [1], key: extracted.bytes)
            return String(
                decoding: Base64.encode(expanded.bytes, alphabet: .url), as: UTF8.self)
        }
    }

    private static func code(of body: String, for purpose: Purpose, key: [UInt8]) -> [UInt8] {
        // No purpose holds a line feed, so no two pairs come to the same text.
        SHA256.authenticationCode(of: Array((purpose.rawValue + "\n" + body).utf8), key: key).bytes
    }
}
