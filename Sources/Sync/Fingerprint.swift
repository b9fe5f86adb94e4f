// Recognises a mutation that comes again (protocol.md, "Idempotent"): 128 bits over its name and
// arguments. Not a signature: whoever finds two arguments with one fingerprint can only confuse
// their own mutations, because id and user must match as well.

import MizuBytes

/// 128 bits over a mutation's name and arguments, the same on every machine and in every release.
public struct Fingerprint: Hashable, Sendable {
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// White space between tokens does not count, so a retry by another JSON writer is the same
    /// mutation; the order of keys and the way a number is written do. O(n).
    /// - Parameters:
    ///   - name: the mutation's name as JSON text, quotes included; nil where it is missing.
    ///   - args: checked JSON text; nil where it is missing.
    public init(name: ByteSlice?, args: ByteSlice?) {
        var state = State()
        name?.withUnsafeBytes { state.mixTokens($0) }
        state.mix(0)
        args?.withUnsafeBytes { state.mixTokens($0) }
        high = state.high
        low = state.low
    }

    /// Two lanes of FNV-1a with different primes, then a last avalanche is not needed: equality
    /// is all that is asked of it.
    private struct State {
        var high: UInt64 = 0xCBF2_9CE4_8422_2325
        var low: UInt64 = 0x9E37_79B9_7F4A_7C15

        @inline(__always)
        mutating func mix(_ byte: UInt8) {
            high = (high ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
            low = ((low << 5 | low >> 59) ^ UInt64(byte)) &* 0xD6E8_FEB8_6659_FD93
        }

        mutating func mixTokens(_ text: UnsafeRawBufferPointer) {
            var isInString = false
            var isEscaped = false
            for byte in text {
                if isInString {
                    mix(byte)
                    if isEscaped {
                        isEscaped = false
                    } else if byte == UInt8(ascii: "\\") {
                        isEscaped = true
                    } else if byte == UInt8(ascii: "\"") {
                        isInString = false
                    }
                } else if byte > 0x20 {
                    mix(byte)
                    isInString = byte == UInt8(ascii: "\"")
                }
            }
        }
    }
}
