// Generated schedules: whatever happens in whatever order, all clients converge to the server's
// state, nothing acknowledged is lost but what a restored backup loses, nothing applies twice.
// `MIZU_SCHEDULES` says how many, `MIZU_SCHEDULES_FIRST` from which seed on. A failure names its
// own seed.

import Glibc
import MizuSync
import Testing

@Suite("Generated schedules (protocol.md, whole)")
struct ScheduleTests {
    private static var count: Int { number("MIZU_SCHEDULES") ?? 200 }
    private static var first: Int { number("MIZU_SCHEDULES_FIRST") ?? 0 }

    private static func number(_ variable: String) -> Int? {
        getenv(variable).flatMap { Int(String(cString: $0)) }
    }

    @Test("clients of a memory store converge")
    func memory() {
        var tally = Tally()
        for seed in 0..<Self.count {
            tally = tally + run(UInt64(clamping: Self.first + seed), .memory)
        }
        // Schedules that meet nothing prove nothing.
        guard Self.count >= 200 else { return }
        for part in Tally.allParts { #expect(tally[keyPath: part] > 0, "\(part) never happened") }
    }

    @Test("clients of a SQLite store converge")
    func sqlite() {
        for seed in 0..<max(1, Self.count / 20) { _ = run(UInt64(seed) + 1_000_000, .sqlite) }
    }

    @Test("the same on PostgreSQL", .enabled(if: PostgresSchema.isThere))
    func postgres() {
        for seed in 0..<max(1, Self.count / 20) {
            _ = run(UInt64(clamping: Self.first + seed) + 2_000_000, .postgres)
        }
    }

    private func run(_ seed: UInt64, _ kind: StoreKind) -> Tally {
        do {
            let schedule = try Schedule(seed: seed, kind: kind)
            try schedule.run(steps: 60)
            return schedule.tally
        } catch {
            Issue.record("seed \(seed) on \(kind): \(error)")
            return Tally()
        }
    }
}
