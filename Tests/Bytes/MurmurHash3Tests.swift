// MurmurHash3_x86_32 by the vectors that are published with it and with its ports, and the sum of
// it that a scope's checksum is, by a plain second reading of protocol.md.

import MizuBytes
import Testing

@Suite("MurmurHash3_x86_32")
struct MurmurHash3Tests {
    @Test(
        "published vectors",
        arguments: [
            ("", 0, 0), ("", 1, 0x514E_28B7), ("", 0xFFFF_FFFF, 0x81F1_6F39),
            ("test", 0, 0xBA6B_D213), ("test", 0x9747_B28C, 0x704B_81DC),
            ("Hello, world!", 0, 0xC036_3E43), ("Hello, world!", 0x9747_B28C, 0x2488_4CBA),
            ("The quick brown fox jumps over the lazy dog", 0, 0x2E4F_F723),
            ("The quick brown fox jumps over the lazy dog", 0x9747_B28C, 0x2FA8_26CD),
            ("aaaa", 0x9747_B28C, 0x5A97_808A), ("aaa", 0x9747_B28C, 0x283E_0130),
            ("aa", 0x9747_B28C, 0x5D21_1726), ("a", 0x9747_B28C, 0x7FA0_9EA6),
            ("abcd", 0x9747_B28C, 0xF047_8627), ("abc", 0x9747_B28C, 0xC84A_62DD),
            ("ab", 0x9747_B28C, 0x7487_5592),
            ("ππππππππ", 0x9747_B28C, 0xD580_63C1),
        ] as [(String, UInt32, UInt32)])
    func vectors(_ text: String, _ seed: UInt32, _ hash: UInt32) {
        #expect(MurmurHash3.hash(Array(text.utf8), seed: seed) == hash)
    }

    @Test("bytes that are no text, at any place in memory")
    func bytes() {
        let cases: [([UInt8], UInt32)] = [
            ([0xFF, 0xFF, 0xFF, 0xFF], 0x7629_3B50), ([0x21, 0x43, 0x65, 0x87], 0xF55B_516B),
            ([0x21, 0x43, 0x65], 0x7E4A_8634), ([0x21, 0x43], 0xA0F7_B07A),
            ([0x21], 0x7266_1CF4), ([0, 0, 0, 0], 0x2362_F9DE), ([0, 0, 0], 0x85F0_B427),
            ([0, 0], 0x30F4_C306), ([0], 0x514E_28B7),
        ]
        for (bytes, hash) in cases {
            #expect(MurmurHash3.hash(bytes) == hash, "\(bytes)")
            for shift in 1...7 {
                let moved = [UInt8](repeating: 0xAA, count: shift) + bytes
                moved.withUnsafeBytes { all in
                    let part = UnsafeRawBufferPointer(rebasing: all[shift...])
                    #expect(MurmurHash3.hash(part) == hash, "\(bytes) behind \(shift)")
                }
            }
        }
    }
}
