// What is told when something happens to an account as a whole, so that what other parts keep of
// it ends with it. In the order in which they were added; a hook that throws ends the walk, and
// whoever runs it says what that means. Any thread.

import Synchronization

/// Closures that get an account's id.
final class UserHooks: Sendable {
    typealias Hook = @Sendable (_ user: String) async throws -> Void

    private let hooks = Mutex<[Hook]>([])

    func add(_ hook: @escaping Hook) { hooks.withLock { $0.append(hook) } }

    func run(for user: String) async throws {
        for hook in hooks.withLock({ $0 }) { try await hook(user) }
    }
}
