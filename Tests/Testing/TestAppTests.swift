// The tool itself: that what a test sees through it is what a client of a server would see, and that
// two runs see the same.

import Mizu
import MizuTesting
import Testing

struct Note: Codable, Sendable { var id, text: String }

struct NoteMutator: Mutator {
    func apply(_ mutation: Mutation, to store: inout Transaction) throws(Rejection) {
        guard mutation.name == "note.write" else { throw .unknownMutation }
        let note: Note = try mutation.args.decode()
        try store.put("note", id: note.id, note)
    }
}

@Sendable func makeNotes(_ configuration: Configuration) throws -> App {
    let app = try App(configuration, assets: .none)
    app.use { request in
        // Says nobody where nobody has signed in: a test's user comes behind it, too.
        request.user = request.cookie("name")
        return nil
    }
    let sync = try app.sync(NoteMutator()) { user, scope, action in
        action != .push || user != nil
    }
    app.get("/me") { request in .text(request.user ?? "nobody") }
    app.post("/sign-in") { request in
        let name = try request.form()["name"] ?? ""
        var response = Response.redirect(to: "/me")
        try response.set(SetCookie("name", name))
        return response
    }
    app.post("/sign-out") { request in
        var response = Response.redirect(to: "/me")
        var cookie = SetCookie("name", "")
        cookie.maxAgeSeconds = 0
        try response.set(cookie)
        return response
    }
    app.get("/notes") { request in
        try sync.read(request) { snapshot in
            let notes = try snapshot.records("note").map { try $0.decode(Note.self).text }
            return .text(notes.joined(separator: ","))
        }
    }
    app.post("/notes") { request in
        let form = try request.form()
        let note = Note(id: form["id"] ?? "", text: form["text"] ?? "")
        let intent = try Intent("note.write", note)
        return try sync.push(request, [intent]) { _ in .redirect(to: "/notes") }
    }
    app.post("/echo") { request in
        struct Body: Codable { var count: Int }
        let body: Body = try JSON.parse(request.bodySlice()).decode()
        return .text("\(body.count)")
    }
    app.get("/random") { request in
        .text((Intent.freshID()?.string ?? "") + (Intent.orderedID()?.string ?? ""))
    }
    return app
}

@Suite("An app under test")
struct TestAppTests {
    @Test("a request is whose the test says, whatever the app's middleware thinks")
    func users() async throws {
        let app = try TestApp(makeNotes)
        #expect(try await app.get("/me", as: "ann").text == "ann")
        #expect(try await app.get("/me", as: "Größe").text == "Größe")
        let nobody = try await app.get("/me")
        #expect(nobody.status == 200 && nobody.text == "nobody")
    }

    @Test("cookies are kept for each browser, and redirects followed where that is asked for")
    func cookies() async throws {
        let app = try TestApp(makeNotes)
        let (ann, bob) = (app.browser(), app.browser())
        let signedIn = try await ann.post("/sign-in", form: ["name": "ann"])
        #expect(signedIn.status == 303 && signedIn.location == "/me")
        #expect(ann.cookies == ["name": "ann"])
        let followed = try await bob.post(
            "/sign-in", form: ["name": "bob"], redirects: .followed)
        #expect(followed.status == 200 && followed.text == "bob")
        #expect(try await ann.get("/me").text == "ann")
        _ = try await ann.post("/sign-out", form: [:])
        #expect(ann.cookies.isEmpty)
        #expect(try await ann.get("/me").text == "nobody")
    }

