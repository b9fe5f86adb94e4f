// What an answer of 400 and above tells, beside the bytes that tell it: a browser can then be shown
// a page in place of JSON, and the cause can be logged where the request is known. Made where the
// error is; used once, by the server, just before the answer is written.

import MizuBytes

/// What is behind an error's answer.
public final class Problem: Sendable {
    /// Stable and for programs; the same as in the JSON.
    public let code: String
    /// For people.
    public let message: String
    /// What went wrong inside: for the log, and for the page of a developer. Nil where nothing did.
    public let cause: String?
    /// Whether the server may write the answer's content anew, as a page or with a request id; if
    /// not, only the log is told.
    public let isGeneric: Bool

    public init(code: String, message: String, cause: String? = nil, isGeneric: Bool = true) {
        self.code = code
        self.message = message
        self.cause = cause
        self.isGeneric = isGeneric
    }

    /// Bytes of a cause that are kept.
    public static let causeBytesMax = 1_000

    /// The text of a thrown error, cut to what a log line can take.
    public static func cause(of error: any Error) -> String {
        let text = "\(error)"
        guard text.utf8.count > causeBytesMax else { return text }
        return String(decoding: text.utf8.prefix(causeBytesMax), as: UTF8.self) + "…"
    }
}

extension Response {
    /// A failure of our own: a 500 that tells outside nothing of `error`, and the log all.
    public init(internal error: any Error) {
        self.init(
            HTTPError(
                .internalServerError, code: "internal_error",
                message: "Something went wrong here."))
        problem = Problem(
            code: "internal_error", message: "Something went wrong here.",
            cause: Problem.cause(of: error))
    }

    /// A refusal in plain text for programs, and a page for browsers.
    public static func refused(
        _ status: HTTPStatus, code: String, text: StaticString
    ) -> Response {
        var response = Response(
            status: status, mediaType: .text, body: .slice(ByteSlice(literal: text)))
        let message = "\(text)"
        response.problem = Problem(
            code: code, message: message.last == "\n" ? String(message.dropLast()) : message)
        return response
    }
}
