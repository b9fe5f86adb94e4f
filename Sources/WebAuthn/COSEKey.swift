// The public key of a credential as an authenticator writes it (COSE_Key, RFC 9052 §7): EC2 with
// P-256 for ES256, and OKP with Ed25519 for EdDSA (RFC 9053 §2, §7). The algorithm is a part of the
// key, so no answer chooses it.

import MizuBytes
import MizuCrypto

struct COSEKey: Sendable {
    let key: PublicKey
    /// COSE's number of it: -7 or -8.
    let algorithm: Int

    private static let es256 = -7
    private static let edDSA = -8
    /// What registrations ask for, the first is preferred.
    static let algorithms = [es256, edDSA]

    /// - Throws: `.malformed` for what is no key, `.unsupportedKey` for one of another kind.
    init(_ item: CBOR) throws(WebAuthnRefusal) {
        guard case .map = item, let type = item[1]?.int, let algorithm = item[3]?.int else {
            throw .malformed("key")
        }
        do throws(PublicKeyProblem) {
            switch (type, algorithm, item[-1]?.int) {
            case (2, Self.es256, 1):
                key = try PublicKey(
                    p256x: item[-2]?.byteString?.array ?? [],
                    y: item[-3]?.byteString?.array ?? [])
            case (1, Self.edDSA, 6):
                key = try PublicKey(ed25519: item[-2]?.byteString?.array ?? [])
            default: throw PublicKeyProblem.notAKey
            }
        } catch {
            throw .unsupportedKey
        }
        self.algorithm = algorithm
    }

    func verifies(_ signature: ByteSlice, of message: [UInt8]) -> Bool {
        key.verifies(
            signature.array, of: message, by: algorithm == Self.es256 ? .es256DER : .ed25519)
    }
}
