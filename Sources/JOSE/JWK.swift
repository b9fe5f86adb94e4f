// One key of a set (RFC 7517 §4), as far as it verifies signatures: `oct`, RSA, EC with P-256, and
// OKP with Ed25519 (RFC 8037 §2). A key has one algorithm from here on: that of `alg`, or the one
// that its type has; a token never chooses. Private parts are not looked at, certificates (`x5c`)
// and addresses (`x5u`) neither.

import MizuBytes
import MizuCrypto

/// Why a key is not used. `description` is for the log and holds nothing of the key.
public struct JWKProblem: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}

/// A key that verifies tokens of one algorithm. Any thread.
public struct JWK: Sendable {
    /// `kid`; nil where the key has no name.
    public let id: String?
    /// The only algorithm that this key is used with.
    public let algorithm: JWSAlgorithm
    let material: Material

    enum Material: Sendable {
        case secret([UInt8])
        case publicKey(PublicKey)
    }

    /// Secrets with fewer bytes are refused (RFC 7518 §3.2).
    static let secretBytesMin = 32
    /// Longer numbers are not even decoded: base64url of twice the largest modulus.
    private static let numberTextMax = 4_096
    static let idBytesMax = 256

    /// A secret of at least 32 bytes, for HS256: whoever can verify with it can sign with it.
    /// - Throws: `JWKProblem` for a shorter one.
    public init(secret: [UInt8], id: String? = nil) throws(JWKProblem) {
        guard secret.count >= Self.secretBytesMin else {
            throw JWKProblem(
                "a secret of \(secret.count * 8) bits, and HS256 needs \(Self.secretBytesMin * 8)")
        }
        self.init(id: id, algorithm: .hs256, material: .secret(secret))
    }

    private init(id: String?, algorithm: JWSAlgorithm, material: Material) {
        self.id = id
        self.algorithm = algorithm
        self.material = material
    }

    /// Reads one member of `keys`.
    /// - Throws: why this key is not used: it is of another type or for another use, it is weak, or
    ///   its numbers are no key.
    init(_ value: JSONValue) throws(JWKProblem) {
        guard value.kind == .object,
            let found = try? value.members(named: [
                "kty", "kid", "use", "key_ops", "alg", "crv", "k", "n", "e", "x", "y",
            ])
        else { throw JWKProblem("it is no object") }
        let (type, use, uses, name) = (found[0], found[2], found[3], found[4])
        var id: String?
        if let kid = found[1] {
            guard let text = kid.string, text.utf8.count <= Self.idBytesMax else {
                throw JWKProblem("\"kid\" is no string of at most \(Self.idBytesMax) bytes")
            }
            id = text
        }
        if let use, !use.isString("sig") { throw JWKProblem("\"use\" is not \"sig\"") }
        if let uses, !uses.elements.contains(where: { $0.isString("verify") }) {
            throw JWKProblem("\"key_ops\" has no \"verify\"")
        }
        let fitting: [JWSAlgorithm]
        let material: Material
        switch type?.string {
        case "oct":
            guard let secret = found[6]?.base64URL(limit: Self.numberTextMax) else {
                throw JWKProblem("\"k\" is no base64url")
            }
            self = try JWK(secret: secret, id: id)
            if let name, JWSAlgorithm(name) != .hs256 { throw Self.wrongAlgorithm }
            return
        case "RSA":
            // Without `alg` it is RS256, the default of OpenID Connect Core §15.1.
            fitting = [.rs256, .ps256]
            material = .publicKey(
                try Self.key { () throws(PublicKeyProblem) in
                    try PublicKey(
                        rsaModulus: try Self.number(found[7]), exponent: try Self.number(found[8]))
                })
        case "EC":
            guard found[5]?.isString("P-256") == true else { throw Self.otherCurve }
            fitting = [.es256]
            material = .publicKey(
                try Self.key { () throws(PublicKeyProblem) in
                    try PublicKey(p256x: try Self.number(found[9]), y: try Self.number(found[10]))
                })
        case "OKP":
            guard found[5]?.isString("Ed25519") == true else { throw Self.otherCurve }
            fitting = [.edDSA]
            material = .publicKey(
                try Self.key { () throws(PublicKeyProblem) in
                    try PublicKey(ed25519: try Self.number(found[9]))
                })
        default:
            throw JWKProblem("\"kty\" is none of oct, RSA, EC and OKP")
        }
        var algorithm = fitting[0]
        if let name {
            guard let named = JWSAlgorithm(name), fitting.contains(named) else {
                throw Self.wrongAlgorithm
            }
            algorithm = named
        }
        self.init(id: id, algorithm: algorithm, material: material)
    }

    private static let wrongAlgorithm = JWKProblem(
        "\"alg\" is none of HS256, RS256, PS256, ES256 and EdDSA, or not of this type of key")
    private static let otherCurve = JWKProblem("\"crv\" is neither P-256 (EC) nor Ed25519 (OKP)")

    private static func number(_ value: JSONValue?) throws(PublicKeyProblem) -> [UInt8] {
        guard let bytes = value?.base64URL(limit: numberTextMax) else { throw .notAKey }
        return bytes
    }

    private static func key(
        _ make: () throws(PublicKeyProblem) -> PublicKey
    ) throws(JWKProblem) -> PublicKey {
        do throws(PublicKeyProblem) {
            return try make()
        } catch {
            switch error {
            case .tooWeak(let bits):
                throw JWKProblem("RSA of \(bits) bits, below \(PublicKey.rsaBitsMin)")
            case .tooLarge(let bits):
                throw JWKProblem("RSA of \(bits) bits, above \(PublicKey.rsaBitsMax)")
            case .badExponent: throw JWKProblem("its RSA exponent is even, 1, or too large")
            case .wrongSize: throw JWKProblem("its coordinates have not 32 bytes")
            case .notAKey: throw JWKProblem("its numbers are no key")
            }
        }
    }

    /// Whether `signature` is good for `message`, by this key and its own algorithm.
    func verifies(_ signature: [UInt8], of message: UnsafeRawBufferPointer) -> Bool {
        switch (material, algorithm) {
        case (.secret(let secret), .hs256):
            ConstantTime.equal(
                SHA256.authenticationCode(of: Array(message), key: secret).bytes, signature)
        case (.publicKey(let key), .rs256): key.verifies(signature, of: message, by: .rs256)
        case (.publicKey(let key), .ps256): key.verifies(signature, of: message, by: .ps256)
        case (.publicKey(let key), .es256): key.verifies(signature, of: message, by: .es256)
        case (.publicKey(let key), .edDSA): key.verifies(signature, of: message, by: .ed25519)
        case (.secret, _), (.publicKey, .hs256): false
        }
    }
}
