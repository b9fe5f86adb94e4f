// What verifying finds: the first thing that does not fit, with its place, and how much was looked
// at.

import MizuBytes
import MizuSync

/// Something in a database that cannot be.
package struct VerificationFault: Error, Hashable, Sendable {
    /// Nil where it is of no one scope.
    package let scope: Name?
    /// Which row, as "change 17" or "record todo 4f2a".
    package let place: String
    /// What is wrong with it, for people.
    package let message: String

    package init(scope: Name?, place: String, message: String) {
        self.scope = scope
        self.place = place
        self.message = message
    }

    /// All of it in one line.
    package var text: String {
        (scope.map { "scope \($0), " } ?? "") + place + ": " + message
    }
}

/// Rows that were verified.
package struct VerifiedTally: Hashable, Sendable {
    package var scopeCount = 0
    package var changeCount = 0
    package var mutationCount = 0
    package var recordCount = 0
    package var clientCount = 0
    package var outcomeCount = 0
    package var accountCount = 0

    package init() {}

    mutating func add(_ other: VerifiedTally) {
        scopeCount += other.scopeCount
        changeCount += other.changeCount
        mutationCount += other.mutationCount
        recordCount += other.recordCount
        clientCount += other.clientCount
        outcomeCount += other.outcomeCount
        accountCount += other.accountCount
    }
}
