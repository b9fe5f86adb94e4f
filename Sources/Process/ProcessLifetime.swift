// From the first signal to the last worker: waits on the main thread and returns when every worker
// has ended. Make it before any thread starts, so that all of them inherit the signal mask.
//
//   SIGTERM, SIGINT ──► drain      SIGHUP ──► reloads      SIGUSR1 ──► reopenings
//   SIGHUP of a terminal that was closed ──► drain
//
// What happens is told to the service manager, and with its watchdog on, that the workers live.

import CLinux
import MizuEventLoop
import MizuServer

package final class ProcessLifetime {
    /// Called in order on SIGHUP, on the main thread: read again what can change while we serve.
    package var reloads: [() -> Void] = []
    /// Called in order on SIGUSR1, on the main thread: open log files anew.
    package var reopenings: [() -> Void] = []
    /// Called in order when the drain begins, on the main thread.
    package var drains: [() -> Void] = []
    private let signals: Signals
    private var poller: Poller
    /// The standard descriptors that were a terminal at the start.
    private let terminals: [Int32]

    private static let signalData: UInt64 = 0
    private static let finishedData: UInt64 = 1
    private static let pulseData: UInt64 = 2

    package init() throws(SystemError) {
        terminals = (0...2).filter { cl_is_terminal($0) == 1 }
        signals = try Signals()
        poller = try Poller()
        try poller.registerInput(signals.pollable, data: Self.signalData)
    }

    /// Whether the terminal that the process was started in has been closed. SIGHUP says that as
    /// well as "read your files again"; a server that goes on would keep port and database from
    /// whoever starts the next one.
    private var hasLostTerminal: Bool {
        !terminals.isEmpty && terminals.allSatisfy { cl_is_terminal($0) == 0 }
    }

    /// Blocks until `server` has drained. A second signal while it drains changes nothing: the
    /// drain has its own deadline.
    /// - Parameters:
    ///   - notifier: is told of readiness, reloads and the end, and while the workers live.
    ///   - status: one line for `systemctl status`.
    package func run(_ server: Server, notifier: ServiceNotifier? = nil, status: String = "") {
        do throws(SystemError) {
            try poller.registerInput(server.finishedPollable, data: Self.finishedData)
            var watchdog = try notifier.flatMap { (notifier) throws(SystemError) in
                try Watchdog(notifier, server.workers)
            }
            if let watchdog { try poller.registerInput(watchdog.pollable, data: Self.pulseData) }
            notifier?.ready(status: status)
            // A third of what is resident now was needed to get here and is not needed again; but
            // whoever waited for us to start is served before that.
            var forgetsAt: Instant? = Instant.now.adding(milliseconds: 50)
            while !server.hasFinished {
                if let moment = forgetsAt, Instant.now >= moment {
                    cl_forget_start()
                    forgetsAt = nil
                }
                let waits = [
                    watchdog?.waitMilliseconds,
                    forgetsAt.map { Int(clamping: $0.milliseconds(since: .now)) + 1 },
                ]
                try poller.wait(milliseconds: waits.compactMap { $0 }.min())
                while var signal = signals.next() {
                    if signal == .hangUp, hasLostTerminal { signal = .terminate }
                    switch signal {
                    case .terminate:
                        if !server.workers.isDraining {
                            notifier?.stopping()
                            for drain in drains { drain() }
                        }
                        // From here on the stop's own time limit holds; workers that have
                        // finished cannot answer.
                        watchdog = nil
                        server.drain()
                    case .hangUp:
                        // Who is on the way out is not ready again.
                        let told = server.workers.isDraining ? nil : notifier
                        told?.reloading()
                        for reload in reloads { reload() }
                        told?.ready(status: status)
                    case .user1: for reopen in reopenings { reopen() }
                    }
                }
                watchdog?.turn()
            }
        } catch {
            server.configuration.logger.critical("the process cannot wait: \(error)")
        }
    }
}

/// Asks the workers twice in each interval and passes on that all have answered.
private struct Watchdog {
    private let notifier: ServiceNotifier
    private let pulse: WorkerPulse
    private let halfMilliseconds: UInt64
    private var nextQuestion: Instant

    /// Nil where the service manager does not ask for signs of life.
    init?(_ notifier: ServiceNotifier, _ workers: Workers) throws(SystemError) {
        guard let interval = notifier.watchdogMilliseconds else { return nil }
        self.notifier = notifier
        pulse = try WorkerPulse(workers)
        halfMilliseconds = max(1, interval / 2)
        nextQuestion = .now
    }

    var pollable: Int32 { pulse.pollable }

    var waitMilliseconds: Int {
        Int(clamping: nextQuestion.milliseconds(since: .now)) + 1
    }

    mutating func turn() {
        if pulse.takeAnswer() { notifier.alive() }
        let now = Instant.now
        guard now >= nextQuestion else { return }
        pulse.ask()
        nextQuestion = now.adding(milliseconds: halfMilliseconds)
    }
}
