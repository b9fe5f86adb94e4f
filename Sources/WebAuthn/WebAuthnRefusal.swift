// Why a passkey's answer is not taken: one case for each rule of WebAuthn level 2, sections 7.1 and
// 7.2. The words are for the log and for developers; a person is told that it did not work.

/// Why an answer is refused.
public enum WebAuthnRefusal: Error, Equatable, Sendable {
    /// It is not of the form that a browser sends; says which part.
    case malformed(String)
    /// `type` of the client's data: an answer to the other question.
    case wrongType
    /// It answers a question that was not asked here, or was answered before.
    case wrongChallenge
    /// The question is too old.
    case lateChallenge
    /// It was made for another page, or in a frame of one.
    case wrongOrigin
    /// It was made for another relying party.
    case wrongRelyingParty
    /// Nobody touched the authenticator.
    case userNotPresent
    /// The authenticator did not ask for a PIN or a finger, and it has to.
    case userNotVerified
    /// Flags that contradict each other, or what is known of the credential.
    case badFlags
    /// The key is none of ES256 and EdDSA.
    case unsupportedKey
    /// An attestation that nobody here can judge.
    case attestation
    case badSignature
    /// The credential is another's, or not the one that answers.
    case wrongCredential
    /// The counter went back: the authenticator may have been copied.
    case counterWentBack
}

extension WebAuthnRefusal: CustomStringConvertible {
    public var description: String {
        switch self {
        case .malformed(let part): "the passkey's \(part) cannot be read"
        case .wrongType: "the passkey answered another question"
        case .wrongChallenge: "the passkey answered another challenge"
        case .lateChallenge: "the passkey answered too late"
        case .wrongOrigin: "the passkey was used on another page"
        case .wrongRelyingParty: "the passkey is for another site"
        case .userNotPresent: "nobody touched the authenticator"
        case .userNotVerified: "the authenticator did not verify who used it"
        case .badFlags: "the passkey's flags contradict each other"
        case .unsupportedKey: "the passkey's key is neither ES256 nor EdDSA"
        case .attestation: "the passkey's attestation is not supported"
        case .badSignature: "the passkey's signature is wrong"
        case .wrongCredential: "the passkey is not known here"
        case .counterWentBack: "the passkey's counter went back"
        }
    }
}
