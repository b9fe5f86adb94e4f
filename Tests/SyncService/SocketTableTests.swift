// One row for each socket of a worker: found by token and by id, gone with everything in it.

import MizuBytes
import Testing

@testable import MizuSyncService

@Suite("Sockets of a worker")
struct SocketTableTests {
    private let names = [
        "s1": "AAAAAAAAAAAB", "s2": "AAAAAAAAAAAC", "old": "__________8A", "new": "AAAAAAAAAAAE",
    ]

    private func row(_ slot: Int, generation: UInt32 = 1, id: String) throws -> LiveSocket {
        let id = try #require(names[id].flatMap { LiveSocket.ID(text: $0) })
        return LiveSocket(
            Token(index: slot, generation: generation), id: id, user: nil, sinceMilliseconds: 1,
            source: .server)
    }

    @Test("a row is found by token and by id until it is closed")
    func life() throws {
        var table = SocketTable()
        let (one, two) = (try row(5, id: "s1"), try row(2, id: "s2"))
        table.open(one)
        table.open(two)
        #expect(table.count == 2)
        let stranger = Token(index: 5, generation: 2)
        #expect(table[one.token]?.id.text == names["s1"])
        #expect(table[stranger] == nil)
        #expect(table[Token(index: 900, generation: 1)] == nil)
        #expect(table.find(id: "AAAAAAAAAAAC")?.token == two.token)
        #expect(Set(table.all.map(\.id.text)) == ["AAAAAAAAAAAB", "AAAAAAAAAAAC"])
        table.update(one.token) { $0.user = "u" }
        table.update(stranger) { $0.user = "x" }
        #expect(table[one.token]?.user == "u")
        let closed = [stranger, one.token, one.token].map { table.close($0) }
        #expect(closed == [false, true, false])
        #expect(table.find(id: "AAAAAAAAAAAB") == nil)
        #expect(table.count == 1)
    }

    @Test("a row of a reused slot takes the place of the one before, and nothing of it stays")
    func reuse() throws {
        var table = SocketTable()
        var old = try row(1, id: "old")
        old.asks["sync:s"] = 7
        table.open(old)
        table.open(try row(1, generation: 2, id: "new"))
        #expect(table.count == 1)
        #expect(table[old.token] == nil)
        #expect(table.all.map(\.id.text) == ["AAAAAAAAAAAE"])
        #expect(table.all.map(\.asks.count) == [0])
    }
}
