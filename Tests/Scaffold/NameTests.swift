// The names of a new app: what is made of a path, what is refused, and that each refusal says where
// and what to do.

import MizuScaffold
import Testing

@Suite("Names of an app")
struct NameTests {
    @Test(
        "a folder's name gives module, program, symbol and title",
        arguments: [
            ("myapp", "Myapp", "myapp", "myapp", "Myapp"),
            ("my-app", "MyApp", "my-app", "my_app", "My App"),
            ("my todo.app", "MyTodoApp", "my-todo-app", "my_todo_app", "My Todo App"),
            ("MyApp", "MyApp", "my-app", "my_app", "MyApp"),
            ("HTTPThing2", "HTTPThing2", "http-thing2", "http_thing2", "HTTPThing2"),
            ("a", "A", "a", "a", "A"),
            ("class", "Class", "class", "class", "Class"),
            ("-dash", "Dash", "dash", "dash", "Dash"),
            ("todo-app", "TodoApp", "todo-app", "todo_app", "Todo App"),
        ])
    func derived(
        folder: String, module: String, command: String, symbol: String, title: String
    ) throws {
        let names = try ProjectNames(folder: folder, module: nil, title: nil)
        #expect(names.module == module)
        #expect(names.command == command)
        #expect(names.symbol == symbol)
        #expect(names.title == title)
    }

    @Test(
        "a folder that can name no module is refused, and another name offered",
        arguments: [
            ("2do", "digit 2", "--module App2do"), ("größe", "\"ö\" is not ASCII", "--module"),
            ("水", "\"水\" is not ASCII", "--module MyApp"), ("--", "no letter", "--module MyApp"),
            ("...", "no letter", "--module"), ("mizu", "begin with Mizu", "--module MyApp"),
            ("foundation", "a module of that name", "--module FoundationApp"),
            ("self", "Swift keyword", "--module SelfApp"),
        ])
    func refusedFolder(folder: String, complaint: String, hint: String) throws {
        if folder == "foundation" || folder == "self" {
            // Only the capital makes these a name that is taken.
            #expect(throws: ScaffoldError.self) { try ModuleName(fromFolder: folder) }
        }
        let error = try #require(throws: ScaffoldError.self) {
            try ProjectNames(folder: folder, module: nil, title: nil)
        }
        #expect(error.code == .badName)
        #expect(error.message.contains(complaint), "\(error)")
        #expect(error.message.contains("\"\(folder)\""), "\(error)")
        #expect(error.hint?.contains(hint) == true, "\(error)")
    }

    @Test(
        "a module's name is refused with the place and a hint",
        arguments: [
            ("", "needs a name", "MyApp"), ("2do", "digit 2", "--module App2do"),
            ("my-app", "character 3 is a dash", "--module MyApp"),
            ("my app", "character 3 is a space", "--module MyApp"),
            ("a/b", "character 2 is a slash", "--module AB"),
            ("größe", "character 3 is \"ö\", which is not ASCII", "--module MyApp"),
            ("a\n", "character 2 is a control character", "--module A"),
            ("class", "Swift keyword", "--module ClassApp"),
            ("Any", "Swift keyword", "--module AnyApp"),
            ("Mizu", "begin with Mizu", "MyApp"), ("MizuSync", "begin with Mizu", "MyApp"),
            ("Swift", "a module of that name", "SwiftApp"),
            ("Logging", "a module of that name", "LoggingApp"),
            ("Echo", "its target EchoServer", "EchoApp"), ("___", "no letter", nil),
            (String(repeating: "x", count: 65), "at most 64", nil),
        ] as [(String, String, String?)])
    func refusedModule(name: String, complaint: String, hint: String?) throws {
        let error = try #require(throws: ScaffoldError.self) { try ModuleName(name) }
        #expect(error.code == .badName)
        #expect(error.message.contains(complaint), "\(error)")
        if let hint { #expect(error.hint?.contains(hint) == true, "\(error)") }
    }

    @Test(
        "every name that a hint offers is one that would be taken",
        arguments: ["2do", "my-app", "größe", "class", "Echo", "水", "9", "a b c", "mizu"])
    func hints(name: String) throws {
        let error = try #require(throws: ScaffoldError.self) { try ModuleName(name) }
        let offered = try #require(error.hint?.split(separator: " ").last)
        #expect(throws: Never.self) { try ModuleName(String(offered)) }
    }

    @Test(
        "a title may be written in any script, and not in characters that mean something to a file",
        arguments: [
            ("Größe & Gewicht", true), ("水", true), ("What's new?", true), ("", false),
            ("123", false), ("a\"b", false), ("a\\b", false), ("<b>", false), ("{{x}}", false),
            ("$(HOME) x", false), ("50% off", false), ("a\nb", false), ("a\u{2028}b", false),
            ("\u{1B}[31mred", false), (String(repeating: "x", count: 81), false),
        ])
    func titles(title: String, isTaken: Bool) throws {
        let names = try? ProjectNames(folder: "app", module: nil, title: title)
        #expect((names != nil) == isTaken)
        if isTaken { #expect(names?.title == title) }
    }
}
