// Registers a credential (WebAuthn level 2 §7.1). Attestation tells the make of an authenticator;
// no certificate of one is trusted here, so `none` and self attestation are taken, and others only
// where the site takes them for none.

import MizuBytes

/// A credential as it is kept. Nothing in it is secret.
public struct PasskeyCredential: Sendable, Equatable {
    /// Its name, up to 1,023 bytes.
    public let id: ByteSlice
    /// Its public key (COSE_Key).
    public let publicKey: ByteSlice
    /// How often the authenticator has signed, as far as was seen; 0: it does not count.
    public var counter: UInt32
    /// Whether it may be copied to other devices by its owner's password store.
    public let isBackupEligible: Bool
    /// Whether it is.
    public var isBackedUp: Bool

    public init(
        id: ByteSlice, publicKey: ByteSlice, counter: UInt32, isBackupEligible: Bool,
        isBackedUp: Bool
    ) {
        self.id = id
        self.publicKey = publicKey
        self.counter = counter
        self.isBackupEligible = isBackupEligible
        self.isBackedUp = isBackedUp
    }
}

/// What a browser sends after `navigator.credentials.create`: RegistrationResponseJSON of level 3.
public struct RegistrationResponse: Sendable {
    let id: ByteSlice
    let clientData: ByteSlice
    let attestation: ByteSlice

    static let attestationBytesMax = 16_384

    /// - Throws: `.malformed`.
    public init(_ json: JSONValue) throws(WebAuthnRefusal) {
        guard let found = try? json.members(named: ["rawId", "type", "response"]),
            let response = found[2],
            let parts = try? response.members(named: ["clientDataJSON", "attestationObject"]),
            found[1]?.utf8 == "public-key"
        else { throw .malformed("answer") }
        id = try found[0].bytes("id", limit: AuthenticatorData.credentialIDBytesMax)
        clientData = try parts[0].bytes("client data", limit: ClientData.bytesMax)
        attestation = try parts[1].bytes("attestation", limit: Self.attestationBytesMax)
    }

    /// Checks the answer to a challenge.
    /// - Returns: the credential, to be kept if no account has one with its id.
    /// - Throws: the first rule that it breaks.
    public func verify(
        challenge: [UInt8], for party: RelyingParty
    ) throws(WebAuthnRefusal) -> PasskeyCredential {
        try ClientData.check(clientData, is: .create, challenge: challenge, for: party)
        guard let object = CBOR(attestation), case .map = object,
            case .text(let format) = object["fmt"], let statement = object["attStmt"],
            case .map(let statements) = statement, let bytes = object["authData"]?.byteString
        else { throw .malformed("attestation") }
        let data = try AuthenticatorData(bytes)
        try data.check(for: party)
        guard let attested = data.attested else { throw .malformed("credential") }
        guard attested.credentialID == id else { throw .wrongCredential }
        switch format {
        case "none":
            guard statements.isEmpty else { throw .attestation }
        case "packed" where statement["x5c"] == nil:
            // Self attestation (§8.2.1): the new key has signed.
            guard statement["alg"]?.int == attested.key.algorithm,
                let signature = statement["sig"]?.byteString
            else { throw .attestation }
            let message = bytes.array + clientData.withUnsafeBytes(SHA256.digest).bytes
            guard attested.key.verifies(signature, of: message) else { throw .badSignature }
        default:
            guard party.takesOtherAttestations else { throw .attestation }
        }
        return PasskeyCredential(
            id: attested.credentialID.compacted, publicKey: attested.keyBytes.compacted,
            counter: data.counter, isBackupEligible: data.flags.contains(.backupEligible),
            isBackedUp: data.flags.contains(.backedUp))
    }
}

extension AuthenticatorData {
    /// For whom, and who was there (§7.1 and §7.2, steps 13 to 15).
    func check(for party: RelyingParty) throws(WebAuthnRefusal) {
        guard relyingPartyHash == ByteSlice(SHA256.digest(party.id).bytes) else {
            throw .wrongRelyingParty
        }
        guard flags.contains(.userPresent) else { throw .userNotPresent }
        guard flags.contains(.userVerified) || !party.requiresVerification else {
            throw .userNotVerified
        }
        guard flags.contains(.backupEligible) || !flags.contains(.backedUp) else {
            throw .badFlags
        }
    }
}

extension JSONValue? {
    /// The bytes that a member writes in base64url, at least one.
    func bytes(_ part: String, limit: Int) throws(WebAuthnRefusal) -> ByteSlice {
        guard let text = self?.utf8, text.count <= (limit * 4 + 2) / 3,
            let bytes = text.withUnsafeBytes({ Base64.decode($0, alphabet: .url) }), !bytes.isEmpty
        else { throw .malformed(part) }
        return ByteSlice(bytes)
    }
}
