// What a push came to, as values: the engine makes them, an app's handlers read them, and whoever
// sends them writes them as text (`PushResults.body`). No text is made inside the transaction, and
// none is parsed to learn what this process decided a moment ago.

import MizuBytes

/// What a push came to: one result for each mutation, or why the push was refused as a whole.
public typealias PushAnswer = Result<PushResults, Refusal>

/// The results of a push that was admitted, in the order of its mutations. Immutable; any thread.
public struct PushResults: Sendable {
    public let results: [MutationResult]

    init(_ results: [MutationResult]) {
        self.results = results
    }
}

/// What one mutation of a push came to.
public struct MutationResult: Sendable {
    public enum Decision: Sendable {
        /// Durable now. The scope's log is at the position.
        case applied(Position, AppliedChanges)
        /// Was durable before: an earlier push of this mutation got the same position.
        case duplicate(Position)
        /// Refused for good.
        case refused(Rejection)
        /// Was refused before, for this reason.
        case duplicateRefusal(Rejection)
        /// Not decided, because the store failed on this mutation: try it again.
        case undecided
        /// Not tried, because one before it was not decided: try it again.
        case untried
    }

    /// The mutation's id.
    public let id: Name
    public let decision: Decision

    init(id: Name, _ decision: Decision) {
        self.id = id
        self.decision = decision
    }
}

/// The changes of one mutation: as values, and as the text that stands in the log.
public struct AppliedChanges: Sendable {
    /// In the order in which the mutator made them; empty if it changed nothing.
    public let changes: [RecordChange]
    /// The same as JSON objects with commas between them.
    public let bytes: ByteSlice

    static let none = AppliedChanges(changes: [], bytes: .empty)
}

extension Rejection {
    /// The reason that is sent for `MutationResult.Decision.undecided`.
    public static let undecided = Rejection(
        code: "internal_error", message: "this could not be decided")
    /// The reason that is sent for `MutationResult.Decision.untried`.
    public static let untried = Rejection(
        code: "unavailable", message: "not tried: one before it failed")
}
