// What a page hands to `navigator.credentials` (WebAuthn level 2 §5.4, §5.5), as JSON in the form
// of level 3: bytes are base64url.

import MizuBytes

/// The questions of both ceremonies.
extension RelyingParty {
    /// How long a browser waits for its user.
    private static let timeoutMilliseconds = 300_000

    /// PublicKeyCredentialCreationOptionsJSON: asks for a discoverable credential.
    /// - Parameters:
    ///   - handle: names the account; 1 to 64 bytes without anything personal (§14.6.1).
    ///   - userName: what people tell accounts apart by.
    ///   - displayName: what they call themselves.
    ///   - excluded: credentials that the account has already.
    public func creationOptions(
        challenge: [UInt8], handle: ByteSlice, userName: String, displayName: String,
        excluding excluded: [ByteSlice]
    ) -> ByteSlice {
        var json = JSONWriter(escaping: .html)
        json.beginObject()
        json.key("rp")
        json.beginObject()
        json.key("id")
        json.string(id)
        json.key("name")
        json.string(name)
        json.endObject()
        json.key("user")
        json.beginObject()
        json.key("id")
        json.string(handle.base64URL)
        json.key("name")
        json.string(userName)
        json.key("displayName")
        json.string(displayName)
        json.endObject()
        json.key("challenge")
        json.string(ByteSlice(challenge).base64URL)
        json.key("pubKeyCredParams")
        json.beginArray()
        for algorithm in COSEKey.algorithms {
            json.beginObject()
            json.key("type")
            json.string("public-key")
            json.key("alg")
            json.raw(ByteSlice("\(algorithm)"))
            json.endObject()
        }
        json.endArray()
        json.key("timeout")
        json.int(Self.timeoutMilliseconds)
        json.key("attestation")
        json.string("none")
        json.key("authenticatorSelection")
        json.beginObject()
        json.key("residentKey")
        json.string("required")
        json.key("requireResidentKey")
        json.bool(true)
        json.key("userVerification")
        json.string(verification)
        json.endObject()
        json.key("excludeCredentials")
        json.beginArray()
        for credential in excluded {
            json.beginObject()
            json.key("type")
            json.string("public-key")
            json.key("id")
            json.string(credential.base64URL)
            json.endObject()
        }
        json.endArray()
        json.endObject()
        return json.finish()
    }

    /// PublicKeyCredentialRequestOptionsJSON: any credential of this site may answer, and it says
    /// whose it is.
    public func requestOptions(challenge: [UInt8]) -> ByteSlice {
        var json = JSONWriter(escaping: .html)
        json.beginObject()
        json.key("challenge")
        json.string(ByteSlice(challenge).base64URL)
        json.key("rpId")
        json.string(id)
        json.key("timeout")
        json.int(Self.timeoutMilliseconds)
        json.key("userVerification")
        json.string(verification)
        json.key("allowCredentials")
        json.beginArray()
        json.endArray()
        json.endObject()
        return json.finish()
    }

    private var verification: String { requiresVerification ? "required" : "preferred" }
}

extension ByteSlice {
    var base64URL: String {
        withUnsafeBytes { String(decoding: Base64.encode($0, alphabet: .url), as: UTF8.self) }
    }
}
