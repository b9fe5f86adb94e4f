// The coordinator: starts the threads, leads them from stage to stage, reads the clocks at the
// borders of the measured time, and collects what they found. Runs on the thread that calls it,
// until the run is over; every stage has a time limit. SIGINT, SIGTERM and SIGHUP end the load
// early, and what was measured by then is reported.

import CLinux
import MizuEventLoop
import Synchronization

/// The figures of a run, all threads together.
struct RunResult<Findings: Sendable>: Sendable {
    var tally = Tally()
    var findings: [Findings] = []
    /// Seconds until all connections were ready.
    var openingSeconds = 0.0
    /// Seconds that were measured.
    var seconds = 0.0
    /// Seconds of processor time in that time: ours, and the server's if its process is known.
    var clientSeconds = 0.0
    var serverSeconds: Double?
    var wasInterrupted = false
    /// Connections that were open when the load began.
    var connections = 0
}

struct BenchRun<Talk: Conversation> where Talk.Findings: Sendable {
    let settings: BenchSettings
    /// Seconds that draining and verifying take at most while something comes.
    private static var lastStagesMax: Double { 60 }
    /// Gets a line for a person a few times a second; nil if nobody looks.
    let progress: ((String) -> Void)?
    /// Called when a stage has ended, on the coordinator's thread.
    var ended: (Stage) -> Void = { _ in }

    private typealias Answer = Mutex<(tally: Tally, findings: Talk.Findings)?>

    private final class Seat: Sendable {
        let inbox: Mailbox<Order>
        let progress = Progress()
        let answer = Answer(nil)
        init() throws(SystemError) { inbox = try Mailbox() }
    }

    init(_ settings: BenchSettings, progress: ((String) -> Void)?) {
        self.settings = settings
        self.progress = progress
    }

    /// Runs to the end.
    /// - Parameter make: a conversation for each thread; its mailbox wakes the thread.
    func run(
        _ make: @escaping @Sendable (Share, Mailbox<Order>) -> Talk
    ) throws(BenchFailure) -> RunResult<Talk.Findings> {
        try settings.check()
        try settings.reserveDescriptors()
        let address = try settings.url.address()
        let process: ServerProcess? =
            if let pid = settings.process { try ServerProcess(pid) } else { nil }
        do {
            let lead = try Lead(self, process)
            try lead.start(address, make)
            return try lead.follow()
        } catch let failure as BenchFailure {
            throw failure
        } catch {
            throw .cannot("\(error)")
        }
    }

    /// The run under way.
    private final class Lead {
        let run: BenchRun
        let process: ServerProcess?
        let office: Mailbox<Note>
        let signals: Signals
        var poller: Poller
        var seats: [Seat] = []
        var stage = Stage.opening
        var stageEnds = Instant.now
        var told = 0
        var isInterrupted = false
        var notes: [Note] = []
        var result = RunResult<Talk.Findings>()
        var measureStart = Instant.now
        var measureEnd = Instant.now
        var clientStart: UInt64 = 0
        var serverStart: UInt64?
        var isCounting = false
        /// Bytes that had come when something last came, in the last stages.
        var lastReceived = 0
        var hardEnd = Instant.now
        let began = Instant.now

        init(_ run: BenchRun, _ process: ServerProcess?) throws(SystemError) {
            self.run = run
            self.process = process
            office = try Mailbox()
            signals = try Signals()
            poller = try Poller()
            try poller.registerInput(office.pollable, data: 0)
            try poller.registerInput(signals.pollable, data: 1)
        }

        func start(
            _ address: String, _ make: @escaping @Sendable (Share, Mailbox<Order>) -> Talk
        ) throws(SystemError) {
            let settings = run.settings
            for thread in 0..<settings.threads {
                let seat = try Seat()
                seats.append(seat)
                let share = Share.of(
                    settings.connections, thread: thread, threads: settings.threads)
                let office = office
                try startThread("bench \(thread)") {
                    do {
                        let loop = try LoadLoop(
                            settings, address: address, talk: make(share, seat.inbox),
                            inbox: seat.inbox, office: office, progress: seat.progress)
                        try loop.run()
                        let answer = (loop.talk.tally, loop.talk.findings)
                        seat.answer.withLock { $0 = answer }
                        office.post(.over(thread: thread))
                    } catch {
                        office.post(.failed("\(error)"))
                    }
                }
            }
            // Every connection may take its time, one batch after another.
            let batches = settings.connections / max(1, settings.threads * settings.openingMax) + 1
            stageEnds = after(settings.openTimeout * Double(min(batches, 60)) + 1)
        }

