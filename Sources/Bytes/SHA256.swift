// SHA-256 (FIPS 180-4) and HMAC with it (RFC 2104): for tokens that only their hash is kept of, and
// for what the server signs with a secret of its own. Without tables of the machine and without
// allocation for a short message. Not for passwords: those are hashed by Argon2id, which is slow on
// purpose. Values; any thread.

public enum SHA256 {
    /// The 32 bytes of a digest, as a value that can be a key of a dictionary.
    public struct Digest: Hashable, Sendable {
        fileprivate let words: InlineWords

        /// The 32 bytes.
        public var bytes: [UInt8] {
            var bytes: [UInt8] = []
            bytes.reserveCapacity(32)
            for index in 0..<8 {
                for shift: UInt32 in [24, 16, 8, 0] {
                    bytes.append(UInt8(truncatingIfNeeded: words[index] >> shift))
                }
            }
            return bytes
        }

        /// The 64 hexadecimal digits, in small letters.
        public var hex: String { String(decoding: Hex.encode(bytes), as: UTF8.self) }
    }

    /// The digest of `message`. O(n).
    public static func digest(_ message: UnsafeRawBufferPointer) -> Digest {
        var state = State()
        state.add(message)
        return state.finish()
    }

    /// The digest of `message`. O(n).
    public static func digest(_ message: [UInt8]) -> Digest {
        message.withUnsafeBytes { digest($0) }
    }

    /// The digest of the text's UTF-8. O(n).
    public static func digest(_ text: String) -> Digest {
        var text = text
        return text.withUTF8 { digest(UnsafeRawBufferPointer($0)) }
    }

    /// The code of `message` under `key` (HMAC-SHA-256, RFC 2104 §2). O(n).
    public static func authenticationCode(of message: [UInt8], key: [UInt8]) -> Digest {
        let short = key.count > 64 ? digest(key).bytes : key
        var inner = State()
        var outer = State()
        inner.add(short, xor: 0x36)
        outer.add(short, xor: 0x5C)
        message.withUnsafeBytes { inner.add($0) }
        inner.finish().bytes.withUnsafeBytes { outer.add($0) }
        return outer.finish()
    }

    /// Eight words of 32 bits.
    fileprivate struct InlineWords: Hashable, Sendable {
        var a, b, c, d, e, f, g, h: UInt32

        subscript(index: Int) -> UInt32 {
            switch index {
            case 0: a
            case 1: b
            case 2: c
            case 3: d
            case 4: e
            case 5: f
            case 6: g
            default: h
            }
        }
    }

    private struct State {
        var words = InlineWords(
            a: 0x6A09_E667, b: 0xBB67_AE85, c: 0x3C6E_F372, d: 0xA54F_F53A, e: 0x510E_527F,
            f: 0x9B05_688C, g: 0x1F83_D9AB, h: 0x5BE0_CD19)
        var block = InlineArray<64, UInt8>(repeating: 0)
        /// Bytes in `block`, always fewer than 64 between calls.
        var filled = 0
        var byteCount: UInt64 = 0

        mutating func add(_ message: UnsafeRawBufferPointer) {
            for byte in message { add(byte) }
        }

        /// Adds a key that fills one block, each byte with `mask` (RFC 2104 §2).
        mutating func add(_ key: [UInt8], xor mask: UInt8) {
            for index in 0..<64 { add((index < key.count ? key[index] : 0) ^ mask) }
        }

        private mutating func add(_ byte: UInt8) {
            put(byte)
            byteCount &+= 1
        }

        private mutating func put(_ byte: UInt8) {
            block[filled] = byte
            filled += 1
            if filled == 64 { mix() }
        }

        /// The end: a 1 bit, zeros, and the length in bits in the last eight bytes (§5.1.1).
        mutating func finish() -> Digest {
            put(0x80)
            while filled != 56 { put(0) }
            let bitCount = byteCount &* 8
            var shift: UInt64 = 64
            while shift > 0 {
                shift -= 8
                put(UInt8(truncatingIfNeeded: bitCount >> shift))
            }
            return Digest(words: words)
        }

