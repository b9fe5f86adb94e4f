// A thread with a mailbox: mail in order, what it owns gone before its stop is known, and a stop that
// does not come in time.

import MizuEventLoop
import Synchronization
import Testing

/// What a thread owns; counts those that are alive.
private final class Owned {
    private let alive: Shared

    init(_ alive: Shared) {
        self.alive = alive
        alive.owned.add(1, ordering: .relaxed)
    }

    deinit { alive.owned.subtract(1, ordering: .sequentiallyConsistent) }
}

private final class Shared: Sendable {
    let owned = Atomic<Int>(0)
    let seen = Mutex<[Int]>([])
}

@Suite("A thread with a mailbox") struct MailThreadTests {
    private static func start(_ thread: MailThread<Int>, _ shared: Shared) throws {
        try thread.start(handover: Owned(shared)) { owned, inbox in
            while inbox.receive() == .goOn {
                let mail = inbox.mail
                shared.seen.withLock { $0 += mail }
            }
            withExtendedLifetime(owned) {}
        }
    }

    @Test("mail from before the start and from before the stop is received, in order")
    func order() throws {
        let (thread, shared) = (try MailThread<Int>("test"), Shared())
        for number in 0..<100 { thread.post(number) }
        try Self.start(thread, shared)
        for number in 100..<5_000 { thread.post(number) }
        #expect(thread.stop(withinMilliseconds: 60_000) == .ended)
        #expect(shared.owned.load(ordering: .sequentiallyConsistent) == 0)
        #expect(shared.seen.withLock { $0 } == Array(0..<5_000))
        thread.post(5_000)
        #expect(thread.stop(withinMilliseconds: 60_000) == .ended, "again, at once")
        #expect(shared.seen.withLock { $0.count } == 5_000)
    }

    @Test("many are stopped together, and what each owned has gone then")
    func several() throws {
        let shared = Shared()
        let threads = try (0..<8).map { try MailThread<Int>("test-\($0)") }
        #expect(MailThread.stop(threads, withinMilliseconds: 60_000) == .notStarted)
        for thread in threads { try Self.start(thread, shared) }
        for number in 0..<800 { threads[number % 8].post(number) }
        #expect(MailThread.stop(threads, withinMilliseconds: 60_000) == .ended)
        #expect(shared.owned.load(ordering: .sequentiallyConsistent) == 0)
        #expect(Set(shared.seen.withLock { $0 }) == Set(0..<800))
    }

    @Test("a thread that is at work is late, goes on, and can be waited for again")
    func late() throws {
        let (thread, shared, gate) = (try MailThread<Int>("test"), Shared(), try Mailbox<Void>())
        try thread.start(handover: Owned(shared)) { owned, inbox in
            guard var poller = try? Poller(),
                (try? poller.registerInput(gate.pollable, data: 0)) != nil
            else { return }
            while inbox.receive() == .goOn { try? poller.wait(milliseconds: 60_000) }
            withExtendedLifetime(owned) {}
        }
        thread.post(1)
        #expect(thread.stop(withinMilliseconds: 0) == .late)
        #expect(shared.owned.load(ordering: .relaxed) == 1)
        gate.post(())
        #expect(thread.stop(withinMilliseconds: 60_000) == .ended)
        #expect(shared.owned.load(ordering: .sequentiallyConsistent) == 0)
    }

    @Test("without mail the thread goes on when its time is over")
    func time() throws {
        let (thread, shared) = (try MailThread<Int>("test"), Shared())
        let rounds = try Mailbox<Void>()
        var poller = try Poller()
        try poller.registerInput(rounds.pollable, data: 0)
        try thread.start(handover: Owned(shared)) { owned, inbox in
            while inbox.receive(withinMilliseconds: 1) == .goOn {
                if inbox.mail.isEmpty { rounds.post(()) }
            }
            withExtendedLifetime(owned) {}
        }
        try poller.wait(milliseconds: 60_000)
        #expect(poller.count == 1)
        #expect(thread.stop(withinMilliseconds: 60_000) == .ended)
    }

    @Test("one that was never started is not waited for")
    func notStarted() throws {
        let thread = try MailThread<Int>("test")
        #expect(thread.stop(withinMilliseconds: 60_000) == .notStarted)
    }
}