        private func after(_ seconds: Double) -> Instant {
            Instant.now.adding(milliseconds: UInt64(max(0, seconds) * 1000))
        }

        // MARK: Following

        func follow() throws(BenchFailure) -> RunResult<Talk.Findings> {
            var over = 0
            while over < seats.count {
                do throws(SystemError) {
                    try poller.wait(milliseconds: patience())
                } catch {
                    throw .cannot("\(error)")
                }
                if let signal = signals.next(), signal != .user1 { interrupt() }
                office.drain(into: &notes)
                for note in notes {
                    switch note {
                    case .ready: if stage == .opening { told += 1 }
                    case .quiet(_, let which): if stage == which { told += 1 }
                    case .over: over += 1
                    case .failed(let text): throw .cannot(text)
                    }
                }
                sample()
                extend()
                if stage != .over, told >= seats.count || Instant.now >= stageEnds { advance() }
                tell()
            }
            collect()
            return result
        }

        /// Milliseconds until the next moment that matters, 200 at most.
        private func patience() -> Int {
            var next = stageEnds
            if stage == .measuring, !isCounting { next = min(next, measureStart) }
            let now = Instant.now
            guard next > now else { return 0 }
            return min(200, Int((next.nanoseconds - now.nanoseconds) / 1_000_000) + 1)
        }

        private func interrupt() {
            isInterrupted = true
            result.wasInterrupted = true
            // Straight to draining; whoever is there already must not wait longer.
            stageEnds = .now
        }

        private func advance() {
            run.ended(stage)
            told = 0
            let settings = run.settings
            switch stage {
            case .opening where !isInterrupted:
                result.openingSeconds = Double(Instant.now.nanoseconds - began.nanoseconds) / 1e9
                result.connections = Progress.sum(seats.map(\.progress)).open
                stage = .measuring
                measureStart = after(settings.warmup)
                measureEnd = measureStart.adding(milliseconds: UInt64(settings.duration * 1000))
                stageEnds = measureEnd
                for seat in seats {
                    seat.inbox.post(.measure(from: measureStart, until: measureEnd))
                }
                sample()
            case .opening, .measuring:
                finishCounting()
                enter(.draining, for: settings.grace)
            case .draining: enter(.verifying, for: settings.grace)
            case .verifying: enter(.over, for: settings.grace)
            case .over: break
            }
        }

        private func enter(_ next: Stage, for seconds: Double) {
            stage = next
            stageEnds = after(seconds)
            hardEnd = after(max(seconds, BenchRun.lastStagesMax))
            for seat in seats { seat.inbox.post(.enter(next)) }
        }

        /// The grace time of the last stages counts from the last byte: while answers come, a
        /// server is only slow.
        private func extend() {
            guard stage == .draining || stage == .verifying, !isInterrupted else { return }
            let received = Progress.sum(seats.map(\.progress)).receivedBytes
            guard received != lastReceived else { return }
            lastReceived = received
            stageEnds = min(hardEnd, after(run.settings.grace))
        }

        // MARK: Clocks

        /// Reads the clocks once the measured time has begun.
        private func sample() {
            guard stage == .measuring, !isCounting, Instant.now >= measureStart else { return }
            isCounting = true
            clientStart = cl_process_cpu_ns()
            serverStart = process?.cpuNanoseconds
        }

        private func finishCounting() {
            guard isCounting else { return }
            isCounting = false
            let end = min(Instant.now, measureEnd)
            result.seconds = Double(end.nanoseconds - measureStart.nanoseconds) / 1e9
            result.clientSeconds = Double(cl_process_cpu_ns() - clientStart) / 1e9
            if let serverStart, let serverEnd = process?.cpuNanoseconds {
                result.serverSeconds = Double(serverEnd - serverStart) / 1e9
            }
        }

        private func tell() {
            guard let progress = run.progress else { return }
            let figures = Progress.sum(seats.map(\.progress))
            let now = Instant.now
            switch stage {
            case .opening: progress("opening: \(figures.open) of \(run.settings.connections)")
            case .measuring:
                let left = (stageEnds.milliseconds(since: now) + 999) / 1000
                progress("\(figures.open) open, \(figures.messages) messages, \(left) s left")
            case .draining: progress("waiting for the last answers")
            case .verifying: progress("the last checks")
            case .over: progress("")
            }
        }

        private func collect() {
            for seat in seats {
                guard let answer = seat.answer.withLock({ $0 }) else { continue }
                result.tally.merge(answer.tally)
                result.findings.append(answer.findings)
            }
        }
    }
}
