// XXH64 (github.com/Cyan4973/xxHash, doc/xxhash_spec.md, version 0.1.1): a fast 64-bit checksum,
// for entity tags and the like. Not seeded by chance and no cryptographic hash: whoever chooses the
// bytes can make two that collide, so it must not decide whom to trust, nor key a hash table.

public enum XXHash64 {
    private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
    private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
    private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
    private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
    private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5

    /// The hash of `bytes`; the same in every process and on every machine. O(n).
    public static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
        var (index, hash) = bytes.count >= 32 ? stripes(bytes, seed) : (0, seed &+ prime5)
        hash &+= UInt64(bytes.count)
        while bytes.count - index >= 8 {
            hash ^= round(0, word(bytes, index))
            hash = rotate(hash, by: 27) &* prime1 &+ prime4
            index += 8
        }
        if bytes.count - index >= 4 {
            let half = UInt32(
                littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt32.self))
            hash ^= UInt64(half) &* prime1
            hash = rotate(hash, by: 23) &* prime2 &+ prime3
            index += 4
        }
        while index < bytes.count {
            hash ^= UInt64(bytes[index]) &* prime5
            hash = rotate(hash, by: 11) &* prime1
            index += 1
        }
        hash = (hash ^ hash >> 33) &* prime2
        hash = (hash ^ hash >> 29) &* prime3
        return hash ^ hash >> 32
    }

    public static func hash(_ bytes: [UInt8], seed: UInt64 = 0) -> UInt64 {
        bytes.withUnsafeBytes { hash($0, seed: seed) }
    }

    public static func hash(_ bytes: ByteSlice, seed: UInt64 = 0) -> UInt64 {
        bytes.withUnsafeBytes { hash($0, seed: seed) }
    }

    /// Takes in all whole runs of 32 bytes, in four lanes; returns where it stopped.
    private static func stripes(
        _ bytes: UnsafeRawBufferPointer, _ seed: UInt64
    ) -> (index: Int, hash: UInt64) {
        var lane1 = seed &+ prime1 &+ prime2
        var lane2 = seed &+ prime2
        var lane3 = seed
        var lane4 = seed &- prime1
        var index = 0
        while bytes.count - index >= 32 {
            lane1 = round(lane1, word(bytes, index))
            lane2 = round(lane2, word(bytes, index + 8))
            lane3 = round(lane3, word(bytes, index + 16))
            lane4 = round(lane4, word(bytes, index + 24))
            index += 32
        }
        var hash =
            rotate(lane1, by: 1) &+ rotate(lane2, by: 7) &+ rotate(lane3, by: 12)
            &+ rotate(lane4, by: 18)
        for lane in [lane1, lane2, lane3, lane4] {
            hash = (hash ^ round(0, lane)) &* prime1 &+ prime4
        }
        return (index, hash)
    }

    @inline(__always)
    private static func round(_ lane: UInt64, _ input: UInt64) -> UInt64 {
        rotate(lane &+ input &* prime2, by: 31) &* prime1
    }

    @inline(__always)
    private static func rotate(_ word: UInt64, by count: UInt64) -> UInt64 {
        word << count | word >> (64 - count)
    }

    @inline(__always)
    private static func word(_ bytes: UnsafeRawBufferPointer, _ index: Int) -> UInt64 {
        UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
    }
}
