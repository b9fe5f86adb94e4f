// Verifies the compact form of a signed message (RFC 7515 §3.1, §5.2): `header.payload.signature`,
// each in base64url. The header is believed in one thing alone, which key is meant; the key says
// the algorithm, and the payload is read by nobody before the signature is found good. Extensions
// (`crit`) are refused, and keys and addresses in the header (`jwk`, `jku`, `x5u`) mean nothing.

import MizuBytes

/// A message whose signature was good. Only `verify` makes one.
public struct JWS: Sendable {
    /// The header (RFC 7515 §4), each of its members once.
    public let header: JSONValue
    /// What was signed.
    public let payload: ByteSlice
    /// The `kid` of the key that signed it; nil where that has none.
    public let keyID: String?
    public let algorithm: JWSAlgorithm

    private static let headerBytesMax = 2_048
    private static let headerDepthMax = 4

    /// Verifies `text` by one of `keys`.
    /// - Parameters:
    ///   - text: the compact form, without white space.
    ///   - bytesMax: longer ones are refused before anything is done.
    /// - Throws: the first rule that it breaks. Costs some tens of microseconds for RSA, ECDSA and
    ///   Ed25519, and is paid only if a key is found.
    public static func verify(
        _ text: UnsafeRawBufferPointer, by keys: JWKS, bytesMax: Int
    ) throws(JWTRefusal) -> JWS {
        guard text.count <= bytesMax else { throw .tooLarge }
        let dots = text.indices.filter { text[$0] == UInt8(ascii: ".") }
        guard dots.count == 2 else { throw .malformed("form") }
        let headerText = text.part(..<dots[0])
        guard headerText.count <= Self.headerBytesMax,
            let headerBytes = Base64.decode(headerText, alphabet: .url),
            let header = StrictJSON.object(ByteSlice(headerBytes), depthMax: Self.headerDepthMax),
            let found = try? header.members(named: ["alg", "kid", "crit"])
        else { throw .malformed("header") }
        guard found[2] == nil else { throw .criticalExtension }
        var id: String?
        if let kid = found[1] {
            guard let text = kid.string else { throw .malformed("header") }
            id = text
        }
        guard let name = found[0], name.kind == .string else { throw .malformed("header") }
        guard let algorithm = JWSAlgorithm(name) else { throw .wrongAlgorithm }
        let key = try keys.key(named: id, algorithm)
        guard
            let signature = Base64.decode(text.part((dots[1] + 1)...), alphabet: .url)
        else { throw .malformed("signature") }
        guard key.verifies(signature, of: text.part(..<dots[1])) else { throw .badSignature }
        guard
            let payload = Base64.decode(text.part(dots[0] + 1..<dots[1]), alphabet: .url)
        else { throw .malformed("payload") }
        return JWS(
            header: header, payload: ByteSlice(payload), keyID: key.id, algorithm: key.algorithm)
    }
}
