// What an authenticator says of itself (WebAuthn level 2 §6.1): for whom it answers, who was
// there, its counter, and at a registration the new credential. Read to the last byte; it believes
// nothing, which is the ceremonies' work.

import MizuBytes

struct AuthenticatorData: Sendable {
    let relyingPartyHash: ByteSlice
    let flags: Flags
    let counter: UInt32
    /// The credential that was made; nil at sign-in.
    let attested: Attested?

    struct Flags: OptionSet, Sendable {
        let rawValue: UInt8
        static let userPresent = Flags(rawValue: 0x01)
        static let userVerified = Flags(rawValue: 0x04)
        static let backupEligible = Flags(rawValue: 0x08)
        static let backedUp = Flags(rawValue: 0x10)
        static let attested = Flags(rawValue: 0x40)
        static let extensions = Flags(rawValue: 0x80)
    }

    struct Attested: Sendable {
        /// The model of the authenticator, 16 bytes.
        let model: ByteSlice
        let credentialID: ByteSlice
        let key: COSEKey
        /// The key as it was written, which is kept.
        let keyBytes: ByteSlice
    }

    /// Longer ids are refused (§7.1, step 17 of level 3).
    static let credentialIDBytesMax = 1_023
    private static let headBytes = 37

    init(_ bytes: ByteSlice) throws(WebAuthnRefusal) {
        guard bytes.count >= Self.headBytes else { throw .malformed("authenticator data") }
        relyingPartyHash = bytes[0..<32]
        flags = Flags(rawValue: bytes[32])
        counter = (33..<37).reduce(0) { $0 << 8 | UInt32(bytes[$1]) }
        var rest = bytes[Self.headBytes..<bytes.count]
        attested = flags.contains(.attested) ? try Self.takeAttested(&rest) : nil
        if flags.contains(.extensions) {
            guard let (item, byteCount) = CBOR.first(in: rest), case .map = item else {
                throw .malformed("extensions")
            }
            rest = rest[byteCount..<rest.count]
        }
        guard rest.isEmpty else { throw .malformed("authenticator data") }
    }

    private static func takeAttested(_ rest: inout ByteSlice) throws(WebAuthnRefusal) -> Attested {
        guard rest.count >= 18 else { throw .malformed("credential") }
        let idCount = Int(rest[16]) << 8 | Int(rest[17])
        guard (1...credentialIDBytesMax).contains(idCount), rest.count >= 18 + idCount else {
            throw .malformed("credential")
        }
        let behind = rest[18 + idCount..<rest.count]
        guard let (item, byteCount) = CBOR.first(in: behind) else { throw .malformed("key") }
        let attested = Attested(
            model: rest[0..<16], credentialID: rest[18..<18 + idCount], key: try COSEKey(item),
            keyBytes: behind[0..<byteCount])
        rest = behind[byteCount..<behind.count]
        return attested
    }
}
