// The framework's own mutations, `mizu.…`: by name, what each does, and whether a client may push
// it. The engine takes them here and never to the app's mutator. Rooms above register theirs while
// the engine runs already, so a lock is around the table; an app's mutation never comes near it.

import MizuBytes
import Synchronization

/// What the engine knows of mutations named `mizu.…`. Shared; any thread.
public final class SystemMutations: Sendable {
    /// What a mutation does, as `Mutator.apply`; it may write records of the framework's, and
    /// those of other scopes. On the committer's thread.
    public typealias Apply =
        @Sendable (_ mutation: Mutation, _ store: inout Transaction) throws(Rejection) -> Void

    struct Entry: Sendable {
        let fromWire: Bool
        let apply: Apply
    }

    private let entries: Mutex<[Name: Entry]>

    /// With those of grants and invitations.
    public init() {
        entries = Mutex([
            InvitationMutations.accept: Entry(fromWire: true) {
                (mutation, store) throws(Rejection) in
                try InvitationMutations.accept(mutation, &store)
            },
            InvitationMutations.leave: Entry(fromWire: true) {
                (mutation, store) throws(Rejection) in
                try InvitationMutations.leave(mutation, &store)
            },
        ])
    }

    /// Adds a mutation, or takes the place of one with the same name.
    /// - Parameters:
    ///   - name: begins with `mizu.`.
    ///   - fromWire: whether a client, or a push in a user's name, may make it; else it is
    ///     `forbidden` to all but the server itself.
    public func register(_ name: Name, fromWire: Bool, _ apply: @escaping Apply) {
        precondition(name.isReserved, "\(name) is no name of the framework's")
        entries.withLock { $0[name] = Entry(fromWire: fromWire, apply: apply) }
    }

    func entry(_ name: Name) -> Entry? { entries.withLock { $0[name] } }
}
