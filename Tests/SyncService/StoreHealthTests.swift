// What committers say of the store they share.

import MizuEventLoop
import MizuSync
import Testing

@testable import MizuSyncService

@Suite("Whether writes can be made")
struct StoreHealthTests {
    @Test("of several committers the last one says that writes work again")
    func together() {
        let failing = FailingCommitters()
        let (one, other) = (StoreHealth(failing), StoreHealth(failing))
        let error = StoreError(.unavailable, "away")
        for _ in 0..<2 {
            for health in [one, other, other] { _ = health.failed(error, now: .now) }
            #expect(!one.worked() && one.obstacle == nil && other.obstacle != nil)
            #expect(!one.worked())
            #expect(other.worked())
            #expect(!other.worked())
        }
    }
}