        /// Mixes in one block of 64 bytes (§6.2.2).
        private mutating func mix() {
            filled = 0
            var schedule = InlineArray<64, UInt32>(repeating: 0)
            for index in 0..<16 {
                let start = index * 4
                schedule[index] =
                    UInt32(block[start]) << 24 | UInt32(block[start + 1]) << 16
                    | UInt32(block[start + 2]) << 8 | UInt32(block[start + 3])
            }
            for index in 16..<64 {
                let (old, new) = (schedule[index - 15], schedule[index - 2])
                let low = Self.rotate(old, 7) ^ Self.rotate(old, 18) ^ (old >> 3)
                let high = Self.rotate(new, 17) ^ Self.rotate(new, 19) ^ (new >> 10)
                schedule[index] = schedule[index - 16] &+ low &+ schedule[index - 7] &+ high
            }
            var now = words
            for index in 0..<64 {
                let sum1 = Self.rotate(now.e, 6) ^ Self.rotate(now.e, 11) ^ Self.rotate(now.e, 25)
                let choice = (now.e & now.f) ^ (~now.e & now.g)
                let first =
                    now.h &+ sum1 &+ choice &+ SHA256.constants[index] &+ schedule[index]
                let sum0 = Self.rotate(now.a, 2) ^ Self.rotate(now.a, 13) ^ Self.rotate(now.a, 22)
                let majority = (now.a & now.b) ^ (now.a & now.c) ^ (now.b & now.c)
                now = InlineWords(
                    a: first &+ sum0 &+ majority, b: now.a, c: now.b, d: now.c, e: now.d &+ first,
                    f: now.e, g: now.f, h: now.g)
            }
            words = InlineWords(
                a: words.a &+ now.a, b: words.b &+ now.b, c: words.c &+ now.c,
                d: words.d &+ now.d, e: words.e &+ now.e, f: words.f &+ now.f,
                g: words.g &+ now.g, h: words.h &+ now.h)
        }

        private static func rotate(_ word: UInt32, _ count: UInt32) -> UInt32 {
            word >> count | word << (32 - count)
        }
    }

    /// The first 32 bits of the fractions of the first 64 primes' cube roots (§4.2.2).
    private static let constants: InlineArray<64, UInt32> = [
        0x428A_2F98, 0x7137_4491, 0xB5C0_FBCF, 0xE9B5_DBA5, 0x3956_C25B, 0x59F1_11F1, 0x923F_82A4,
        0xAB1C_5ED5, 0xD807_AA98, 0x1283_5B01, 0x2431_85BE, 0x550C_7DC3, 0x72BE_5D74, 0x80DE_B1FE,
        0x9BDC_06A7, 0xC19B_F174, 0xE49B_69C1, 0xEFBE_4786, 0x0FC1_9DC6, 0x240C_A1CC, 0x2DE9_2C6F,
        0x4A74_84AA, 0x5CB0_A9DC, 0x76F9_88DA, 0x983E_5152, 0xA831_C66D, 0xB003_27C8, 0xBF59_7FC7,
        0xC6E0_0BF3, 0xD5A7_9147, 0x06CA_6351, 0x1429_2967, 0x27B7_0A85, 0x2E1B_2138, 0x4D2C_6DFC,
        0x5338_0D13, 0x650A_7354, 0x766A_0ABB, 0x81C2_C92E, 0x9272_2C85, 0xA2BF_E8A1, 0xA81A_664B,
        0xC24B_8B70, 0xC76C_51A3, 0xD192_E819, 0xD699_0624, 0xF40E_3585, 0x106A_A070, 0x19A4_C116,
        0x1E37_6C08, 0x2748_774C, 0x34B0_BCB5, 0x391C_0CB3, 0x4ED8_AA4A, 0x5B9C_CA4F, 0x682E_6FF3,
        0x748F_82EE, 0x78A5_636F, 0x84C8_7814, 0x8CC7_0208, 0x90BE_FFFA, 0xA450_6CEB, 0xBEF9_A3F7,
        0xC671_78F2,
    ]
}

/// Comparison of secrets.
public enum ConstantTime {
    /// Whether the bytes are the same; takes the same time wherever they differ. Counts are no
    /// secret.
    public static func equal(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        var difference: UInt8 = 0
        for index in left.indices { difference |= left[index] ^ right[index] }
        return difference == 0
    }
}
