// Generated schedules of people: whatever is granted, revoked, edited offline, sent twice or cut off
// by a kill, no edit is applied that its author had no right to at that place of the log, none is
// lost without having been set aside, and everybody's own list is the grants (people.md).
// `MIZU_SCHEDULES` says how many, `MIZU_SCHEDULES_FIRST` from which seed on.

import Glibc
import MizuSync
import Testing

@Suite("Generated schedules of people (people.md)")
struct PeopleScheduleTests {
    private static var count: Int { number("MIZU_SCHEDULES") ?? 200 }
    private static var first: Int { number("MIZU_SCHEDULES_FIRST") ?? 0 }

    private static func number(_ variable: String) -> Int? {
        getenv(variable).flatMap { Int(String(cString: $0)) }
    }

    @Test("rights hold at each place of the log, in memory")
    func memory() {
        var tally = PeopleTally()
        for seed in 0..<Self.count {
            tally = tally + run(UInt64(clamping: Self.first + seed), .memory)
        }
        // Schedules that meet nothing prove nothing.
        guard Self.count >= 200 else { return }
        for part in PeopleTally.parts { #expect(tally[keyPath: part] > 0, "\(part)") }
    }

    @Test("rights hold at each place of the log, over restarts and kills of a SQLite store")
    func sqlite() {
        for seed in 0..<max(1, Self.count / 10) {
            _ = run(UInt64(clamping: Self.first + seed) + 1_000_000, .sqlite)
        }
    }

    @Test("the same on PostgreSQL", .enabled(if: PostgresSchema.isThere))
    func postgres() {
        for seed in 0..<max(1, Self.count / 40) {
            _ = run(UInt64(clamping: Self.first + seed) + 2_000_000, .postgres)
        }
    }

    private func run(_ seed: UInt64, _ kind: StoreKind) -> PeopleTally {
        do {
            let schedule = try PeopleSchedule(seed: seed, kind: kind)
            try schedule.run(steps: 80)
            return schedule.tally
        } catch {
            Issue.record("seed \(seed) on \(kind): \(error)")
            return PeopleTally()
        }
    }
}
