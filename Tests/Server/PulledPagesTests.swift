// Pages that a reader has read of a scope that no socket of the node follows: they answer the next
// pulls from memory, and whoever asks still sees all that any node has shown, and nothing without
// the right to it.

import MizuServer
import MizuSync
import MizuTestSupport
import Testing

@testable import MizuSyncService

extension ServerStorey {
    @Suite("Pages that pulls leave in memory") struct PulledPagesTests {
        @Test("the next pulls near the log's end read nothing, until another node has written")
        func secondPull() throws {
            let nodes = try Nodes(2)
            for number in 1...5 { try nodes[0].push("n\(number)") }
            func expect(_ end: Int, after cursor: Int, reads: Int) throws {
                let page = try nodes[1].pull("s", after: cursor)
                #expect(page.end == end && page.count == end - cursor)
                #expect(nodes[1].service.pages.flightCount == reads)
            }
            for cursor in [1, 1, 3, 5, 2] { try expect(5, after: cursor, reads: 1) }
            // One that goes further back takes its place.
            try expect(5, after: 0, reads: 2)
            for number in 6...8 {
                try nodes[0].push("n\(number)")
                try expect(number, after: number - 1, reads: number - 3)
                // What was there before goes on where the page began.
                try expect(number, after: 0, reads: number - 3)
            }
            // The node's own commits as well.
            try nodes[1].push("own")
            try expect(9, after: 0, reads: 5)
        }

        private static let roles = Roles(
            ["owner": .manage, "reader": .read], creator: "owner")
        /// What decides are the scope's own grants, or those of another.
        private static let rules: [(AccessRule, String)] = [
            (.roles(roles), "s"),
            (.looking { access in try access.scope == "s" || access.role(in: "s") != nil }, "t"),
        ]

        private func grant(_ role: String?, on node: SyncServer) throws {
            let (name, text) = role.map { ("grant", #","text":"\#($0)""#) } ?? ("revoke", "")
            let answer = try node.ask(
                "push",
                #"{"scope":"s","mutations":[{"id":"\#(name)","name":"\#(name)","args":"#
                    + #"{"id":"bob"\#(text)}}]}"#, as: "ann")
            #expect(answer.status == 200)
        }

        @Test(
            "a right that a page shows to be lost is lost, whoever has asked for the page",
            arguments: [0, 1])
        func revocation(which: Int) throws {
            let (rule, scope) = Self.rules[which]
            let nodes = try Nodes(2, rule: rule, roles: Self.roles)
            try nodes[0].push("first", as: "ann")
            try grant("reader", on: nodes[0])
            if scope != "s" { try nodes[0].push("note", to: scope, as: "ann") }
            // A decision is remembered, and its scope's page is in memory.
            let head = try nodes[1].pull("s", after: 0, as: "ann").end
            for user in ["bob", "ann", "bob"] {
                #expect(try nodes[1].pull(scope, after: 0, as: user).count > 0)
            }
            try grant(nil, on: nodes[0])
            try nodes[0].push("secret", to: scope, as: "ann")
            // Now memory covers all from where the decision was made on.
            let end = try nodes[1].pull("s", after: head, as: "ann").end
            #expect(end > head)
            for _ in 0..<2 {
                let refused = try nodes[1].ask(
                    "pull", #"{"scope":"\#(scope)","cursor":0}"#, as: "bob")
                #expect(refused.status == 403)
            }
            #expect(try nodes[1].pull("s", after: 0, as: "ann").end == end)
        }
    }
}
