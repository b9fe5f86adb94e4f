// What a mutation has written, scope by scope, until the engine takes it over: a list of changes
// for each scope, in order, in which the last one of a record is found.

import MizuBytes

/// The changes that a mutation makes to one scope.
struct ScopeWrites {
    let scope: Name
    /// In the order in which they were made.
    private(set) var changes: [RecordChange] = []
    /// The last change of each key in `changes`; empty while these are few.
    private var latest: [RecordKey: Int] = [:]

    /// Up to this many changes are looked through, which is quicker than hashing their keys.
    private static let searchedMax = 8

    init(_ scope: Name) { self.scope = scope }

    func lastChange(of key: RecordKey) -> RecordChange? {
        let index = latest.isEmpty ? changes.lastIndex { $0.key == key } : latest[key]
        return index.map { changes[$0] }
    }

    mutating func append(_ change: RecordChange) {
        changes.append(change)
        if !latest.isEmpty {
            latest[change.key] = changes.count - 1
        } else if changes.count > Self.searchedMax {
            for (index, change) in changes.enumerated() { latest[change.key] = index }
        }
    }
}

/// All that a mutation has written.
struct MutationWrites {
    /// To its own scope.
    var changes: [RecordChange]
    /// To others; those with no change were only looked at.
    var others: [ScopeWrites]
    /// Who has another role now, in order.
    var rights: [UserRights]

    static let none = MutationWrites(changes: [], others: [], rights: [])
}

/// Somebody's right in a scope, before and after a mutation.
struct UserRights {
    let scope: Name
    let user: Name
    let before: Right?
    let after: Right?
}
