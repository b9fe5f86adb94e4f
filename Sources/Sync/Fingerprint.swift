// Recognises a mutation that comes again (protocol.md, "Push"): 128 bits over what its name and
// arguments say. Not a signature: whoever finds two arguments with one fingerprint can only confuse
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

    /// What is written in another way by another JSON writer is the same mutation: white space, the
    /// order of members and escapes do not count (`JSONDigest`). The way a number is written does.
    /// O(n).
    /// - Parameters:
    ///   - name: the mutation's name as JSON text, quotes included; nil where it is missing.
    ///   - args: JSON text; nil where it is missing.
    public init(name: ByteSlice?, args: ByteSlice?) {
        guard let nameDigest = Self.digest(name), let argsDigest = Self.digest(args) else {
            // Nested too deep to be applied: it is refused, and told so again in these very bytes.
            self = Self.earlier(name: name, args: args)
            return
        }
        self.init(nameDigest.followed(by: argsDigest))
    }

    /// The same for a name that is no JSON text.
    public init(name: Name, args: ByteSlice) {
        guard let argsDigest = Self.digest(args) else {
            self = Self.earlier(name: ByteSlice(name.bytes), args: args)
            return
        }
        self.init(name.withUnsafeBytes { JSONDigest(string: $0) }.followed(by: argsDigest))
    }

    private init(_ digest: JSONDigest) {
        high = digest.high
        low = digest.low
    }

    private static func digest(_ json: ByteSlice?) -> JSONDigest? {
        guard let json else { return .missing }
        return json.withUnsafeBytes { JSONDigest(json: $0) }
    }
}

// MARK: As it was made before

extension Fingerprint {
    /// What servers up to version 1 of the database's schema kept: over the texts without their
    /// white space, so that order and escapes counted. Their outcomes are still asked for.
    static func earlier(name: ByteSlice?, args: ByteSlice?) -> Fingerprint {
        var state = State()
        name?.withUnsafeBytes { state.mixTokens($0) }
        state.mix(0)
        args?.withUnsafeBytes { state.mixTokens($0) }
        return Fingerprint(high: state.high, low: state.low)
    }

    /// Two lanes of FNV-1a with different primes.
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
