// What the browser says of the page (WebAuthn level 2 §5.8.1): JSON that the authenticator signed
// the hash of. Names that are asked for must stand once; others are left alone, because browsers
// add some over time (§5.8.1.1).

import MizuBytes

struct ClientData: Sendable {
    enum Ceremony: String { case create = "webauthn.create", get = "webauthn.get" }

    static let bytesMax = 4_096
    private static let depthMax = 8

    /// Checks everything that it says (§7.1 and §7.2, steps 5 to 12).
    /// - Parameters:
    ///   - bytes: as they were signed.
    ///   - challenge: the bytes that were asked for.
    static func check(
        _ bytes: ByteSlice, is ceremony: Ceremony, challenge: [UInt8], for party: RelyingParty
    ) throws(WebAuthnRefusal) {
        guard bytes.count <= Self.bytesMax,
            let value = try? JSON.parse(bytes, depthMax: Self.depthMax),
            let found = try? value.members(named: [
                "type", "challenge", "origin", "crossOrigin", "topOrigin",
            ])
        else { throw .malformed("client data") }
        guard let type = found[0]?.utf8, let text = found[1]?.utf8, let origin = found[2]?.utf8
        else { throw .malformed("client data") }
        guard type == ByteSlice(ceremony.rawValue) else { throw .wrongType }
        guard let answered = text.withUnsafeBytes({ Base64.decode($0, alphabet: .url) }),
            ConstantTime.equal(answered, challenge)
        else { throw .wrongChallenge }
        guard party.origins.contains(where: { ByteSlice($0) == origin }) else {
            throw .wrongOrigin
        }
        // A page of somebody else's may not ask through a frame.
        guard found[3].map({ $0.kind == .false }) ?? true, found[4] == nil else {
            throw .wrongOrigin
        }
    }
}
