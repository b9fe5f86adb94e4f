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
    func memory() throws {
        for seed in 0..<Self.count { try run(UInt64(seed), .memory) }
    }

    @Test("clients of a SQLite store converge")
    func sqlite() throws {
        for seed in 0..<max(1, Self.count / 20) { try run(UInt64(seed) + 1_000_000, .sqlite) }
    }

    private func run(_ seed: UInt64, _ kind: StoreKind) throws {
        do {
            try Schedule(seed: seed, kind: kind).run(steps: 80)
        } catch {
            Issue.record("seed \(seed) on \(kind): \(error)")
        }
    }
}
