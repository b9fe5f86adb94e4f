// The token of a session: 256 random bits, which only the browser has. The server stores their
// SHA-256 alone, so a stolen copy of the database lets nobody in. A value; any thread.

import MizuBytes
import MizuEventLoop

/// 256 random bits that prove a session, written as 43 characters of base 64 for URLs.
public struct SessionToken: Hashable, Sendable {
    private let first, second, third, fourth: UInt64

    /// Characters of a token's text.
    public static let textCount = 43

    /// A fresh one, from the kernel.
    public static func random() -> SessionToken { SessionToken(Randomness.bytes(32)) }

    /// - Parameter bytes: 32 of them.
    init(_ bytes: [UInt8]) {
        precondition(bytes.count == 32, "a session's token has 32 bytes")
        var words: [UInt64] = []
        for start in stride(from: 0, to: 32, by: 8) {
            words.append(bytes[start..<start + 8].reduce(0) { $0 << 8 | UInt64($1) })
        }
        (first, second, third, fourth) = (words[0], words[1], words[2], words[3])
    }

    /// Reads a token's text; nil for any other text. Allocates nothing: it is asked of each request
    /// of somebody who is signed in.
    public init?(_ text: UnsafeRawBufferPointer) {
        guard text.count == Self.textCount else { return nil }
        var words = InlineArray<4, UInt64>(repeating: 0)
        var (bits, bitCount, taken): (UInt32, Int, Int) = (0, 0, 0)
        for byte in text {
            guard let digit = Self.value(of: byte) else { return nil }
            bits = bits << 6 | UInt32(digit)
            bitCount += 6
            guard bitCount >= 8 else { continue }
            bitCount -= 8
            words[taken >> 3] = words[taken >> 3] << 8 | UInt64(bits >> UInt32(bitCount) & 0xFF)
            taken += 1
        }
        // 43 digits are 258 bits: the last two must be 0, or a token would have several texts.
        guard taken == 32, bits & 0x3 == 0 else { return nil }
        (first, second, third, fourth) = (words[0], words[1], words[2], words[3])
    }

    /// The same from a `String`.
    public init?(_ text: String) {
        var text = text
        guard let token = text.withUTF8({ SessionToken(UnsafeRawBufferPointer($0)) }) else {
            return nil
        }
        self = token
    }

    /// Random in every token that was given out.
    var lowBits: UInt64 { fourth }

    private var bytes: [UInt8] {
        [first, second, third, fourth].flatMap { word in
            stride(from: 56, through: 0, by: -8).map {
                UInt8(truncatingIfNeeded: word >> UInt64($0))
            }
        }
    }

    /// What the cookie holds. A secret: it must not come into a log.
    public var text: String {
        String(decoding: Base64.encode(bytes, alphabet: .url), as: UTF8.self)
    }

    /// What is stored: the SHA-256 of the 32 bytes, in hexadecimal digits.
    public var hash: String { SHA256.digest(bytes).hex }

    /// The name of the session for people and for `Request.credential`: half of the hash. It proves
    /// nothing.
    public var credential: String { Self.credential(ofHash: hash) }

    /// The name of the session with this hash.
    public static func credential(ofHash hash: String) -> String { String(hash.prefix(32)) }

    private static func value(of byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
        case UInt8(ascii: "-"): 62
        case UInt8(ascii: "_"): 63
        default: nil
        }
    }
}

extension SessionToken: CustomStringConvertible {
    /// Names the session without telling the token: it may come into a log.
    public var description: String { "session \(credential)" }
}
