// What each mutation does, on a store in memory: what the page, a form and a script would see.

import Mizu
import MizuTesting
import Testing

@testable import MizuTodo

@Suite("Mutations of a to-do")
struct TodoMutatorTests {
    private let list = MutatorBench(TodoMutator())

    @Test("a new to-do is not done, and its title has no white space around it")
    func create() throws {
        let result = try list.push("todo.create", #"{"id":"t1","title":"  Milk "}"#)
        #expect(result.isApplied)
        #expect(try result.todo() == "t1 Milk false")
    }

    @Test("an id can be used once")
    func createTwice() throws {
        _ = try list.push("todo.create", #"{"id":"t1","title":"Milk"}"#)
        let again = try list.push("todo.create", #"{"id":"t1","title":"Bread"}"#)
        #expect(again.code == "conflict")
    }

    @Test(
        "a title has 1 to 500 characters",
        arguments: [
            ("", false), ("   ", false), ("x", true), (long(500), true), (long(501), false),
        ]
    )
    func titles(title: String, isTaken: Bool) throws {
        let result = try list.push("todo.create", #"{"id":"t1","title":"\#(title)"}"#)
        #expect(result.isApplied == isTaken)
    }

    @Test("ticking says what the to-do shall be, so that two who tick it agree")
    func toggle() throws {
        _ = try list.push("todo.create", #"{"id":"t1","title":"Milk"}"#)
        _ = try list.push("todo.toggle", #"{"id":"t1","done":true}"#)
        let second = try list.push("todo.toggle", #"{"id":"t1","done":true}"#)
        #expect(try second.todo() == "t1 Milk true")
    }

    @Test("an edit changes what it names and nothing else")
    func update() throws {
        _ = try list.push("todo.create", #"{"id":"t1","title":"Milk"}"#)
        _ = try list.push("todo.update", #"{"id":"t1","done":true}"#)
        let result = try list.push("todo.update", #"{"id":"t1","title":"Bread"}"#)
        #expect(try result.todo() == "t1 Bread true")
    }

    @Test(
        "what is not there cannot be changed",
        arguments: ["todo.update", "todo.toggle", "todo.delete"])
    func missing(name: String) throws {
        let result = try list.push(name, #"{"id":"nobody"}"#)
        #expect(result.code == "not_found")
    }

    @Test("a mutation that nobody wrote is refused")
    func unknown() throws {
        let result = try list.push("todo.paint", #"{"id":"t1"}"#)
        #expect(result.code == "unknown_mutation")
    }

    private static func long(_ count: Int) -> String { String(repeating: "x", count: count) }
}

extension TestOutcome {
    /// The to-do that a mutation has left, as text.
    fileprivate func todo() throws -> String {
        let todo: Todo = try record()
        return "\(todo.id) \(todo.title) \(todo.done)"
    }
}
