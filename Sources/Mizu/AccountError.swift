// Why something with an account did not work, in words for the person who tried. The words never
// tell whether somebody has an account; the one exception is a sign-up with an address that is
// taken, which cannot be refused without saying so. A value.

import MizuBytes
import MizuHTTP
import MizuIdentity

/// A refusal that a person can do something about. A handler may let it through.
public enum AccountError: AnsweredError, Sendable, Equatable {
    /// The address or the password is wrong; which of them is not said.
    case wrongPassword
    /// Somebody has an account with this address.
    case emailTaken
    /// This is no address.
    case emailMalformed
    /// A name is missing or too long.
    case nameMalformed
    /// A name has characters that are not seen, or that turn the direction of a text.
    case nameHidden
    /// The password is not taken, for this reason.
    case password(PasswordRules.Objection)
    /// Accounts are made by invitation, or not at all.
    case signUpClosed
    /// The invitation is no invitation, was used, or is over.
    case invitationOver
    /// The link to choose a new password is no such link, was used, or is over.
    case linkOver
    /// There were too many tries; the next may be made after so many seconds.
    case tooManyTries(retryAfterSeconds: Int)
    /// Too many sign in just now; come again after so many seconds.
    case busy(retryAfterSeconds: Int)
    /// There is no such account, or no such session.
    case noAccount
    /// The account has no password to ask for, and the sign-in is too long ago to do without.
    case signInAnew

    /// For the person.
    public var words: String {
        switch self {
        case .wrongPassword: "The address or the password is wrong."
        case .emailTaken: "There is an account with this address already."
        case .emailMalformed: "This is not an e-mail address."
        case .nameMalformed: "A name has 1 to 80 characters."
        case .nameHidden:
            "A name has no characters that cannot be seen, or that turn the direction of text."
        case .password(let objection): objection.words
        case .signUpClosed: "New accounts cannot be made here."
        case .invitationOver: "This invitation does not hold, or not any more."
        case .linkOver: "This link does not hold, or not any more. Ask for a new one."
        case .tooManyTries(let seconds):
            "There were too many tries. Wait \(Self.duration(seconds)), then try again."
        case .busy: "Too many people sign in just now. Wait a moment, then try again."
        case .noAccount: "There is no such account or session."
        case .signInAnew:
            "Sign in again first: it is too long ago, and there is no password to ask for."
        }
    }

    private static func duration(_ seconds: Int) -> String {
        if seconds < 2 { return "a second" }
        return seconds < 120 ? "\(seconds) seconds" : "\((seconds + 59) / 60) minutes"
    }

    /// For programs.
    public var code: String {
        switch self {
        case .wrongPassword: "unauthenticated"
        case .emailTaken: "conflict"
        case .emailMalformed, .nameMalformed, .nameHidden, .password: "invalid_request"
        case .signUpClosed, .invitationOver, .linkOver, .signInAnew: "forbidden"
        case .tooManyTries: "rate_limited"
        case .busy: "unavailable"
        case .noAccount: "not_found"
        }
    }

    /// The status of an answer that says it. A wrong password is 403 and not 401, which would have
    /// to name a scheme of HTTP's own (RFC 9110 §15.5.2).
    public var status: HTTPStatus {
        switch self {
        case .wrongPassword, .signUpClosed, .invitationOver, .linkOver, .signInAnew: .forbidden
        case .emailTaken: .conflict
        case .emailMalformed, .nameMalformed, .nameHidden, .password: .unprocessableContent
        case .tooManyTries: .tooManyRequests
        case .busy: .serviceUnavailable
        case .noAccount: .notFound
        }
    }

    /// Seconds for `Retry-After`; nil if waiting does not help.
    public var retryAfterSeconds: Int? {
        switch self {
        case .tooManyTries(let seconds), .busy(let seconds): max(1, seconds)
        default: nil
        }
    }

    /// The answer for a program.
    public var response: Response {
        var response = Response(HTTPError(status, code: code, message: words))
        mark(&response)
        return response
    }

    /// Adds `Retry-After` if waiting helps.
    func mark(_ response: inout Response) {
        guard let retryAfterSeconds else { return }
        // Digits are a sound value.
        try? response.set("Retry-After", String(retryAfterSeconds))
    }
}
