// Masking (RFC 6455 §5.3): each payload byte is XORed with the key's byte at its index modulo 4.
// Works in place, eight bytes a step (LLVM makes vectors of it), from any place in the payload.

public enum Mask {
    /// Masks or unmasks `bytes` in place. O(n).
    /// - Parameters:
    ///   - key: the four bytes as they stand in memory, in the order of the wire.
    ///   - offset: where `bytes` begins in its frame's payload; only its last two bits count.
    public static func apply(
        _ key: UInt32, to bytes: UnsafeMutableRawBufferPointer, from offset: Int
    ) {
        guard key != 0, let base = bytes.baseAddress else { return }
        let key = turned(key, by: offset)
        let word = UInt64(key) << 32 | UInt64(key)
        let count = bytes.count
        var index = 0
        while count - index >= 8 {
            let masked = base.loadUnaligned(fromByteOffset: index, as: UInt64.self) ^ word
            base.storeBytes(of: masked, toByteOffset: index, as: UInt64.self)
            index += 8
        }
        // The rest is at most seven bytes and starts at a multiple of eight, where the key does.
        withUnsafeBytes(of: word) { tail in
            var place = 0
            while index < count {
                let masked = base.load(fromByteOffset: index, as: UInt8.self) ^ tail[place]
                base.storeBytes(of: masked, toByteOffset: index, as: UInt8.self)
                index += 1
                place += 1
            }
        }
    }

    /// The key as it lies over a part that begins `offset` bytes into the payload.
    private static func turned(_ key: UInt32, by offset: Int) -> UInt32 {
        let little = UInt32(littleEndian: key)
        let bits = UInt32(truncatingIfNeeded: offset & 3) * 8
        let turned = bits == 0 ? little : little >> bits | little << (32 - bits)
        return UInt32(littleEndian: turned)
    }
}
