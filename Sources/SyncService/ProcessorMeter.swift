// How busy this process is: processor time of all its threads since the last look, for the figures
// that a node tells the others. Any thread; looks that follow at once get the same answer.

import MizuEventLoop
import Synchronization

final class ProcessorMeter: Sendable {
    /// Looks that are nearer are one.
    private static let spanMilliseconds: UInt64 = 500

    private struct State {
        var moment = Instant.machine
        var nanoseconds = ProcessorTime.nanoseconds
        var permille = 0
    }

    private let state = Mutex(State())

    /// Thousandths of a processor, 2,000 where two were busy.
    var permille: Int {
        state.withLock { state in
            let now = Instant.machine
            guard now.milliseconds(since: state.moment) >= Self.spanMilliseconds else {
                return state.permille
            }
            let used = ProcessorTime.nanoseconds
            let elapsed = now.nanoseconds &- state.moment.nanoseconds
            state.permille = Int(
                (Double(used &- state.nanoseconds) * 1_000 / Double(elapsed)).rounded())
            (state.moment, state.nanoseconds) = (now, used)
            return state.permille
        }
    }
}
