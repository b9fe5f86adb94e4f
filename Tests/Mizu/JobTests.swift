// Jobs: when they run, as a value; and on their thread, by a test's clock, with everything that can
// become of one: it throws, it takes longer than its period, it hears of the end or does not.

import Glibc
import Logging
import MizuEventLoop
import Synchronization
import Testing

@testable import Mizu

@Suite("When jobs run") struct JobScheduleTests {
    private let start = Instant(nanoseconds: 1 << 60)

    private func at(_ milliseconds: UInt64) -> Instant { start.adding(milliseconds: milliseconds) }

    @Test("the first run comes within a minute or a period, the next ones by the period")
    func periods() {
        var bounds: [UInt64] = []
        var schedule = JobSchedule([.hours(1), .seconds(5), nil], now: start) { bound in
            bounds.append(bound)
            return bound - 1
        }
        #expect(bounds == [60_000, 5_000])
        #expect(schedule.takeDue(at: start) == [2])
        #expect(schedule.next == at(4_999))
        #expect(schedule.takeDue(at: at(4_999)) == [1])
        schedule.ended(1, at: at(5_500))
        #expect(schedule.next == at(9_999))
        #expect(schedule.takeDue(at: at(59_999)) == [0, 1])
        #expect(schedule.runningCount == 3)
        // What took longer than its period goes on at once, and makes up for nothing.
        schedule.ended(1, at: at(90_000))
        #expect(schedule.next == at(90_000))
        schedule.ended(0, at: at(90_001))
        #expect(schedule.takeDue(at: at(90_002)) == [1])
        #expect(schedule.next == at(59_999 + 3_600_000))
        // What runs at the start runs once.
        schedule.ended(2, at: at(91_000))
        #expect(schedule.takeDue(at: at(4_000_000)) == [0])
        #expect(schedule.next == nil)
    }

    @Test("a job that runs is not due, and its end counts once")
    func once() {
        var schedule = JobSchedule([.seconds(1)], now: start) { _ in 0 }
        #expect(schedule.takeDue(at: start) == [0])
        #expect(schedule.takeDue(at: at(10_000)) == [])
        schedule.ended(0, at: at(10_000))
        schedule.ended(0, at: at(20_000))
        schedule.ended(7, at: at(20_000))
        #expect(schedule.next == at(10_000))
    }

    @Test("a period is at least a second, and never overflows")
    func bounds() {
        #expect(JobPeriod.seconds(0) == .seconds(1))
        #expect(JobPeriod.hours(-1) == .seconds(1))
        #expect(JobPeriod.days(.max).milliseconds == .max)
    }
}

@Suite("The thread of jobs") struct JobThreadTests {
    private final class Count: Sendable {
        private let value = Atomic<Int>(0)
        var now: Int { value.load(ordering: .acquiring) }
        func add() { value.add(1, ordering: .acquiringAndReleasing) }
    }

    private let world = TestWorld(clock: ManualClock(), seed: 1)
    private let lines = Lines()

    /// What was logged.
    private final class Lines: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { lines.withLock { $0 } }
        func add(_ line: String) { lines.withLock { $0.append(line) } }
    }

    private struct Handler: LogHandler {
        let lines: Lines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.info
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { nil }
            set {}
        }
        func log(event: LogEvent) { lines.add("\(event.level): \(event.message)") }
    }

    private func thread(_ jobs: [Job]) throws -> JobThread {
        let lines = lines
        let thread = try JobThread(
            jobs, logger: Logger(label: "test") { _ in Handler(lines: lines) })
        try world.run { try thread.start() }
        return thread
    }

    private func eventually(_ condition: () -> Bool) -> Bool {
        for _ in 0..<12_000 {
            if condition() { return true }
            _ = poll(nil, 0, 5)
        }
        return condition()
    }

    @Test("a job runs by the clock, on the jobs' thread, and one that throws runs again")
    func runs() throws {
        struct Mishap: Error {}
        let (first, second, started) = (Count(), Count(), Count())
        let names = Lines()
        let thread = try thread([
            Job(name: "first", period: .seconds(10)) {
                names.add("\(Instant.now == Instant.machine)")
                await Task.yield()
                first.add()
            },
            Job(name: "second", period: .hours(1)) {
                second.add()
                throw Mishap()
            },
            Job(name: "at start", period: nil) { started.add() },
        ])
        #expect(eventually { started.now == 1 })
        for round in 1...3 {
            world.clock.advance(milliseconds: 10_000)
            #expect(eventually { first.now == round })
        }
        world.clock.advance(milliseconds: 60_000)
        #expect(eventually { second.now == 1 && !lines.all.isEmpty })
        world.clock.advance(milliseconds: 3_600_000)
        #expect(eventually { second.now == 2 && lines.all.count == 2 })
        #expect(Set(lines.all) == ["error: the job second failed: Mishap()"])
        #expect(started.now == 1)
        // The code of jobs is in the world of the app.
        #expect(Set(names.all) == ["false"])
        thread.drain(withinMilliseconds: 10_000)
        thread.join(withinMilliseconds: 10_000)
    }

    @Test("a drain cancels what runs and waits for it; nothing is begun any more")
    func drain() throws {
        let (began, ended) = (Count(), Count())
        let thread = try thread([
            Job(name: "long", period: .seconds(1)) {
                began.add()
                do {
                    try await Task.sleep(for: .seconds(3_600))
                } catch {
                    // It may still tidy up, and wait for that.
                    await Task.yield()
                    ended.add()
                    throw error
                }
            }
        ])
        world.clock.advance(milliseconds: 1_000)
        try #require(eventually { began.now == 1 })
        world.clock.advance(milliseconds: 100_000)
        thread.drain(withinMilliseconds: 60_000)
        thread.join(withinMilliseconds: 60_000)
        #expect(began.now == 1 && ended.now == 1)
        #expect(lines.all.isEmpty)
    }

    @Test("a job that does not hear of the end is left behind, with a line, and still ends")
    func deaf() async throws {
        let (began, ended) = (Count(), Count())
        let (stream, gate) = AsyncStream.makeStream(of: Void.self)
        let thread = try thread([
            Job(name: "deaf", period: nil) {
                began.add()
                await Task.detached { for await _ in stream {} }.value
                ended.add()
            }
        ])
        try #require(eventually { began.now == 1 })
        thread.drain(withinMilliseconds: 20)
        thread.join(withinMilliseconds: 20)
        #expect(lines.all == ["warning: the job deaf goes on though the server ends"])
        gate.finish()
        while ended.now == 0 { await Task.yield() }
    }
}
