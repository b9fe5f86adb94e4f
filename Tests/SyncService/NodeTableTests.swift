// Which nodes are known, as a value: without a server or a carrier.

import MizuEventLoop
import Testing

@testable import MizuSyncService

@Suite("Other nodes")
struct NodeTableTests {
    private func moment(_ milliseconds: UInt64) -> Instant {
        Instant(nanoseconds: 0).adding(milliseconds: milliseconds)
    }

    @Test("a node appears, is heard again, falls silent, is taken out once and appears again")
    func life() {
        var table = NodeTable()
        let node = NodeID(bits: 1)
        #expect(hear(&table, node, 0))
        #expect(!hear(&table, node, 1_000))
        #expect(silent(&table, from: 1_000, through: 5_999).isEmpty)
        table.forgive(at: moment(6_000))
        #expect(silent(&table, from: 6_000, through: 10_999).isEmpty)
        #expect(silent(&table, from: 11_000, through: 11_000) == [node])
        #expect(table.count == 0)
        #expect(silent(&table, from: 12_000, through: 99_000).isEmpty)
        #expect(hear(&table, node, 99_000))
    }

    /// - Returns: whether it is new.
    private func hear(_ table: inout NodeTable, _ node: NodeID, _ milliseconds: UInt64) -> Bool {
        table.heard(NodeReport(links: 1), of: node, at: moment(milliseconds))
    }

    /// Who is found silent by looks a second apart.
    private func silent(_ table: inout NodeTable, from: UInt64, through: UInt64) -> [NodeID] {
        stride(from: from, through: through, by: 1_000).flatMap {
            table.takeSilent(at: moment($0), graceMilliseconds: 5_000)
        }
    }

    @Test("a node is alone when nobody was heard for the grace, until somebody is")
    func alone() {
        var table = NodeTable()
        func isAlone(_ milliseconds: UInt64) -> Bool {
            _ = table.takeSilent(at: moment(milliseconds), graceMilliseconds: 5_000)
            return table.lookAround(at: moment(milliseconds), graceMilliseconds: 5_000)
        }
        for second: UInt64 in 0..<5 { #expect(!isAlone(second * 1_000)) }
        #expect(isAlone(5_000))
        _ = hear(&table, NodeID(bits: 1), 5_500)
        for second: UInt64 in 6..<15 { #expect(!isAlone(second * 1_000), "\(second)") }
        for second: UInt64 in 15..<20 { _ = isAlone(second * 1_000) }
        #expect(isAlone(20_000))
        // Who speaks and has no heartbeat yet counts, too.
        table.met(NodeID(bits: 2), at: moment(20_500))
        #expect(!isAlone(21_000))
        for second: UInt64 in 22..<40 { _ = isAlone(second * 1_000) }
        #expect(isAlone(40_000))
        // After a pause of its own, and where the carrier was away, it has heard nobody yet.
        #expect(!isAlone(60_000))
        #expect(!isAlone(61_000))
        for second: UInt64 in 62..<70 { _ = isAlone(second * 1_000) }
        #expect(isAlone(70_000))
        table.forgive(at: moment(70_500))
        #expect(!isAlone(71_000))
    }

    @Test("a node that falls silent before its first heartbeat is taken out, too")
    func stranger() {
        var table = NodeTable()
        table.met(NodeID(bits: 1), at: moment(0))
        table.met(NodeID(bits: 2), at: moment(0))
        #expect(hear(&table, NodeID(bits: 2), 4_000))
        #expect(table.all.map(\.node) == [NodeID(bits: 2)])
        #expect(silent(&table, from: 0, through: 5_000) == [NodeID(bits: 1)])
        for bits in 0..<10_000 { table.met(NodeID(bits: UInt64(bits)), at: moment(6_000)) }
        table.left(NodeID(bits: 2))
        #expect(silent(&table, from: 6_000, through: 20_000).count == NodeTable.nodesMax)
    }

    @Test("who was paused itself finds nobody silent before it could have heard them")
    func pause() {
        var table = NodeTable()
        let node = NodeID(bits: 1)
        _ = table.heard(NodeReport(), of: node, at: moment(0))
        #expect(silent(&table, from: 0, through: 2_000).isEmpty)
        #expect(silent(&table, from: 60_000, through: 60_000).isEmpty)
        #expect(silent(&table, from: 61_000, through: 64_999).isEmpty)
        #expect(silent(&table, from: 65_000, through: 65_000) == [node])
    }

    @Test("it is bounded")
    func bound() {
        var table = NodeTable()
        for bits in 0..<10_000 {
            _ = table.heard(NodeReport(), of: NodeID(bits: UInt64(bits)), at: moment(0))
        }
        #expect(table.count == NodeTable.nodesMax)
    }
}