    @Test("pages, forms and pushes meet in one state")
    func state() async throws {
        let app = try TestApp(makeNotes)
        let form = try await app.post(
            "/notes", form: ["id": "n1", "text": "a & b"], as: "ann", redirects: .followed)
        #expect(form.text == "a & b")
        let pushed = try await app.push("note.write", Note(id: "n2", text: "c"), as: "ann")
        #expect(pushed.isApplied && pushed.cursor == 2)
        #expect(try pushed.record(Note.self).text == "c")
        #expect(try await app.get("/notes", as: "bob").text == "a & b,c")
        let pull = try await app.pull()
        #expect(
            try pull.records(of: "note", as: Note.self).mapValues(\.text) == [
                "n1": "a & b", "n2": "c",
            ])
        #expect(try await app.pull(after: 1).changes.map(\.id) == ["n2"])
    }

    @Test("a refusal is an answer: of one mutation, and of the whole push")
    func refusals() async throws {
        let app = try TestApp(makeNotes)
        let unknown = try await app.push("note.paint", json: "{}", as: "ann")
        #expect(unknown.status == 200 && !unknown.isApplied && unknown.code == "unknown_mutation")
        let denied = try await app.push("note.write", json: "{}")
        #expect(denied.status == 403 && denied.code == "scope_denied")
        let elsewhere = try await app.get("/nowhere")
        #expect(elsewhere.status == 404)
        #expect("\(elsewhere.status)".hasPrefix("404 (GET /nowhere: "))
        let foreign = try await app.post(
            "/notes", form: [:], as: "ann", headers: ["Origin": "https://evil.example"])
        #expect(foreign.status == 403 && foreign.code == "origin_denied")
    }

    @Test("a socket hears what is pushed, in order, and that it is closed")
    func sockets() async throws {
        let app = try TestApp(makeNotes)
        let socket = try await app.socket(as: "bob")
        let epoch = try #require(try await app.pull().epoch)
        #expect(try await socket.subscribe("sync:_default", cursor: 0, epoch: epoch).type == "ack")
        _ = try await app.push("note.write", Note(id: "n1", text: "a"), as: "ann")
        let delta = try await socket.next("delta")
        #expect(delta.changes.map(\.id) == ["n1"])
        let pushed = try await socket.push("note.write", json: #"{"id":"n2","text":"b"}"#)
        #expect(pushed.isApplied)
        #expect(try await socket.received().map(\.type) == ["delta"])
        #expect(try await socket.received().isEmpty)
        try await socket.send("no JSON")
        #expect(try await socket.next().type == "error")
        try await socket.close()
        #expect(try await socket.next("close").closeCode == 1000)
        await #expect(throws: TestError.self) {
            try await app.socket(headers: ["Origin": "https://evil.example"])
        }
    }

    @Test("two runs with one seed see the same: ids, times, epochs")
    func seeds() async throws {
        func run(_ seed: UInt64) async throws -> [String] {
            let app = try TestApp(seed: seed, makeNotes)
            let pushed = try await app.push("note.write", Note(id: "n", text: "a"), as: "ann")
            return [
                try await app.get("/random").text, try await app.pull().epoch ?? "",
                pushed.changes.first?.json.member("time")?.string ?? "",
            ]
        }
        let first = try await run(7)
        #expect(try await run(7) == first)
        #expect(try await run(8)[0] != first[0])
        #expect(first[2] == "2026-01-01T00:00:00.000Z")
    }

    @Test("time passes when it is told to, and then everywhere in the app")
    func time() async throws {
        let app = try TestApp(makeNotes)
        try await app.advance(.seconds(3 * 3600))
        let pushed = try await app.push("note.write", Note(id: "n", text: "a"), as: "ann")
        #expect(pushed.changes[0].json.member("time")?.string == "2026-01-01T03:00:00.000Z")
        #expect(try await app.get("/me").header("Date") == "Thu, 01 Jan 2026 03:00:00 GMT")
        let socket = try await app.socket(as: "ann")
        try await app.advance(.seconds(300))
        let received = try await socket.received()
        #expect(received.isEmpty, "\(received): it answers the server's pings")
    }

    @Test("a file outlives the app that wrote it")
    func restart() async throws {
        let folder = try Folder()
        let settings = ["DATABASE_URL": "sqlite:\(folder.path)/notes.db"]
        let first = try TestApp(settings: settings, makeNotes)
        _ = try await first.push("note.write", Note(id: "n", text: "a"), as: "ann")
        first.stop()
        await #expect(throws: TestError.self) { try await first.get("/notes") }
        let second = try TestApp(settings: settings, makeNotes)
        #expect(try await second.get("/notes").text == "a")
    }

    @Test("what an app refuses to start with is thrown")
    func start() async throws {
        #expect(throws: (any Error).self) {
            try TestApp(settings: ["DATABASE_URL": "x"], makeNotes)
        }
        #expect(throws: StartError.self) { try TestApp { _ in throw StartError("no") } }
    }
}

@Suite("A mutator on its bench")
struct MutatorBenchTests {
    struct WhoMutator: Mutator {
        func apply(_ mutation: Mutation, to store: inout Transaction) throws(Rejection) {
            guard let user = mutation.user else { throw .forbidden }
            try store.put("who", id: "w", ["user": user.string, "time": mutation.time])
        }
    }

    @Test("it pushes as a user, to a scope, at a time")
    func push() throws {
        let bench = MutatorBench(WhoMutator())
        #expect(try bench.push("who", "{}").code == "forbidden")
        bench.timeMilliseconds = 0
        let pushed = try bench.push("who", ["any": 1], user: "ann", scope: "s")
        #expect(pushed.isApplied)
        let record: [String: String] = try pushed.record()
        #expect(record == ["user": "ann", "time": "1970-01-01T00:00:00.000Z"])
        #expect(pushed.changes[0].json.member("scope")?.string == "s")
        #expect(try bench.push("who", "{}", user: "bob", scope: "t").cursor == 1)
    }
}
