// What a plain address answers once there is an https one, and what it never says.

import MizuHTTP
import Testing

@testable import Mizu

/// The request that `text` is.
private func withRequest<R>(
    _ text: String, scheme: Scheme = .http, _ body: (borrowing Request) throws -> R
) throws -> R {
    let bytes = Array(text.utf8)
    return try bytes.withUnsafeBytes { whole in
        var (parser, head) = (RequestParser(), RequestHead())
        let outcome = parser.parse(whole, into: &head, limits: .default)
        guard case .head = outcome else { throw NotARequest(outcome: outcome) }
        return try withUnsafePointer(to: head) { head in
            let request = Request(
                head: head, headBytes: whole, body: UnsafeRawBufferPointer(start: nil, count: 0),
                exchange: ExchangeID(worker: 0, connection: 0, sequence: 0), peer: .local,
                scheme: scheme)
            return try body(request)
        }
    }
}

private struct NotARequest: Error {
    let outcome: HeadOutcome
}

@Suite("The redirect to https")
struct HTTPSRedirectTests {
    private func location(
        _ text: String, port: UInt16 = 443, fallback: String? = nil, scheme: Scheme = .http
    ) throws -> String? {
        let redirect = HTTPSRedirect(port: port, fallbackHost: fallback)
        return try withRequest(text, scheme: scheme) { (request) -> String? in
            guard let response = redirect.response(to: request) else { return nil }
            return response.status == .permanentRedirect
                ? response.field("Location") : "\(response.status.code)"
        }
    }

    static let targets: [(String, String?)] = [
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", "https://h/"),
        (
            "POST /a%20b?c=d&e HTTP/1.1\r\nHost: h.example:80\r\n\r\n",
            "https://h.example/a%20b?c=d&e"
        ),
        ("GET //evil/x HTTP/1.1\r\nHost: h\r\n\r\n", "https://h//evil/x"),
        ("GET http://h:80/a?b HTTP/1.1\r\nHost: h\r\n\r\n", "https://h/a?b"),
        ("GET http://h?b HTTP/1.1\r\nHost: h\r\n\r\n", "https://h/?b"),
        ("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "https://h/"),
        ("GET / HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n", "https://[2001:db8::1]/"),
        ("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n", nil),
        ("GET /healthz/ HTTP/1.1\r\nHost: h\r\n\r\n", "https://h/healthz/"),
        ("GET /.well-known/acme-challenge/x HTTP/1.1\r\nHost: h\r\n\r\n", nil),
        ("GET /.well-known/other HTTP/1.1\r\nHost: h\r\n\r\n", "https://h/.well-known/other"),
        ("GET / HTTP/1.0\r\n\r\n", "400"),
    ]

    @Test("the same target at the https port, two paths left out", arguments: targets)
    func target(text: String, expected: String?) throws {
        #expect(try location(text) == expected)
        #expect(try location(text, scheme: .https) == nil, "what came by TLS stays")
    }

    @Test("another port is named, a missing host is the first of HOSTS")
    func ports() throws {
        let text = "GET /a HTTP/1.1\r\nHost: h:8080\r\n\r\n"
        #expect(try location(text, port: 8443) == "https://h:8443/a")
        let old = "GET /a HTTP/1.0\r\n\r\n"
        #expect(try location(old, fallback: "a.example:80") == "https://a.example/a")
    }

    @Test("Strict-Transport-Security from an operator's words")
    func policy() {
        #expect(TransportSecurity("31536000")?.field == "max-age=31536000")
        #expect(TransportSecurity("0")?.field == "max-age=0")
        #expect(
            TransportSecurity("60; includeSubDomains")?.field == "max-age=60; includeSubDomains")
        #expect(
            TransportSecurity("60;includesubdomains; preload")?.field
                == "max-age=60; includeSubDomains; preload")
        for bad in ["", "on", "-1", "+1", "60;", "60; preload", "60; x", "999999999999", "60\r\nX"]
        {
            #expect(TransportSecurity(bad) == nil, "\(bad)")
        }
    }
}
