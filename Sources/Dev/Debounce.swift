// Gathers changes until they pause, because an editor that saves one file reports several and a
// checkout reports hundreds. Knows no clock: moments are passed in.

import MizuEventLoop

/// Changes that wait to be acted on, each once, in the order in which they came.
public struct Debounce: Sendable {
    private let quietMilliseconds: UInt64
    private let longestMilliseconds: UInt64
    private var waiting: [Change] = []
    private var first = Instant(nanoseconds: 0)
    private var last = Instant(nanoseconds: 0)

    /// - Parameters:
    ///   - quiet: milliseconds without a change after which those gathered are due.
    ///   - longest: milliseconds after the first at which they are due in any case.
    public init(quiet: UInt64, longest: UInt64) {
        quietMilliseconds = quiet
        longestMilliseconds = longest
    }

    public mutating func note(_ change: Change, at now: Instant) {
        if waiting.isEmpty { first = now }
        last = now
        if !waiting.contains(change) { waiting.append(change) }
    }

    /// When `take` will have something; nil while nothing waits.
    public var due: Instant? {
        guard !waiting.isEmpty else { return nil }
        return min(
            last.adding(milliseconds: quietMilliseconds),
            first.adding(milliseconds: longestMilliseconds))
    }

    /// What is due at `now`; empty if nothing is.
    public mutating func take(at now: Instant) -> [Change] {
        guard let due, now >= due else { return [] }
        defer { waiting.removeAll() }
        return waiting
    }
}
