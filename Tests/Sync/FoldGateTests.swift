// Where a reader waits for a fold, and what it is told if folds fail.

import MizuEventLoop
import MizuSync
import MizuTestSupport
import Synchronization
import Testing

@testable import MizuSyncSQLite

@Suite("The gate of folds")
struct FoldGateTests {
    /// What becomes of a reader of `s`, of which something is pending.
    /// - Parameter answers: what each fold comes to that is asked for, in turn.
    private func pass(_ answers: [@Sendable (FoldGate) -> Void]) throws -> StoreError? {
        let gate = FoldGate()
        gate.enter(["s"], generation: 1)
        let next = Atomic<Int>(0)
        // A reader asks again and again while it waits; each fold is made once.
        gate.onDemand {
            let index = next.add(1, ordering: .relaxed).oldValue
            if index < answers.count { answers[index](gate) }
        }
        var seat = try Seat()
        do throws(StoreError) {
            try gate.pass("s", &seat)
            return nil
        } catch {
            return error
        }
    }

    private static let fails: @Sendable (FoldGate) -> Void = { $0.fail(.forNow) }
    private static let works: @Sendable (FoldGate) -> Void = { $0.fold(["s"], generation: 1) }

    @Test("a reader waits for a second try where a fold has failed once, and for no third")
    func failures() throws {
        #expect(try pass([Self.works]) == nil)
        #expect(try pass([Self.fails, Self.works]) == nil)
        let refused = try #require(try pass([Self.fails, Self.fails, Self.works]))
        #expect(refused.kind == .unavailable)
        #expect(refused.message == "what was pushed to s cannot be brought to the database")
    }

    @Test("one that did not fail makes the next failure the first again")
    func recovery() throws {
        let other: @Sendable (FoldGate) -> Void = { $0.fold(["t"], generation: 1) }
        #expect(try pass([Self.fails, other, Self.fails, Self.works]) == nil)
        #expect(try pass([{ $0.fail(.forGood) }, Self.works]) != nil)
    }
}
