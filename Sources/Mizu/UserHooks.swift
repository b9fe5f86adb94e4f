// What is told when an account ends, so that what other parts keep of it ends with it. In two
// steps: `forget` at once and in memory, so that nothing of it is good any more whatever becomes of
// the rest; `remove` in the store, again at the next start until it has worked once. Any thread.

import Synchronization

/// Closures that get an account's id.
final class UserHooks: Sendable {
    struct Hook: Sendable {
        /// Must not wait.
        let forget: @Sendable (_ user: String) -> Void
        /// May be called twice for the same user.
        let remove: @Sendable (_ user: String) async throws -> Void
    }

    private let hooks = Mutex<[Hook]>([])

    func add(
        forget: @escaping @Sendable (_ user: String) -> Void = { _ in },
        remove: @escaping @Sendable (_ user: String) async throws -> Void
    ) {
        hooks.withLock { $0.append(Hook(forget: forget, remove: remove)) }
    }

    /// In the order in which they were added.
    func forget(_ user: String) {
        for hook in hooks.withLock({ $0 }) { hook.forget(user) }
    }

    /// The first that throws ends the walk.
    func remove(_ user: String) async throws {
        for hook in hooks.withLock({ $0 }) { try await hook.remove(user) }
    }
}
