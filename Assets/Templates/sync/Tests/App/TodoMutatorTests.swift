// What each mutation does, on a store in memory: what the page, a form and a script would see.

import Mizu
import Testing

@testable import MizuTodo

@Suite("Mutations of a to-do")
struct TodoMutatorTests {
    private let list = MutatorBench(TodoMutator())

    @Test("a new to-do is not done, and its title has no white space around it")
    func create() throws {
        let result = try list.push("todo.create", #"{"id":"t1","title":"  Milk "}"#)
        #expect(result.member("ok")?.bool == true)
        let todo = try list.record(of: result)
        #expect(todo == "t1 Milk false")
    }

    @Test("an id can be used once")
    func createTwice() throws {
        _ = try list.push("todo.create", #"{"id":"t1","title":"Milk"}"#)
        let again = try list.push("todo.create", #"{"id":"t1","title":"Bread"}"#)
        #expect(again.member("code")?.string == "conflict")
    }

    @Test(
        "a title has 1 to 500 characters",
        arguments: [
            ("", false), ("   ", false), ("x", true), (long(500), true), (long(501), false),
        ]
    )
    func titles(title: String, isTaken: Bool) throws {
        let result = try list.push("todo.create", #"{"id":"t1","title":"\#(title)"}"#)
        #expect(result.member("ok")?.bool == isTaken)
    }

    @Test("ticking says what the to-do shall be, so that two who tick it agree")
    func toggle() throws {
        _ = try list.push("todo.create", #"{"id":"t1","title":"Milk"}"#)
        _ = try list.push("todo.toggle", #"{"id":"t1","done":true}"#)
        let second = try list.push("todo.toggle", #"{"id":"t1","done":true}"#)
        #expect(try list.record(of: second) == "t1 Milk true")
    }

    @Test("an edit changes what it names and nothing else")
    func update() throws {
        _ = try list.push("todo.create", #"{"id":"t1","title":"Milk"}"#)
        _ = try list.push("todo.update", #"{"id":"t1","done":true}"#)
        let result = try list.push("todo.update", #"{"id":"t1","title":"Bread"}"#)
        #expect(try list.record(of: result) == "t1 Bread true")
    }

    @Test(
        "what is not there cannot be changed",
        arguments: ["todo.update", "todo.toggle", "todo.delete"])
    func missing(name: String) throws {
        let result = try list.push(name, #"{"id":"nobody"}"#)
        #expect(result.member("code")?.string == "not_found")
    }

    @Test("a mutation that nobody wrote is refused")
    func unknown() throws {
        let result = try list.push("todo.paint", #"{"id":"t1"}"#)
        #expect(result.member("code")?.string == "unknown_mutation")
    }

    private static func long(_ count: Int) -> String { String(repeating: "x", count: count) }
}

extension MutatorBench {
    /// The to-do that a mutation has left, as text.
    fileprivate func record(of result: JSONValue) throws -> String {
        let change = try #require(result.member("changes")?.elements.first { _ in true })
        let todo: Todo = try #require(change.member("data")).decode()
        return "\(todo.id) \(todo.title) \(todo.done)"
    }
}
