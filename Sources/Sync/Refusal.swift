// The two ways to say no. A `Refusal` answers a whole request and has an HTTP status; a `Rejection`
// answers one mutation and stands in the results of a push that succeeded (protocol.md, tables of
// status codes and of results). Neither is an accident: accidents of storage are `StoreError`.

import MizuBytes

/// An answer to a request as a whole: an HTTP status with `{"code","error"}`, or an `error` on /ws.
public struct Refusal: Error, Hashable, Sendable {
    /// The HTTP status, 400 to 599.
    public let status: Int
    /// Stable, for programs.
    public let code: String
    /// For people; says where and what.
    public let message: String
    /// Seconds for `Retry-After`, where the client should wait.
    public let retryAfterSeconds: Int?

    public init(status: Int, code: String, message: String, retryAfterSeconds: Int? = nil) {
        self.status = status
        self.code = code
        self.message = message
        self.retryAfterSeconds = retryAfterSeconds
    }

    public static func invalidRequest(_ message: String) -> Refusal {
        Refusal(status: 400, code: "invalid_request", message: message)
    }
    public static func versionUnsupported(_ message: String) -> Refusal {
        Refusal(status: 400, code: "version_unsupported", message: message)
    }
    public static func tooLarge(_ message: String) -> Refusal {
        Refusal(status: 413, code: "too_large", message: message)
    }
    public static let wrongUser = Refusal(
        status: 403, code: "wrong_user", message: "this client belongs to another user")
    public static func scopeDenied(_ scope: Name) -> Refusal {
        Refusal(
            status: 403, code: "scope_denied",
            message: "no permission for the scope \(scope)")
    }
    public static let cursorTooOld = Refusal(
        status: 410, code: "cursor_too_old",
        message: "the change after this cursor is trimmed; take a snapshot")
    public static let epochChanged = Refusal(
        status: 410, code: "epoch_changed",
        message: "this cursor is of another epoch of the log; take a snapshot")
    public static func rateLimited(_ message: String, retryAfterSeconds: Int) -> Refusal {
        Refusal(
            status: 429, code: "rate_limited", message: message,
            retryAfterSeconds: retryAfterSeconds)
    }
    public static func unavailable(_ message: String) -> Refusal {
        Refusal(status: 503, code: "unavailable", message: message, retryAfterSeconds: 1)
    }
}

/// Why one mutation is refused for good: what a mutator throws. Its outcome is stored, and a retry
/// with the same id is told the same.
public struct Rejection: Error, Hashable, Sendable {
    /// Stable, for programs.
    public let code: String
    /// For people. What passes `messageBytesMax` is cut off.
    public let message: String

    /// Keeps a stored outcome, and with it a push's answer, small.
    public static let messageBytesMax = 500
    public static let codeBytesMax = 64

    public init(code: String, message: String) {
        self.code = Rejection.cut(code, bytesMax: Rejection.codeBytesMax)
        self.message = Rejection.cut(message, bytesMax: Rejection.messageBytesMax)
    }

    /// `invalid_mutation`: the arguments are not what this mutation needs.
    public static func invalid(_ message: String) -> Rejection {
        Rejection(code: "invalid_mutation", message: message)
    }
    /// `unknown_mutation`: no mutator knows this name.
    public static let unknownMutation = Rejection(
        code: "unknown_mutation", message: "no such mutation")
    public static let notFound = Rejection(code: "not_found", message: "no such record")
    public static let conflict = Rejection(
        code: "conflict", message: "there is such a record already")
    public static let forbidden = Rejection(
        code: "forbidden", message: "this user may not do that")

    static func tooLarge(_ message: String) -> Rejection {
        Rejection(code: "too_large", message: message)
    }
    static func quotaExceeded(_ message: String) -> Rejection {
        Rejection(code: "quota_exceeded", message: message)
    }
    static let idReused = Rejection(
        code: "id_reused", message: "this id was used for another mutation")

    private static func cut(_ text: String, bytesMax: Int) -> String {
        guard text.utf8.count > bytesMax else { return text }
        var end = text.utf8.index(text.utf8.startIndex, offsetBy: bytesMax)
        // Not inside a character: step back to where one begins.
        while end.samePosition(in: text.unicodeScalars) == nil {
            end = text.utf8.index(before: end)
        }
        return String(text[..<end])
    }
}
