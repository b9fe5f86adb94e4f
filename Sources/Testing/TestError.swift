// Why a test got no answer at all. A refusal is an answer, and no error.

/// Why there is no answer; `description` names the request.
public struct TestError: Error, CustomStringConvertible, Sendable {
    public let description: String

    init(_ description: String) { self.description = description }
}
