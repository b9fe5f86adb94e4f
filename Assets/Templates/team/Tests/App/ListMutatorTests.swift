// What each mutation does, on a store in memory: what the page, a form and a script would see.

import Mizu
import MizuTesting
import Testing

@testable import MizuTeam

@Suite("Mutations of a list")
struct ListMutatorTests {
    private let bench = MutatorBench(ListMutator(), roles: ListMutator.roles)

    private func push(_ name: String, _ arguments: [String: String]) throws -> TestOutcome {
        try bench.push(name, arguments, user: "ann", scope: "list:1")
    }

    @Test("whoever names a list first owns it, and is called what they say")
    func creator() throws {
        let made = try push("list.title", ["title": "Milk", "by": "Ann"])
        #expect(made.isApplied)
        let invited = try push("member.invite", ["key": "no key", "role": "editor"])
        #expect(invited.code == "invalid_mutation")
    }

    @Test(
        "a title has 1 to 200 characters",
        arguments: [("", false), ("\u{202E}", false), ("  x ", true)])
    func titles(title: String, isTaken: Bool) throws {
        #expect(try push("item.add", ["id": "i1", "title": title]).isApplied == isTaken)
    }

    @Test("what is not there cannot be changed")
    func missing() throws {
        #expect(try push("item.edit", ["id": "nobody"]).code == "not_found")
        #expect(try push("member.role", ["user": "eve", "role": "owner"]).code == "not_found")
    }
}
