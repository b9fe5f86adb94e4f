// Threads of a test's own, for what blocks. Tasks of a group share Swift's pool, which has a thread
// for each core: work that waits inside it for another task's work may wait for what never begins,
// and whatever else the pool should run stands still meanwhile.

import Glibc
import Synchronization

/// Runs each body on a thread of its own, all at once.
/// - Throws: What the first of them that failed threw, after all have ended.
public func onOwnThreads(_ bodies: [@Sendable () throws -> Void]) async throws {
    guard !bodies.isEmpty else { return }
    try await withCheckedThrowingContinuation { continuation in
        let ending = Ending(bodies.count, continuation)
        for body in bodies {
            let work = Unmanaged.passRetained(
                Work {
                    do {
                        try body()
                        ending.ended(with: nil)
                    } catch {
                        ending.ended(with: error)
                    }
                })
            var thread = pthread_t()
            let status = pthread_create(
                &thread, nil,
                { raw in
                    if let raw { Unmanaged<Work>.fromOpaque(raw).takeRetainedValue().run() }
                    return nil
                }, work.toOpaque())
            if status == 0 {
                pthread_detach(thread)
            } else {
                work.release()
                ending.ended(with: NoThread(status: status))
            }
        }
    }
}

/// The kernel gave no thread.
public struct NoThread: Error {
    /// An errno.
    public var status: Int32
}

private final class Work: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// Counts who has ended; the last one lets the test go on.
private final class Ending: Sendable {
    private struct State {
        var left: Int
        var error: (any Error)?
    }

    private let state: Mutex<State>
    private let continuation: CheckedContinuation<Void, any Error>

    init(_ count: Int, _ continuation: CheckedContinuation<Void, any Error>) {
        state = Mutex(State(left: count))
        self.continuation = continuation
    }

    func ended(with error: (any Error)?) {
        let (isLast, first) = state.withLock { state in
            state.left -= 1
            if state.error == nil { state.error = error }
            return (state.left == 0, state.error)
        }
        guard isLast else { return }
        if let first { continuation.resume(throwing: first) } else { continuation.resume() }
    }
}
