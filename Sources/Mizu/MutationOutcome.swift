// What became of one pushed mutation, read from the answer that every client gets: handlers see the
// same truth as the wire. A value.

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

    /// The record after the last change; nil where there is none.
    public var record: JSONValue? {
        guard case .applied(let records) = decision else { return nil }
        return records.last ?? nil
    }

    /// The refusal as an answer's error; nil where the mutation was applied.
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

    /// Reads a push's answer.
    /// - Throws: `HTTPError` where the whole push was refused.
    static func read(_ answer: PushAnswer) throws -> [MutationOutcome] {
        switch answer {
        case .failure(let refusal):
            throw HTTPError(
                HTTPStatus(UInt16(clamping: refusal.status)), code: refusal.code,
                message: refusal.message)
        case .success(let bytes):
            let results = JSONValue(validated: bytes).member("results")
            return results?.elements.map { MutationOutcome($0) } ?? []
        }
    }

    private init(_ result: JSONValue) {
        if result.member("ok")?.bool == true {
            let changes = result.member("changes")?.elements.map { $0.member("data") }
            decision = .applied(records: changes ?? [])
            return
        }
        let code = result.member("code")?.string ?? "internal_error"
        let message = result.member("error")?.string ?? ""
        decision =
            result.member("retry")?.bool == true
            ? .undecided(code: code, message: message) : .refused(code: code, message: message)
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
        default: self.init(internal: error)
        }
    }
}
