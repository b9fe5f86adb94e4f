// What clients of the app are answered: pages and forms, the REST interface, the socket; and that
// what is embedded is what lies in Assets.

import Foundation
import Mizu
import MizuTesting
import Testing

@testable import MizuTodo
@testable import MizuTodoServer

@Suite("Pages and files")
struct PageTests {
    private static let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Assets")

    @Test("what is embedded is what lies in Assets: run `make assets` after adding a file")
    func embedded() throws {
        let assets = embeddedAssets()
        for part in ["views", "static"] {
            let path = Self.folder.appendingPathComponent(part).path
            let found = try FileManager.default.subpathsOfDirectory(atPath: path).filter { name in
                var isFolder: ObjCBool = false
                let full = path + "/" + name
                return FileManager.default.fileExists(atPath: full, isDirectory: &isFolder)
                    && !isFolder.boolValue
                    && !name.split(separator: "/").contains { $0.first == "." }
            }
            #expect(assets.names(below: part + "/") == found.sorted())
        }
    }

    /// The whole app, with a database in memory.
    private static func app() throws -> TestApp {
        try TestApp { try makeApp($0, assets: embeddedAssets()) }
    }

    @Test("a form adds a to-do, and the page shows it without running what is in it")
    func form() async throws {
        let app = try Self.app()
        let form = ["id": "t1", "title": "<b>Milk</b>", "mutation": "m1"]
        let page = try await app.post("/todos", form: form, redirects: .followed)
        #expect(page.status == 200)
        #expect(page.text.contains("&lt;b&gt;Milk&lt;/b&gt;"))
        #expect(!page.text.contains("<b>Milk"))
        // Who sends a form twice has still one to-do.
        let again = try await app.post("/todos", form: form, redirects: .followed)
        #expect(again.text.ranges(of: "Milk").count == page.text.ranges(of: "Milk").count)
    }

    @Test("a script adds and reads by the REST interface")
    func rest() async throws {
        let app = try Self.app()
        let made = try await app.post("/api/todos", json: ["id": "t1", "title": "Milk"])
        #expect(made.status == 201 && made.location == "/api/todos/t1")
        let list = try await app.get("/api/todos")
        #expect(try list.decode([Todo].self).map(\.title) == ["Milk"])
        #expect(try await app.get("/api/todos/nobody").status == 404)
    }

    @Test("whoever is subscribed sees what others push")
    func live() async throws {
        let app = try Self.app()
        let socket = try await app.socket()
        #expect(try await socket.subscribe("sync:_default").type == "ack")
        let pushed = try await app.push("todo.create", ["id": "t1", "title": "Milk"])
        #expect(pushed.isApplied)
        #expect(try await socket.next().type == "sync")
        #expect(try await app.pull().records(of: "todo", as: Todo.self).keys.sorted() == ["t1"])
    }
}
