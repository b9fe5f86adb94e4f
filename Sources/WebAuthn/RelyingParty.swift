// The site that people have passkeys for (WebAuthn level 2 §4, "Relying Party"): its name, its
// pages, and what it asks of authenticators.

/// A site's rules for passkeys.
public struct RelyingParty: Sendable {
    /// The domain that credentials belong to: the host of the pages, or one above it.
    public let id: String
    /// What the browser shows to people.
    public let name: String
    /// The pages that may ask: `https://shop.example`, with a port where it is not the usual one.
    public let origins: [String]
    /// Whether the authenticator has to ask for a PIN, a finger or a face. A passkey that stands
    /// alone has to: it is both what one has and what one knows or is.
    public var requiresVerification = true
    /// Whether attestations other than none are taken, as if they were none: they are not judged.
    public var takesOtherAttestations = false

    /// - Parameter id: nil: the host of the first origin.
    public init(id: String? = nil, name: String, origins: [String]) {
        self.id = id ?? origins.first.map(Self.host) ?? ""
        self.name = name
        self.origins = origins
    }

    private static func host(of origin: String) -> String {
        let behind = origin.split(separator: "/", omittingEmptySubsequences: true).last ?? ""
        return String(behind.prefix { $0 != ":" })
    }
}
