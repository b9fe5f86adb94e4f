// The fields that every answer carries unless its handler said otherwise: prebuilt bytes, so that
// they cost one copy. What they forbid is what an app should have to ask for.

import MizuBytes

/// Which fields are added to an answer.
public enum SafeDefaults: Sendable {
    /// None: `echo-server`, measurements.
    case none
    /// No sniffing, no foreign referrer, no embedding by other sites; for pages a strict
    /// Content-Security-Policy as well, and no window in common with other sites.
    case web
    /// The same, of an answer to a request that came by TLS: whoever writes it may add what only
    /// such an answer may say (RFC 6797 §7.2).
    case secureWeb

    /// These, for a request that came by TLS.
    public var secured: SafeDefaults { self == .web ? .secureWeb : self }

    /// For pages: everything from the own origin, nothing inline, no framing. `'self'` in
    /// `connect-src` covers ws and wss of the same origin (CSP Level 3 §6.7.2.8).
    public static let contentSecurityPolicy: StaticString = """
        default-src 'self'; img-src 'self' data:; connect-src 'self'; object-src 'none'; \
        base-uri 'none'; form-action 'self'; frame-ancestors 'none'
        """

    @inline(__always)
    func write(for response: Response, into output: inout ByteBuffer) {
        switch self {
        case .none: return
        case .web, .secureWeb:
            // Nearly every answer has no fields of its own, and then no look-up is needed.
            if response.fields.isEmpty || response.sharedLines != nil {
                output.append(SafeDefaults.all)
            } else {
                writeMissing(for: response, into: &output)
            }
            if response.mediaType?.isPage == true { writePage(for: response, into: &output) }
        }
    }

    private static let all: StaticString = """
        X-Content-Type-Options: nosniff\r\nReferrer-Policy: same-origin\r\n\
        Cross-Origin-Resource-Policy: same-origin\r\n
        """

    private func writePage(for response: Response, into output: inout ByteBuffer) {
        if !response.has("content-security-policy") {
            output.append(literal: "Content-Security-Policy: ")
            output.append(SafeDefaults.contentSecurityPolicy)
            output.append(literal: "\r\n")
        }
        if !response.has("cross-origin-opener-policy") {
            output.append(literal: "Cross-Origin-Opener-Policy: same-origin\r\n")
        }
    }

    private func writeMissing(for response: Response, into output: inout ByteBuffer) {
        if !response.has("x-content-type-options") {
            output.append(literal: "X-Content-Type-Options: nosniff\r\n")
        }
        if !response.has("referrer-policy") {
            output.append(literal: "Referrer-Policy: same-origin\r\n")
        }
        if !response.has("cross-origin-resource-policy") {
            output.append(literal: "Cross-Origin-Resource-Policy: same-origin\r\n")
        }
    }
}

extension MediaType {
    /// A document that runs scripts when it is opened: HTML, and SVG too.
    var isPage: Bool {
        var answer = false
        withBytes { bytes in
            if bytes.equals("application/json") { return }
            let essence = MediaType.essence(bytes)
            answer =
                essence.equalsIgnoringCase("text/html")
                || essence.equalsIgnoringCase("image/svg+xml")
                || essence.equalsIgnoringCase("application/xhtml+xml")
        }
        return answer
    }
}
