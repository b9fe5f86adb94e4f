// Public keys and the signatures that they verify: RSA of 2048 bits and more, ECDSA with P-256,
// Ed25519. A key is checked when it is made, and weak ones are refused. Knows no format of keys
// (JWK and COSE are read by the rooms of tokens and passkeys) and signs nothing.

import COpenSSL

/// Why numbers are no key that may be used.
public enum PublicKeyProblem: Error, Equatable, Sendable {
    /// A coordinate or a key has not the bytes that its curve asks for.
    case wrongSize
    /// RSA below `PublicKey.rsaBitsMin`.
    case tooWeak(bits: Int)
    /// RSA above `PublicKey.rsaBitsMax`: to verify would take too long.
    case tooLarge(bits: Int)
    /// The exponent is even, 1, or beyond 64 bits.
    case badExponent
    /// The point is not on the curve, or OpenSSL does not take it.
    case notAKey
}

/// How a signature was made. Each fits keys of one kind.
public enum SignatureAlgorithm: Sendable, Equatable {
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §8.2).
    case rs256
    /// RSASSA-PSS with SHA-256 and a salt of 32 bytes (RFC 8017 §8.1, RFC 7518 §3.5).
    case ps256
    /// ECDSA with P-256 and SHA-256; 64 bytes, r and then s (RFC 7518 §3.4).
    case es256
    /// The same in DER (RFC 3279 §2.2.3), as WebAuthn has it.
    case es256DER
    /// Ed25519 (RFC 8032 §5.1).
    case ed25519

    var number: Int32 {
        switch self {
        case .rs256: Int32(CO_RS256)
        case .ps256: Int32(CO_PS256)
        case .es256: Int32(CO_ES256)
        case .es256DER: Int32(CO_ES256_DER)
        case .ed25519: Int32(CO_ED25519)
        }
    }
}

/// A checked public key. Any thread.
public final class PublicKey: Sendable {
    /// RSA keys with fewer bits are refused (RFC 7518 §3.3).
    public static let rsaBitsMin = 2048
    /// RSA keys with more bits are refused.
    public static let rsaBitsMax = 8192

    // Safe: the address of a C object that does not change once it is made; freed in `deinit`
    // alone. As a number because pointers are not Sendable.
    private let address: UInt
    private var handle: OpaquePointer? { OpaquePointer(bitPattern: address) }

    private init(_ handle: OpaquePointer?) throws(PublicKeyProblem) {
        guard let handle else { throw .notAKey }
        address = UInt(bitPattern: handle)
    }

    deinit { co_public_key_free(handle) }

    /// - Parameters:
    ///   - modulus: `n`, its highest byte first; leading zeros count nothing.
    ///   - exponent: `e`, in the same way.
    public convenience init(
        rsaModulus modulus: [UInt8], exponent: [UInt8]
    ) throws(PublicKeyProblem) {
        let significant = modulus.drop { $0 == 0 }
        let bits = significant.count * 8 - (significant.first?.leadingZeroBitCount ?? 0)
        guard bits >= Self.rsaBitsMin else { throw .tooWeak(bits: bits) }
        guard bits <= Self.rsaBitsMax else { throw .tooLarge(bits: bits) }
        let e = exponent.drop { $0 == 0 }
        guard let last = e.last, last & 1 == 1, e.count <= 8, e.count > 1 || last >= 3 else {
            throw .badExponent
        }
        let n = Array(significant)
        let made = Array(e).withUnsafeBufferPointer { e in
            n.withUnsafeBufferPointer { n in
                co_public_key_rsa(n.baseAddress, n.count, e.baseAddress, e.count)
            }
        }
        try self.init(made)
    }

    /// - Parameters:
    ///   - x: the coordinate, 32 bytes.
    ///   - y: the other, 32 bytes.
    public convenience init(p256x x: [UInt8], y: [UInt8]) throws(PublicKeyProblem) {
        guard x.count == 32, y.count == 32 else { throw .wrongSize }
        try self.init(co_public_key_p256(x, y))
    }

    /// - Parameter bytes: the 32 bytes of the key (RFC 8032 §5.1.5).
    public convenience init(ed25519 bytes: [UInt8]) throws(PublicKeyProblem) {
        guard bytes.count == 32 else { throw .wrongSize }
        try self.init(co_public_key_ed25519(bytes))
    }

    /// Whether `signature` is this key's over `message`; false also where the algorithm is none
    /// of this kind of key. Costs some tens of microseconds.
    public func verifies(
        _ signature: [UInt8], of message: UnsafeRawBufferPointer, by algorithm: SignatureAlgorithm
    ) -> Bool {
        co_verify(
            handle, algorithm.number, message.baseAddress, message.count, signature,
            signature.count) == 1
    }

    public func verifies(
        _ signature: [UInt8], of message: [UInt8], by algorithm: SignatureAlgorithm
    ) -> Bool {
        message.withUnsafeBytes { verifies(signature, of: $0, by: algorithm) }
    }
}
