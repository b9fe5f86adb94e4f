// SHA-1 (RFC 3174), for `Sec-WebSocket-Accept` (RFC 6455 §4.2.2), where it proves that the peer
// speaks WebSocket, for the names of what `make assets` has packed, and for the ids of forms, where
// who makes two of one id is alone in having them. It protects nothing there, and it is broken as a
// cryptographic hash: never use it for a password, a signature or a token.

public enum SHA1 {
    /// The 20 bytes of the digest. O(n).
    public static func digest(_ message: UnsafeRawBufferPointer) -> [UInt8] {
        var state = State()
        var index = 0
        while message.count - index >= 64 {
            state.add(message.part(index..<index + 64))
            index += 64
        }
        // The end: a single 1 bit, zeros, and the length in bits in the last eight bytes (§4).
        var tail = [UInt8](message[index...])
        tail.append(0x80)
        while tail.count % 64 != 56 { tail.append(0) }
        let bitCount = UInt64(message.count) &* 8
        for shift in stride(from: 56, through: 0, by: -8) {
            tail.append(UInt8(truncatingIfNeeded: bitCount >> UInt64(shift)))
        }
        tail.withUnsafeBytes { blocks in
            for start in stride(from: 0, to: blocks.count, by: 64) {
                state.add(blocks.part(start..<start + 64))
            }
        }
        return state.bytes
    }

    public static func digest(_ message: [UInt8]) -> [UInt8] { message.withUnsafeBytes(digest) }

    private struct State {
        var a: UInt32 = 0x6745_2301
        var b: UInt32 = 0xEFCD_AB89
        var c: UInt32 = 0x98BA_DCFE
        var d: UInt32 = 0x1032_5476
        var e: UInt32 = 0xC3D2_E1F0

        var bytes: [UInt8] {
            [a, b, c, d, e].flatMap { word in
                [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: word >> UInt32($0)) }
            }
        }

        /// Mixes in one block of 64 bytes (§6.1).
        mutating func add(_ block: UnsafeRawBufferPointer) {
            var words = [UInt32](repeating: 0, count: 80)
            for index in 0..<16 {
                words[index] = UInt32(
                    bigEndian: block.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self))
            }
            for index in 16..<80 {
                let mixed =
                    words[index - 3] ^ words[index - 8] ^ words[index - 14] ^ words[index - 16]
                words[index] = Self.rotate(mixed, by: 1)
            }
            let before = self
            for index in 0..<80 {
                let (mixed, constant) = step(index / 20)
                let next = Self.rotate(a, by: 5) &+ mixed &+ e &+ words[index] &+ constant
                (e, d, c, b, a) = (d, c, Self.rotate(b, by: 30), a, next)
            }
            a &+= before.a
            b &+= before.b
            c &+= before.c
            d &+= before.d
            e &+= before.e
        }

        /// The function and the constant of the round's quarter (§5).
        private func step(_ quarter: Int) -> (mixed: UInt32, constant: UInt32) {
            switch quarter {
            case 0: ((b & c) | (~b & d), 0x5A82_7999)
            case 1: (b ^ c ^ d, 0x6ED9_EBA1)
            case 2: ((b & c) | (b & d) | (c & d), 0x8F1B_BCDC)
            default: (b ^ c ^ d, 0xCA62_C1D6)
            }
        }

        private static func rotate(_ word: UInt32, by count: UInt32) -> UInt32 {
            word << count | word >> (32 - count)
        }
    }
}
