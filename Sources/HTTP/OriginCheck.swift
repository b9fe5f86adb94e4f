// Whether a request may have come from a page of another site (protocol.md, "Origin"), and
// whether it names a host that this server is. Pure functions of the head, made before a body is
// read; on HTTP, on forms and on WebSocket handshakes alike.
//
//   Host ─► HostPolicy ─► Origin ┬ own, or none and not told as another site's ──► allowed
//                                ├ of ALLOWED_ORIGINS ───────────────────────────► shared
//                                └ anything else ────────────────────────────────► denied

import MizuBytes

/// Who may talk to the server. Read-only once made.
public struct OriginPolicy: Sendable {
    /// Whom it answers as.
    public var hosts: HostPolicy
    /// Whose pages besides its own may read it, and write.
    public var shared: CrossOrigin

    public init(hosts: HostPolicy = .any, shared: CrossOrigin = CrossOrigin()) {
        self.hosts = hosts
        self.shared = shared
    }

    public enum Verdict: Sendable, Equatable {
        case allowed
        /// From a page of an allowed origin: the answer carries these lines of `shared`.
        case shared(CrossOrigin.Lines)
        /// 403 `origin_denied`.
        case originDenied(Denial)
        /// 421: this server is not who was asked (RFC 9110 §15.5.20).
        case hostDenied
    }

    /// What spoke against it.
    public enum Denial: Sendable, Equatable {
        case origin
        /// `Origin: null`, which names nobody.
        case null
        /// No `Origin`, and `Sec-Fetch-Site` says that it was another site.
        case site
    }

    /// What the browser says of a request's origin, from one look through the lines.
    private struct Evidence {
        var origin: HeadRange?
        var originCount = 0
        /// `Sec-Fetch-Site`, which pages can neither set nor change (Fetch Metadata §2.3).
        var isSameOrigin = false
        var isOtherSite = false

        init(_ head: RequestHead, in bytes: UnsafeRawBufferPointer) {
            for index in 0..<head.fieldCount {
                let field = head.line(index)
                switch field.name.count {
                case 6 where field.name.bytes(in: bytes).equalsIgnoringCase("origin"):
                    origin = field.value
                    originCount += 1
                case 14 where field.name.bytes(in: bytes).equalsIgnoringCase("sec-fetch-site"):
                    let site = field.value.bytes(in: bytes)
                    if site.equalsIgnoringCase("same-origin") { isSameOrigin = true }
                    if site.equalsIgnoringCase("cross-site") || site.equalsIgnoringCase("same-site")
                    {
                        isOtherSite = true
                    }
                default: continue
                }
            }
        }
    }

    /// Judges a request. Its scheme: behind a proxy that ends TLS it is `http` while the page is
    /// `https`, so `https` pages pass on both; an `http` page never on `https`.
    /// - Parameter isProven: whether a name that is none of `hosts` is one of a certificate.
    public func verdict(
        on request: borrowing Request,
        isProven: (UnsafeRawBufferPointer) -> Bool = { _ in false }
    ) -> Verdict {
        let bytes = request.headBytes
        let host = request.authority.bytes(in: bytes)
        guard hosts.admits(host) || isProven(host) else { return .hostDenied }
        // Not through a variable, which would count a reference to its lines.
        let evidence = Evidence(request.head, in: bytes)
        guard let range = evidence.origin else {
            // Forms of browsers before 2020 have neither field; those since have at least one.
            let changes = !request.method.isSafe || request.head.wantsUpgrade
            return changes && evidence.isOtherSite ? .originDenied(.site) : .allowed
        }
        let origin = range.bytes(in: bytes)
        guard evidence.originCount == 1 else { return .originDenied(.origin) }
        if OriginPolicy.isOwn(origin, host: host, scheme: request.scheme) { return .allowed }
        let isNull = origin.equalsIgnoringCase("null")
        // What a page with `Referrer-Policy: no-referrer` sends with its own forms (Fetch §3.2).
        // Frames without an origin and files are `cross-site`; a name that was rebound has no
        // https, and without that browsers say nothing of the site.
        if isNull, evidence.isSameOrigin, !evidence.isOtherSite { return .allowed }
        if let lines = shared.lines(for: origin, of: request) { return .shared(lines) }
        return .originDenied(isNull ? .null : .origin)
    }

    /// Whether `origin` is `scheme://host[:port]` with the host and port of `Host`.
    private static func isOwn(
        _ origin: UnsafeRawBufferPointer, host: UnsafeRawBufferPointer, scheme: Scheme
    ) -> Bool {
        let isSecure = origin.startsIgnoringCase("https://")
        guard isSecure || (scheme == .http && origin.startsIgnoringCase("http://")) else {
            return false
        }
        let authority = origin.part((isSecure ? 8 : 7)..<origin.count)
        guard let theirs = HostSyntax(authority), let ours = HostSyntax(host) else { return false }
        let defaultPort: UInt16 = isSecure ? 443 : 80
        return (theirs.port ?? defaultPort) == (ours.port ?? defaultPort)
            && authority.part(0..<theirs.nameCount)
                .equalsIgnoringCase(host.part(0..<ours.nameCount))
    }
}

// MARK: The likely cause

extension OriginPolicy {
    /// Why a request that was denied may nevertheless be one of the app's own, and what would help:
    /// a part of a sentence, for an operator who knows only that writing does not work.
    public static func likelyCause(
        of denial: Denial, on request: borrowing Request
    ) -> StaticString {
        switch denial {
        case .site:
            return """
                a page of another site sent it, with no Origin but Sec-Fetch-Site: list a site in \
                ALLOWED_ORIGINS if its pages may write here
                """
        case .null:
            return """
                the page has no origin (a sandboxed frame, a file) or says Referrer-Policy: \
                no-referrer, with which browsers leave out the origin of forms: use same-origin, \
                or https, where Sec-Fetch-Site tells
                """
        case .origin: break
        }
        let host = request.authority.bytes(in: request.headBytes)
        guard
            let origin = request.head.first("origin", in: request.headBytes)?
                .bytes(in: request.headBytes),
            let slashes = origin.firstIndex(of: UInt8(ascii: "/")), slashes + 2 <= origin.count,
            let theirs = HostSyntax(origin.part(slashes + 2..<origin.count)),
            let ours = HostSyntax(host)
        else { return otherSite }
        let name = origin.part(slashes + 2..<slashes + 2 + theirs.nameCount)
        guard name.equalsIgnoringCase(host.part(0..<ours.nameCount)) else { return otherSite }
        if request.scheme == .https, origin.startsIgnoringCase("http://") {
            return """
                a page that was loaded by http asks by https: send plain requests to https in \
                front, or mend the proxy's X-Forwarded-Proto
                """
        }
        return """
            the port is another one: a proxy or port map in front loses it; pass Host on as it \
            came (nginx: proxy_set_header Host $http_host;)
            """
    }

    private static let otherSite: StaticString = """
        it is another site's page (list it in ALLOWED_ORIGINS if it may), or a proxy in front \
        replaces Host: pass it on (nginx: proxy_set_header Host $http_host;) or send \
        X-Forwarded-Host and name the proxy in TRUSTED_PROXIES
        """
}
