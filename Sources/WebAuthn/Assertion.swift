// Verifies that somebody has a credential's key (WebAuthn level 2 §7.2). The caller finds the
// credential by its id and keeps what comes back: the counter is what shows a copied authenticator.

import MizuBytes

/// What a browser sends after `navigator.credentials.get`: AuthenticationResponseJSON of level 3.
public struct AssertionResponse: Sendable {
    /// The credential that answers; the caller looks it up.
    public let id: ByteSlice
    /// Whose it says it is, as the registration named the user; nil where it does not say.
    public let userHandle: ByteSlice?
    let clientData: ByteSlice
    let authenticatorData: ByteSlice
    let signature: ByteSlice

    private static let dataBytesMax = 4_096
    private static let signatureBytesMax = 256
    /// A user handle has at most 64 bytes (§5.4.3).
    private static let handleBytesMax = 64

    /// - Throws: `.malformed`.
    public init(_ json: JSONValue) throws(WebAuthnRefusal) {
        guard let found = try? json.members(named: ["rawId", "type", "response"]),
            let response = found[2],
            let parts = try? response.members(named: [
                "clientDataJSON", "authenticatorData", "signature", "userHandle",
            ]), found[1]?.utf8 == "public-key"
        else { throw .malformed("answer") }
        id = try found[0].bytes("id", limit: AuthenticatorData.credentialIDBytesMax)
        clientData = try parts[0].bytes("client data", limit: ClientData.bytesMax)
        authenticatorData = try parts[1].bytes("authenticator data", limit: Self.dataBytesMax)
        signature = try parts[2].bytes("signature", limit: Self.signatureBytesMax)
        guard let handle = parts[3], !handle.isNull, handle.utf8 != "" else {
            userHandle = nil
            return
        }
        userHandle = try parts[3].bytes("user handle", limit: Self.handleBytesMax)
    }

    /// Checks the answer to a challenge by the credential that was found.
    /// - Parameters:
    ///   - credential: the one that is kept under `id`.
    ///   - owner: the user handle of its account.
    /// - Returns: the credential with its new counter, to be kept.
    /// - Throws: the first rule that it breaks.
    public func verify(
        challenge: [UInt8], by credential: PasskeyCredential, of owner: ByteSlice,
        for party: RelyingParty
    ) throws(WebAuthnRefusal) -> PasskeyCredential {
        guard id == credential.id, userHandle == nil || userHandle == owner else {
            throw .wrongCredential
        }
        try ClientData.check(clientData, is: .get, challenge: challenge, for: party)
        let data = try AuthenticatorData(authenticatorData)
        try data.check(for: party)
        guard data.flags.contains(.backupEligible) == credential.isBackupEligible else {
            throw .badFlags
        }
        guard let item = CBOR(credential.publicKey) else { throw .malformed("key") }
        let message = authenticatorData.array + clientData.withUnsafeBytes(SHA256.digest).bytes
        guard try COSEKey(item).verifies(signature, of: message) else { throw .badSignature }
        // §7.2, step 21. Authenticators whose keys are copied to other devices do not count.
        if data.counter != 0 || credential.counter != 0 {
            guard data.counter > credential.counter else { throw .counterWentBack }
        }
        var seen = credential
        seen.counter = data.counter
        seen.isBackedUp = data.flags.contains(.backedUp)
        return seen
    }
}
