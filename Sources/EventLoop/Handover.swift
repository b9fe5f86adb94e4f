// A wait of a task for a value that another thread makes. `withCheckedContinuation` hands the value
// over soundly, but where it is there before the task has begun to wait, it does so inside the
// runtime, where ThreadSanitizer sees no order between the thread that made the value and the task
// that reads it: it reports a race. An atomic of ours, written before and read behind, shows it.

import Synchronization

/// Answers a wait, once, from any thread.
package final class Handover<Value: Sendable>: Sendable {
    private let continuation: CheckedContinuation<Value, Never>
    private let isMade: HandoverMark

    fileprivate init(_ continuation: CheckedContinuation<Value, Never>, _ isMade: HandoverMark) {
        self.continuation = continuation
        self.isMade = isMade
    }

    package func resume(returning value: Value) {
        isMade.set()
        continuation.resume(returning: value)
    }
}

private final class HandoverMark: Sendable {
    private let isSet = Atomic(false)

    func set() { isSet.store(true, ordering: .releasing) }
    func see() { _ = isSet.load(ordering: .acquiring) }
}

/// Waits for the value with which `begin` has the handover resumed. The task goes on where it was.
/// - Parameter begin: called at once, on the caller's thread.
nonisolated(nonsending) package func handedOver<Value: Sendable>(
    _ begin: (Handover<Value>) -> Void
) async -> Value {
    let mark = HandoverMark()
    let value: Value = await withCheckedContinuation { begin(Handover($0, mark)) }
    mark.see()
    return value
}
