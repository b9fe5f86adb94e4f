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
        var (word, bitCount, taken): (UInt64, UInt64, Int) = (0, 0, 0)
        for index in 0..<Self.textCount {
            let digit = UInt64(Self.values[Int(text[index])])
            guard digit < 64 else { return nil }
            guard bitCount > 58 else {
                word = word << 6 | digit
                bitCount += 6
                continue
            }
            // The word's last bits, and the first of the next one.
            let rest = bitCount - 58
            words[taken] = word << (6 - rest) | digit >> rest
            taken += 1
            (word, bitCount) = (digit & (1 << rest - 1), rest)
        }
        // 43 digits are 258 bits: the last two must be 0, or a token would have several texts.
        guard taken == 4, word == 0 else { return nil }
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

    /// The value of each byte as a digit of base 64 for URLs; 64: it is none. A literal, so it is
    /// data: the cookie of each request is read with it.
    private static let values: InlineArray<256, UInt8> = [
        64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
        64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
        64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 62, 64, 64,
        52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 64, 64, 64, 64, 64, 64,
        64, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
        15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 64, 64, 64, 64, 63,
        64, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
        41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 64, 64, 64, 64, 64,
        64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
        64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
        64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
        64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
        64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
        64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
        64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
        64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    ]
}

extension SessionToken: CustomStringConvertible {
    /// Names the session without telling the token: it may come into a log.
    public var description: String { "session \(credential)" }
}
