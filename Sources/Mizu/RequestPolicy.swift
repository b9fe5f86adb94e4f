// What every request passes before its route is looked for and its body is read: whom it asks for,
// whose page sent it, by which scheme, and in which coding (protocol.md, "Origin"). Two paths are
// for whoever comes, because those who ask do not know our name: `/healthz`, and ACME challenges,
// which are asked for before there is a certificate (RFC 8555 §8.3).
//
//   Host ─► 421      plain ─► 308      Origin ─► 403 or preflight's answer      coding ─► 415

import MizuBytes
import MizuDoor
import MizuHTTP
import MizuServer

/// The app's `admit`. Any thread; read-only but for what `log` counts. A class: workers keep one
/// reference, and a call copies nothing.
final class RequestPolicy: Sendable {
    let policy: OriginPolicy
    let redirect: HTTPSRedirect?
    /// Names of certificates are names of ours.
    let provesNames: Bool
    /// Challenges are answered.
    let hasChallenges: Bool
    /// Nobody is trusted to say for whom it speaks.
    let hasNoProxies: Bool
    let log: RefusalLog

    init(
        policy: OriginPolicy, redirect: HTTPSRedirect?, provesNames: Bool, hasChallenges: Bool,
        hasNoProxies: Bool, log: RefusalLog
    ) {
        self.policy = policy
        self.redirect = redirect
        self.provesNames = provesNames
        self.hasChallenges = hasChallenges
        self.hasNoProxies = hasNoProxies
        self.log = log
    }

    /// An answer refuses the request, or is all that it needs.
    func admit(_ request: inout Request, proven: CertificateHosts) -> Response? {
        if hasNoProxies { warnOfProxy(request) }
        let verdict = policy.verdict(on: request) { provesNames && proven.admit($0) }
        if verdict == .hostDenied, !isForAll(request) { return refuseHost(request) }
        // Refusals and redirects say it, too: a page must be able to read them.
        if case .shared(let lines) = verdict {
            request.crossOrigin = lines
        } else if !policy.shared.isEmpty {
            request.crossOrigin = policy.shared.lines(of: request)
        }
        if verdict != .hostDenied, let redirect, let answer = redirect.response(to: request) {
            return answer
        }
        switch verdict {
        case .allowed, .hostDenied: break
        case .shared(let lines):
            if let answer = policy.shared.preflight(request, lines) { return answer }
        case .originDenied(let denial): return refuseOrigin(request, denial)
        }
        // What is looked at in front of us must be what is read here (RFC 9110 §15.5.16).
        if request.head.framing != .none, request.hasCodedBody { return Self.codedBody }
        return nil
    }

    private func isForAll(_ request: borrowing Request) -> Bool {
        request.withPath { path in
            path.elementsEqual("/healthz".utf8) || path.elementsEqual("/readyz".utf8)
                || (hasChallenges && path.starts(with: AcmeChallenges.prefix.utf8))
        }
    }

    private func refuseHost(_ request: borrowing Request) -> Response {
        log.refusedHost(request)
        return Response(
            HTTPError(
                .misdirectedRequest, code: "invalid_request",
                message: """
                    this server does not answer to that Host; its operator can add the name to \
                    the setting HOSTS
                    """))
    }

    private func refuseOrigin(
        _ request: borrowing Request, _ denial: OriginPolicy.Denial
    ) -> Response {
        log.refusedOrigin(request, denial)
        return Response(
            HTTPError(
                .forbidden, code: "origin_denied",
                message: "requests from pages of other origins are refused"))
    }

    private static var codedBody: Response {
        var response = Response(
            HTTPError(
                .unsupportedMediaType, code: "unsupported_media_type",
                message: "this server decodes no bodies: send them without Content-Encoding"))
        response.set("Accept-Encoding", literal: "identity")
        return response
    }

    /// A proxy on this machine that TRUSTED_PROXIES does not name: its clients share its address.
    private func warnOfProxy(_ request: borrowing Request) {
        for field in request.head.fields where field.name.count == 15 || field.name.count == 9 {
            let name = field.name.bytes(in: request.bytesOfHead)
            let isForwarded =
                ASCII.equalIgnoringCase(name, "x-forwarded-for")
                || ASCII.equalIgnoringCase(name, "forwarded")
            if isForwarded, AddressRanges.loopback.contains(request.peer) {
                log.unnamedProxy(request.peer)
            }
        }
    }
}
