// What became of one pushed mutation, as a handler sees it: the result that the engine made and
// that clients are sent as text, without the positions, for which a handler has no use. A value.

import MizuBytes
import MizuHTTP
import MizuSync
import MizuSyncService

public struct MutationOutcome: Sendable {
    public enum Decision: Sendable {
        /// Durable. `records` holds the record after each of its changes (nil: deleted), unless it
        /// was decided before.
        case applied(records: [JSONValue?])
        /// Refused for good.
        case refused(code: String, message: String)
        /// Not decided: it may be tried again with the same id.
        case undecided(code: String, message: String)
    }

    public let decision: Decision

    /// The record after the last change; nil if there is none.
    public var record: JSONValue? {
        guard case .applied(let records) = decision else { return nil }
        return records.last ?? nil
    }

    /// The refusal as an answer's error; nil if the mutation was applied.
    public var error: HTTPError? {
        switch decision {
        case .applied: nil
        case .refused(let code, let message), .undecided(let code, let message):
            HTTPError(Self.status(of: code), code: code, message: message)
        }
    }

    /// The status that a REST interface gives a mutation's code.
    private static func status(of code: String) -> HTTPStatus {
        switch code {
        case "not_found": .notFound
        case "conflict", "id_reused": .conflict
        case "forbidden": .forbidden
        case "too_large": .contentTooLarge
        case "unavailable": .serviceUnavailable
        case "internal_error": .internalServerError
        default: .badRequest
        }
    }

    /// One outcome for each mutation of a push.
    /// - Throws: `HTTPError` if the push was refused as a whole.
    static func all(of answer: PushAnswer) throws -> [MutationOutcome] {
        switch answer {
        case .failure(let refusal):
            throw HTTPError(refusal)
        case .success(let pushed):
            return pushed.results.map { MutationOutcome($0.decision) }
        }
    }

    private init(_ decision: MutationResult.Decision) {
        self.decision =
            switch decision {
            case .applied(_, let applied):
                .applied(records: applied.changes.map { $0.json.map(JSONValue.init(validated:)) })
            case .duplicate: .applied(records: [])
            case .refused(let rejection), .duplicateRefusal(let rejection):
                .refused(code: rejection.code, message: rejection.message)
            case .undecided: Self.undecided(.undecided)
            case .untried: Self.undecided(.untried)
            }
    }

    private static func undecided(_ reason: Rejection) -> Decision {
        .undecided(code: reason.code, message: reason.message)
    }
}

extension Response {
    /// What a thrown error becomes: an `HTTPError` or `Refusal` as it says, anything else a 500
    /// that tells nothing, and the log all.
    init(failure error: any Error) {
        switch error {
        case let error as HTTPError:
            self.init(error)
            // 503 says "not now", which is an answer and no accident.
            if error.status.code >= 500, error.status != .serviceUnavailable {
                problem = Problem(
                    code: error.code, message: error.message, cause: Problem.cause(of: error))
            }
        case let refusal as Refusal: self.init(refusal)
        case let error as any AnsweredError: self = error.response
        default: self.init(internal: error)
        }
    }
}
