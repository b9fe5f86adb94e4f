// MurmurHash3_x86_32 (Austin Appleby, public domain; github.com/aappleby/smhasher): a small 32-bit
// hash that every language can compute with 32-bit products, JavaScript's `Math.imul` too. For
// checksums that two programs compare. Not cryptographic: whoever chooses the bytes can make two
// that collide, so it must not decide whom to trust.

public enum MurmurHash3 {
    private static let multiplier1: UInt32 = 0xCC9E_2D51
    private static let multiplier2: UInt32 = 0x1B87_3593

    /// The hash of `bytes`; the same in every process and on every machine. O(n).
    public static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
        var hash = seed
        let whole = bytes.count & ~3
        var index = 0
        while index < whole {
            let word = UInt32(
                littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt32.self))
            hash = rotate(hash ^ mixed(word), by: 13) &* 5 &+ 0xE654_6B64
            index += 4
        }
        var rest: UInt32 = 0
        while index < bytes.count {
            rest |= UInt32(bytes[index]) << UInt32((index & 3) * 8)
            index += 1
        }
        // A rest of zeros is hashed to zero, so no rest needs no case of its own.
        hash ^= mixed(rest)
        hash ^= UInt32(truncatingIfNeeded: bytes.count)
        hash = (hash ^ hash >> 16) &* 0x85EB_CA6B
        hash = (hash ^ hash >> 13) &* 0xC2B2_AE35
        return hash ^ hash >> 16
    }

    public static func hash(_ bytes: [UInt8], seed: UInt32 = 0) -> UInt32 {
        bytes.withUnsafeBytes { hash($0, seed: seed) }
    }

    @inline(__always)
    private static func mixed(_ word: UInt32) -> UInt32 {
        rotate(word &* multiplier1, by: 15) &* multiplier2
    }

    @inline(__always)
    private static func rotate(_ word: UInt32, by count: UInt32) -> UInt32 {
        word << count | word >> (32 - count)
    }
}
