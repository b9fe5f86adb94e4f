// From the first signal to the last worker: waits on the main thread, drains on SIGTERM and SIGINT,
// and returns when every worker has ended. Make it before any thread starts, so that all of them
// inherit the signal mask.

import MizuEventLoop

public final class ProcessLifetime {
    private let signals: Signals
    private var poller: Poller

    private static let signalData: UInt64 = 0
    private static let finishedData: UInt64 = 1

    public init() throws(SystemError) {
        signals = try Signals()
        poller = try Poller()
        try poller.registerInput(signals.pollable, data: Self.signalData)
    }

    /// Blocks until `server` has drained. A second signal while it drains changes nothing: the
    /// drain has its own deadline.
    /// - Parameter hangUp: called on SIGHUP and SIGUSR1, which do not end the process.
    public func run(_ server: Server, hangUp: () -> Void = {}) {
        do throws(SystemError) {
            try poller.registerInput(server.finishedPollable, data: Self.finishedData)
            while !server.hasFinished {
                try poller.wait(milliseconds: nil)
                while let signal = signals.next() {
                    switch signal {
                    case .terminate: server.drain()
                    case .hangUp, .user1: hangUp()
                    }
                }
            }
        } catch {
            server.configuration.logger.critical("the process cannot wait: \(error)")
        }
    }
}
