// When an app's jobs run, as a value: no thread, no clock. A job runs once at a time; the next run
// begins one period after the last one began, or when that has ended, if it took longer. What was
// missed is not made up for.
//
//   waiting ──due──► running ──ended──► waiting (every), over (at start)
//
// Owned by `JobThread`.

import MizuEventLoop

/// How often a job runs.
public struct JobPeriod: Sendable, Hashable {
    let milliseconds: UInt64

    /// At least one second.
    public static func seconds(_ count: Int) -> JobPeriod { JobPeriod(count, of: 1_000) }
    public static func minutes(_ count: Int) -> JobPeriod { JobPeriod(count, of: 60_000) }
    public static func hours(_ count: Int) -> JobPeriod { JobPeriod(count, of: 3_600_000) }
    public static func days(_ count: Int) -> JobPeriod { JobPeriod(count, of: 86_400_000) }

    /// At least one second.
    init(milliseconds: Int64) { self.milliseconds = UInt64(max(1_000, milliseconds)) }

    private init(_ count: Int, of unit: UInt64) {
        let (product, isOver) = UInt64(clamping: count).multipliedReportingOverflow(by: unit)
        milliseconds = isOver ? .max : max(1_000, product)
    }
}

/// What an app has declared.
struct Job: Sendable {
    let name: String
    /// Nil: once, when the server begins to serve.
    let period: JobPeriod?
    let body: @Sendable () async throws -> Void
}

struct JobSchedule {
    private enum State {
        case waiting(until: Instant)
        case running(since: Instant)
        case over
    }

    /// A first run comes at a random moment of this time, or of the period, if that is shorter: a
    /// server that is started often still gets to its daily jobs, and not to all of them at once.
    static let firstMillisecondsMax: UInt64 = 60_000

    private let periods: [JobPeriod?]
    private var states: [State]

    /// - Parameter random: chooses a number below its argument.
    init(_ periods: [JobPeriod?], now: Instant, random: (UInt64) -> UInt64) {
        self.periods = periods
        states = periods.map { period in
            guard let period else { return .waiting(until: now) }
            let bound = min(period.milliseconds, Self.firstMillisecondsMax)
            return .waiting(until: now.adding(milliseconds: random(bound)))
        }
    }

    var runningCount: Int {
        states.count { if case .running = $0 { true } else { false } }
    }

    /// When the next job is due; nil: none is before one that runs has ended.
    var next: Instant? {
        states.compactMap { if case .waiting(let moment) = $0 { moment } else { nil } }.min()
    }

    /// Takes those that are due: they run from now on.
    mutating func takeDue(at now: Instant) -> [Int] {
        states.indices.filter { index in
            guard case .waiting(let moment) = states[index], moment <= now else { return false }
            states[index] = .running(since: now)
            return true
        }
    }

    /// A run is over, however it ended.
    mutating func ended(_ index: Int, at now: Instant) {
        guard states.indices.contains(index), case .running(let began) = states[index] else {
            return
        }
        guard let period = periods[index] else { return states[index] = .over }
        let next = began.adding(milliseconds: period.milliseconds)
        states[index] = .waiting(until: max(next, now))
    }
}
