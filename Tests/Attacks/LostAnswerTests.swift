// A right that is lost while an answer is lost, too: the client sends an edit again that was applied.
// It is told so, or it would put the edit aside; and everybody else is told nothing.

import Mizu
import MizuTesting
import Synchronization
import Testing

@Suite("Lost rights and lost answers")
struct LostAnswerTests {
    /// An app that decides by a set of names, which a test changes.
    private final class Door: Sendable {
        let users = Mutex<Set<String>>(["ann", "bob"])

        func close(to user: String) { users.withLock { _ = $0.remove(user) } }

        func app() throws -> TestApp {
            try TestApp { configuration in
                let app = try App(configuration, assets: .none)
                let sync = try app.sync(NoteMutator()) { user, _, action in
                    self.users.withLock { $0.contains(user?.string ?? "nobody") }
                }
                app.post("/waits/:id") { (request: OwnedRequest) async throws -> Response in
                    let intent = try Intent(
                        "note.write", id: request.parameter("id"), Note(id: "n", text: "by ann"))
                    let outcomes = try await sync.push(request, scope: "list", [intent])
                    if let error = outcomes.first?.error { throw error }
                    return .text("done")
                }
                app.post("/plain/:id") { request in
                    let intent = try Intent(
                        "note.write", id: request.parameter("id"), Note(id: "n", text: "by ann"))
                    return try sync.push(request, scope: "list", [intent]) { outcomes in
                        if let error = outcomes.first?.error { throw error }
                        return .text("done")
                    }
                }
                return app
            }
        }
    }

    private static let note = Note(id: "n", text: "by ann")
    private static func json(_ ids: String...) -> String {
        let mutations = ids.map {
            #"{"id":"\#($0)","name":"note.write","args":{"id":"n","text":"by ann"}}"#
        }
        return #"{"scope":"list","mutations":[\#(mutations.joined(separator: ","))]}"#
    }

    @Test("an edit that was applied is answered as applied after the right is lost, on every wire")
    func told() async throws {
        let door = Door()
        let app = try door.app()
        let first = try await app.push("note.write", Self.note, as: "ann", scope: "list", id: "m1")
        #expect(first.isApplied && !first.isDuplicate)
        let socket = try await app.socket(as: "ann")
        door.close(to: "ann")

        let again = try await app.push("note.write", Self.note, as: "ann", scope: "list", id: "m1")
        #expect(again.isApplied && again.isDuplicate && again.cursor == first.cursor)
        let said = try await socket.push(
            "note.write", json: #"{"id":"n","text":"by ann"}"#, scope: "list", id: "m1")
        #expect(said.isApplied && said.isDuplicate)
        for way in ["plain", "waits"] {
            #expect(try await app.post("/\(way)/m1", form: [:], as: "ann").text == "done")
            #expect(try await app.post("/\(way)/m9", form: [:], as: "ann").code == "scope_denied")
        }
        // What is undecided is not tried; asked for alone, it is refused.
        let both = try await app.post("/_sync/push", json: Self.json("m1", "m2"), as: "ann")
        let results = try both.json().member("results")?.elements.map {
            $0.member("duplicate")?.bool == true
        }
        #expect(both.status == 200 && results?.first == true && results?.last == false)
        let rest = try await app.post("/_sync/push", json: Self.json("m2"), as: "ann")
        #expect(rest.status == 403 && rest.code == "scope_denied")
        let new = try await app.push("note.write", Self.note, as: "ann", scope: "list", id: "m3")
        #expect(new.status == 403 && new.code == "scope_denied")
        #expect(try await app.pull(as: "bob", scope: "list").changes.count == 1)
    }

    @Test("whoever else asks with a known id is refused as with an unknown one")
    func others() async throws {
        let door = Door()
        let app = try door.app()
        for author in ["ann", "bob"] {
            let pushed = try await app.push(
                "note.write", Self.note, as: author, scope: "list", id: "by-\(author)")
            #expect(pushed.isApplied)
        }
        door.close(to: "bob")
        for user: String? in ["bob", "eve", nil] {
            let known = try await app.push(
                "note.write", Self.note, as: user, scope: "list", id: "by-ann")
            let unknown = try await app.push(
                "note.write", Self.note, as: user, scope: "list", id: "never")
            #expect(known.status == 403 && known.json.bytes.array == unknown.json.bytes.array)
        }
        // One's own id with other arguments was not that edit.
        let other = try await app.push(
            "note.write", Note(id: "n", text: "other"), as: "bob", scope: "list", id: "by-bob")
        #expect(other.status == 403 && other.code == "scope_denied")
    }
}
