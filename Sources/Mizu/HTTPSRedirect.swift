// Sends plain requests to the https address (308, RFC 9110 §15.4.9: the method and the content go
// again as they were). Three paths stay: `/.well-known/acme-challenge/`, because a certificate is
// asked for before there is one (RFC 8555 §8.3), `/healthz` and `/readyz`, because who asks is
// near. A pure function of the request.

import MizuHTTP

/// The redirect of the plain addresses. Any thread.
struct HTTPSRedirect: Sendable {
    private let port: UInt16
    /// For requests that name no host: HTTP/1.0 alone may do that.
    private let fallbackHost: String?

    /// - Parameters:
    ///   - port: of the https address, as clients see it.
    ///   - fallbackHost: stands in for a missing `Host`.
    init(port: UInt16, fallbackHost: String? = nil) {
        self.port = port
        self.fallbackHost = fallbackHost
    }

    /// The answer to a plain request; nil for what came by TLS and for what stays.
    func response(to request: borrowing Request) -> Response? {
        if request.isSecure || request.head.form == .authority { return nil }
        let path = request.path
        if Health.isAsked(at: path) || path.utf8.starts(with: AcmeChallenges.prefix.utf8) {
            return nil
        }
        guard let host = request.host ?? fallbackHost else {
            return Response(
                HTTPError(
                    .badRequest, code: "invalid_request",
                    message: "this server redirects to https, but the request names no host"))
        }
        let authority = Self.name(of: host) + (port == 443 ? "" : ":\(port)")
        var response = Response.redirect(
            to: "https://" + authority + Self.originForm(of: request, path: path),
            status: .permanentRedirect)
        // If the redirect is switched off again, no client should remember it.
        response.set("Cache-Control", literal: "no-cache")
        return response
    }

    /// `host` without a port. The request's parser has seen that it is one.
    private static func name(of host: String) -> Substring {
        if host.hasPrefix("["), let end = host.firstIndex(of: "]") { return host[...end] }
        return host[..<(host.firstIndex(of: ":") ?? host.endIndex)]
    }

    /// Path and query as they were sent, whatever the target's form.
    private static func originForm(of request: borrowing Request, path: String) -> String {
        let query = request.target.firstIndex(of: "?").map { request.target[$0...] } ?? ""
        return path + query
    }
}
