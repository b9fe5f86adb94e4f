// Who may talk to a server: the names it answers to, the origins whose pages it hears, and what it
// tells browsers of those.

import MizuBytes
import Testing

@testable import MizuHTTP

/// A POST with these lines, or the whole head where `text` says so.
private func verdict(
    _ policy: OriginPolicy, host: String, _ fields: [String] = [], method: String = "POST",
    path: String = "/", scheme: Scheme = .http
) throws -> OriginPolicy.Verdict {
    let lines = fields.map { $0 + "\r\n" }.joined()
    return try withRequest(
        "\(method) \(path) HTTP/1.1\r\nHost: \(host)\r\n\(lines)\r\n", scheme: scheme
    ) { policy.verdict(on: $0) }
}

private func admits(_ policy: HostPolicy, _ host: String) -> Bool {
    Array(host.utf8).withUnsafeBytes { policy.admits($0) }
}

@Suite("The names a server answers to")
struct HostPolicyTests {
    @Test("without names: addresses, localhost, the machine's names; what anybody can own is not")
    func own() {
        let policy = HostPolicy(machine: ["vm", "vm.local"])
        let ours = [
            "127.0.0.1", "127.0.0.1:8080", "10.1.2.3", "192.0.2.1:1", "[::1]", "[::1]:8080",
            "[2001:db8::1]:80", "[::ffff:127.0.0.1]", "localhost", "LOCALHOST:8080", "localhost.",
            "localhost.:80", "a.localhost", "b.a.localhost:3", "vm", "VM:8080", "vm.", "vm.local",
            "",
        ]
        for host in ours { #expect(admits(policy, host), "\(host)") }
        let others = [
            "evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example",
            "evillocalhost", ".localhost", "vm.evil", "evilvm", "a.vm", "127.1", "0x7f.1",
            "0177.0.0.1",
            "2130706433", "127.0.0.1..", "127.0.0.1.", "localhost..", "[::1]x", "[::1%25lo]",
            "[:::]",
            "%6cocalhost", "a b", "localhost:port", "127.0.0.256", "1.2.3.4.5", "::1",
        ]
        for host in others {
            #expect(!admits(policy, host), "\(host)")
        }
    }

    @Test("named hosts are exactly these, a port where one is named, a wildcard at any depth")
    func named() {
        let policy = HostPolicy(named: ["h", "i:81", "s:443", "*.example.org", "[::1]:8080"])
        for host in [
            "H:9", "h", "h.", "i:81", "s", "s:443", "a.example.org", "b.A.example.org:7",
            "[::1]:8080",
        ] { #expect(admits(policy, host), "\(host)") }
        for host in [
            "", "i", "i:82", "s:80", "example.org", ".example.org", "xexample.org", "h.x",
            "127.0.0.1",
            "localhost", "[::1]", "a.example.org.evil",
        ] { #expect(!admits(policy, host), "\(host)") }
        #expect(admits(.any, "evil.example") && admits(.any, ""))
    }

    @Test("a certificate's wildcard is one label, its other names are exact")
    func proven() {
        let policy = HostPolicy(proven: ["example.org", "*.example.org", "Some Common Name"])
        for host in ["example.org:8443", "a.example.org"] {
            #expect(admits(policy, host), "\(host)")
        }
        for host in ["b.a.example.org", ".example.org", "org", "127.0.0.1", ""] {
            #expect(!admits(policy, host), "\(host)")
        }
    }

    @Test("what may stand in HOSTS")
    func syntax() {
        for name in ["a", "a:1", "*.a", "[::1]:2", "10.0.0.1"] { #expect(HostPolicy.isHost(name)) }
        for name in ["", "*", "*.", "a b", "a/", "http://a", "*.*.a", "a:x", "[::1"] {
            #expect(!HostPolicy.isHost(name), "\(name)")
        }
    }
}

@Suite("protocol.md, Origin")
struct OriginTests {
    @Test("a request passes without an Origin, or with that of its own Host")
    func own() throws {
        let policy = OriginPolicy()
        #expect(try verdict(policy, host: "h") == .allowed)
        let same = [
            ("h", "http://h"), ("H:80", "http://h"), ("h:8080", "http://H:8080"),
            ("h", "https://h"), ("h:443", "https://h"), ("[::1]:1", "http://[::1]:1"),
        ]
        for (host, origin) in same {
            #expect(try verdict(policy, host: host, ["Origin: \(origin)"]) == .allowed, "\(origin)")
        }
        let foreign = [
            ("h", "http://i"), ("h", "http://h:81"), ("h:81", "http://h"),
            ("h", "http://h.evil"), ("h", "http://evil.h"), ("h", "ftp://h"), ("h", "h"), ("h", ""),
            ("h", "http://h/"), ("h", "http://h http://i"), ("h", "http://u@h"), ("h", "http://"),
            ("h", "http://h\r\nOrigin: http://h"), ("h", "http://h, http://h"),
        ]
        for (host, origin) in foreign {
            let judged = try verdict(policy, host: host, ["Origin: \(origin)"])
            #expect(judged == .originDenied(.origin), "\(origin)")
        }
    }

    @Test("an unencrypted page never speaks for an encrypted server")
    func schemes() throws {
        let policy = OriginPolicy()
        let (plain, secure) = (["Origin: http://h"], ["Origin: https://h"])
        let denied = OriginPolicy.Verdict.originDenied(.origin)
        #expect(try verdict(policy, host: "h", plain, scheme: .https) == denied)
        #expect(try verdict(policy, host: "h", secure, scheme: .https) == .allowed)
    }

    @Test("a rebound name is refused, whatever Origin says")
    func rebinding() throws {
        let policy = OriginPolicy(hosts: HostPolicy(machine: []))
        let origin = ["Origin: http://evil.example:8080"]
        #expect(try verdict(policy, host: "evil.example:8080", origin) == .hostDenied)
        #expect(try verdict(policy, host: "localhost", ["Origin: http://localhost"]) == .allowed)
    }

    @Test("null passes where the browser says that the page is our own, else names nobody")
    func null() throws {
        let policy = OriginPolicy(shared: CrossOrigin(["null://x"]))
        let denied = OriginPolicy.Verdict.originDenied(.null)
        #expect(try verdict(policy, host: "h", ["Origin: null"]) == denied)
        for (site, expected) in [
            ("same-origin", .allowed), ("Same-Origin", .allowed), ("cross-site", denied),
            ("same-site", denied), ("none", denied), ("", denied),
            ("same-origin\r\nSec-Fetch-Site: cross-site", denied),
        ] as [(String, OriginPolicy.Verdict)] {
            let fields = ["Origin: null", "Sec-Fetch-Site: \(site)"]
            #expect(try verdict(policy, host: "h", fields) == expected, "\(site)")
        }
        let fields = ["Origin: http://i", "Sec-Fetch-Site: same-origin"]
        #expect(try verdict(policy, host: "h", fields) == .originDenied(.origin))
    }

    @Test("without Origin another site's form is known by Sec-Fetch-Site, and so is a handshake")
    func sites() throws {
        let policy = OriginPolicy()
        for site in ["cross-site", "same-site", "Cross-Site"] {
            let field = ["Sec-Fetch-Site: \(site)"]
            for method in ["POST", "PUT", "DELETE", "PATCH", "BREW"] {
                let judged = try verdict(policy, host: "h", field, method: method)
                #expect(judged == .originDenied(.site), "\(method) \(site)")
            }
            #expect(try verdict(policy, host: "h", field, method: "GET") == .allowed, "a link")
            let handshake = field + ["Connection: Upgrade", "Upgrade: websocket"]
            let judged = try verdict(policy, host: "h", handshake, method: "GET")
            #expect(judged == .originDenied(.site))
        }
        for site in ["same-origin", "none", "other"] {
            #expect(try verdict(policy, host: "h", ["Sec-Fetch-Site: \(site)"]) == .allowed)
        }
    }

    @Test("the likely cause tells ports, schemes, null and other sites apart")
    func causes() throws {
        func cause(_ host: String, _ origin: String, scheme: Scheme = .http) throws -> String {
            try withRequest(
                "POST / HTTP/1.1\r\nHost: \(host)\r\nOrigin: \(origin)\r\n\r\n", scheme: scheme
            ) { "\(OriginPolicy.likelyCause(of: origin == "null" ? .null : .origin, on: $0))" }
        }
        #expect(try cause("h", "http://h:8443").contains("port"))
        #expect(try cause("h", "http://h", scheme: .https).contains("X-Forwarded-Proto"))
        #expect(try cause("h", "null").contains("no-referrer"))
        for origin in ["https://app.example", "x", "", "a:/", "a://"] {
            #expect(try cause("127.0.0.1:8080", origin).contains("proxy_set_header Host"))
        }
    }
}

@Suite("Fetch §3.3, pages of allowed origins")
struct CrossOriginTests {
    private let named = CrossOrigin(["https://App.example:443", "capacitor://localhost"])
    private let open = CrossOrigin(["https://a.b"], isPublic: true, readPaths: ["/_sync/pull"])

    /// The field lines that an answer gets.
    private func lines(_ shared: CrossOrigin, _ number: CrossOrigin.Lines) -> [String] {
        var response = Response.text("x")
        shared.write(number, to: &response)
        return String(decoding: response.fields, as: UTF8.self).split(separator: "\r\n").map(
            String.init)
    }

    @Test("an allowed origin is compared whole and told by name, with credentials and Vary")
    func exact() throws {
        let policy = OriginPolicy(shared: named)
        for origin in ["https://app.example", "capacitor://localhost", "HTTPS://APP.EXAMPLE"] {
            let judged = try verdict(policy, host: "h", ["Origin: \(origin)"])
            guard case .shared(let number) = judged else {
                Issue.record("\(origin): \(judged)")
                continue
            }
            let lines = lines(named, number)
            #expect(lines.contains("Access-Control-Allow-Origin: \(origin.lowercased())"))
            #expect(lines.contains("Access-Control-Allow-Credentials: true"))
            #expect(lines.contains("Vary: Origin"))
            #expect(lines.contains("Cross-Origin-Resource-Policy: cross-origin"))
            #expect(lines.contains { $0.hasPrefix("Access-Control-Expose-Headers: Retry-After") })
        }
        for origin in [
            "http://app.example", "https://app.example.x", "https://app.example:8443", "null",
            "https://app.example/", "https://xapp.example", "",
        ] {
            let judged = try verdict(policy, host: "h", ["Origin: \(origin)"])
            #expect(judged != .allowed)
            if case .shared = judged { Issue.record("\(origin)") }
        }
        // Who has no foreign origin gets no permission, and caches are told all the same.
        let number = try withRequest("GET / HTTP/1.1\r\nHost: h\r\n\r\n") { named.lines(of: $0) }
        #expect(
            lines(named, number) == ["Vary: Origin", "Cross-Origin-Resource-Policy: cross-origin"])
        #expect(lines(CrossOrigin(), 0).count == 1)
    }

    @Test("* lets every page read what is public, without credentials, and nothing else")
    func everyone() throws {
        let policy = OriginPolicy(shared: open)
        let origin = ["Origin: https://x.y"]
        for (method, path, more, isRead) in [
            ("GET", "/", [], true), ("HEAD", "/a", [], true), ("POST", "/_sync/pull", [], true),
            ("POST", "/_sync/pull?a", [], true), ("POST", "/_sync/push", [], false),
            ("POST", "/", [], false), ("DELETE", "/a", [], false), ("BREW", "/", [], false),
            ("GET", "/ws", ["Connection: upgrade", "Upgrade: websocket"], false),
            ("OPTIONS", "/a", ["Access-Control-Request-Method: GET"], true),
            ("OPTIONS", "/a", ["Access-Control-Request-Method: DELETE"], false),
            ("OPTIONS", "/_sync/pull", ["Access-Control-Request-Method: POST"], true),
            ("OPTIONS", "/_sync/push", ["Access-Control-Request-Method: POST"], false),
            ("OPTIONS", "/a", ["Access-Control-Request-Method: nonsense"], false),
        ] as [(String, String, [String], Bool)] {
            let judged = try verdict(
                policy, host: "h", origin + more, method: method, path: path)
            #expect(
                judged == (isRead ? .shared(2) : .originDenied(.origin)),
                "\(method) \(path) \(more)")
        }
        #expect(try verdict(policy, host: "h", ["Origin: null"], method: "GET") == .shared(2))
        #expect(try verdict(policy, host: "h", ["Origin: https://a.b"]) == .shared(3))
        let told = lines(open, 2)
        #expect(told.contains("Access-Control-Allow-Origin: *") && told.contains("Vary: Origin"))
        #expect(!told.contains { $0.contains("Credentials") })
        #expect(!lines(open, 1).contains { $0.contains("Access-Control") })
    }

    @Test("a preflight is answered with what may be sent; an OPTIONS that is none is not")
    func preflights() throws {
        func answer(_ fields: String, _ number: CrossOrigin.Lines) throws -> Response? {
            try withRequest("OPTIONS /x HTTP/1.1\r\nHost: h\r\n\(fields)\r\n") {
                open.preflight($0, number)
            }
        }
        #expect(try answer("", 3) == nil)
        let method = "Access-Control-Request-Method: PUT\r\n"
        let asked = "Access-Control-Request-Headers: x-own, content-type\r\n"
        let exact = try #require(try answer(method + asked, 3))
        #expect(exact.status == .noContent)
        #expect(exact.field("access-control-allow-headers") == "x-own, content-type")
        #expect(exact.field("access-control-allow-methods")?.contains("DELETE") == true)
        #expect(exact.field("access-control-max-age") == "7200")
        #expect(exact.field("vary")?.contains("Access-Control-Request-Headers") == true)
        for bad in ["a b", "x:y", "\"x\"", String(repeating: "x", count: 1_025)] {
            let fields = method + "Access-Control-Request-Headers: \(bad)\r\n"
            let told = try #require(try answer(fields, 3)).field("access-control-allow-headers")
            #expect(told?.hasPrefix("Content-Type, Authorization") == true, "\(bad)")
        }
        let anyone = try #require(try answer(method + asked, 2))
        #expect(anyone.field("access-control-allow-headers") == "Content-Type")
        #expect(anyone.field("access-control-allow-methods") == "GET, HEAD, POST")
    }

    @Test("what may stand in ALLOWED_ORIGINS")
    func syntax() {
        for origin in [
            "https://a", "http://a:81", "https://[::1]:2", "capacitor://localhost", "app+x.y-z://h",
        ] { #expect(CrossOrigin.isOrigin(origin), "\(origin)") }
        for origin in [
            "", "*", "null", "a", "https://", "https://a/", "https://a b", "://a", "1x://a",
            "https:a",
            "https://u@a", "https://a:", "https://a:x", "https://*.a", "é://a",
        ] { #expect(!CrossOrigin.isOrigin(origin), "\(origin)") }
    }

    @Test("a coded body is known by Content-Encoding, in any line and list")
    func codings() throws {
        for (fields, isCoded) in [
            ("", false), ("Content-Encoding: identity\r\n", false),
            ("Content-Encoding:\r\n", false),
            ("Content-Encoding: gzip\r\n", true), ("content-encoding: identity, br\r\n", true),
            ("Content-Encoding: identity\r\nContent-Encoding: x\r\n", true),
        ] {
            let found = try withRequest("POST / HTTP/1.1\r\nHost: h\r\n\(fields)\r\n") {
                $0.hasCodedBody
            }
            #expect(found == isCoded, "\(fields)")
        }
    }
}
