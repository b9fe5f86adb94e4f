// Generated schedules: whatever happens in whatever order, all clients converge to the server's
// state, nothing acknowledged is lost but what a restored backup loses, nothing applies twice.
// `MIZU_SCHEDULES` says how many; a failure names the seed.

import Glibc
import MizuSync
import Testing

@Suite("Generated schedules (protocol.md, whole)")
struct ScheduleTests {
    private static var count: Int {
        getenv("MIZU_SCHEDULES").flatMap { Int(String(cString: $0)) } ?? 200
    }

    @Test("clients of a memory store converge")
    func memory() {
        var tally = Tally()
        for seed in 0..<Self.count { tally = tally + run(UInt64(seed), .memory) }
        // Schedules that meet nothing prove nothing.
        for part in Tally.allParts { #expect(tally[keyPath: part] > 0, "\(part) never happened") }
    }

    @Test("clients of a SQLite store converge")
    func sqlite() {
        for seed in 0..<max(1, Self.count / 20) { _ = run(UInt64(seed) + 1_000_000, .sqlite) }
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
