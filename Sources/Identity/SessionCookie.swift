// The cookie of a session (RFC 6265bis): `__Host-session` over TLS, which browsers take only with
// Secure, with Path=/ and without Domain, so that no neighbouring name can plant one; `session`
// over plain http, for development. Found in a request without an allocation. A value; any thread.

import MizuHTTP

public enum SessionCookie {
    /// The cookie's name.
    public static func name(isSecure: Bool) -> StaticString {
        isSecure ? "__Host-session" : "session"
    }

    /// The name of the cookie by which a browser is known that has signed in before.
    public static func deviceName(isSecure: Bool) -> StaticString {
        isSecure ? "__Host-device" : "device"
    }

    /// The token in the request's cookie; nil if there is none that could be one. If two cookies
    /// have the name, the first counts, as everywhere.
    public static func token(in request: borrowing Request) -> SessionToken? {
        request.withCookie(name(isSecure: request.isSecure)) { $0.flatMap { SessionToken($0) } }
    }

    /// The cookie that signs in.
    /// - Parameter seconds: how long the browser keeps it.
    public static func set(_ token: SessionToken, isSecure: Bool, seconds: Int) -> SetCookie {
        cookie(name(isSecure: isSecure), token.text, isSecure: isSecure, seconds: seconds)
    }

    /// The cookie that removes what `set` has set.
    public static func clear(isSecure: Bool) -> SetCookie {
        cookie(name(isSecure: isSecure), "", isSecure: isSecure, seconds: 0)
    }

    /// The cookie by which a browser is known again.
    public static func device(_ text: String, isSecure: Bool, seconds: Int) -> SetCookie {
        cookie(deviceName(isSecure: isSecure), text, isSecure: isSecure, seconds: seconds)
    }

    private static func cookie(
        _ name: StaticString, _ value: String, isSecure: Bool, seconds: Int
    ) -> SetCookie {
        var cookie = SetCookie("\(name)", value)
        cookie.maxAgeSeconds = seconds
        cookie.sameSite = .lax
        cookie.attributes = isSecure ? [.httpOnly, .secure] : [.httpOnly]
        return cookie
    }
}
