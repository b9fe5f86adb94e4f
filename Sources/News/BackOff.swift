// How long to wait before the next attempt: twice as long each time, up to a limit, and a random
// part of it, so that nodes that lost the same Redis do not come back at the same moment. A value;
// knows no clock.

/// Waits between attempts that fail.
package struct BackOff: Sendable {
    package let firstMilliseconds: UInt64
    package let lastMilliseconds: UInt64
    private var failures: UInt64 = 0

    package init(firstMilliseconds: UInt64 = 50, lastMilliseconds: UInt64 = 1_000) {
        self.firstMilliseconds = firstMilliseconds
        self.lastMilliseconds = lastMilliseconds
    }

    /// Notes a failure.
    /// - Returns: milliseconds to wait: from half of the step to all of it.
    package mutating func failed(_ random: inout some RandomNumberGenerator) -> UInt64 {
        let step = min(lastMilliseconds, firstMilliseconds << min(failures, 20))
        failures = min(failures + 1, 20)
        return UInt64.random(in: step / 2...max(step / 2, step), using: &random)
    }

    /// Notes that what was attempted stood for a while.
    package mutating func succeeded() { failures = 0 }
}
