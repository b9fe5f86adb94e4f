// How far a thread is, for a line to who waits: counters that one thread writes and another reads.

import Synchronization

final class Progress: Sendable {
    private let openCount = Atomic<Int>(0)
    private let messageCount = Atomic<Int>(0)
    private let receivedCount = Atomic<Int>(0)

    struct Figures {
        var open = 0
        var messages = 0
        var receivedBytes = 0
    }

    @inline(__always)
    func update(_ tally: borrowing Tally, open: Int) {
        openCount.store(open, ordering: .relaxed)
        messageCount.store(tally.messages, ordering: .relaxed)
        receivedCount.store(tally.receivedBytes, ordering: .relaxed)
    }

    static func sum(_ all: [Progress]) -> Figures {
        var figures = Figures()
        for progress in all {
            figures.open += progress.openCount.load(ordering: .relaxed)
            figures.messages += progress.messageCount.load(ordering: .relaxed)
            figures.receivedBytes += progress.receivedCount.load(ordering: .relaxed)
        }
        return figures
    }
}
