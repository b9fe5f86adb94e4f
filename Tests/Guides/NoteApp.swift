// The app of the README, as it stands there, comments in their column: compiled, and never run.
// Tests/Process/test_guides.py holds the README to it.
// swift-format-ignore-file

import Mizu

struct Note: Codable, Sendable { var id, text: String }

/// What the app's mutations do. Applied once, whichever way a mutation came.
struct NoteMutator: Mutator {
    func apply(_ mutation: Mutation, to store: inout Transaction) throws(Rejection) {
        switch mutation.name {
        case "note.write":
            let note: Note = try mutation.args.decode()     // invalid_mutation says what did not fit
            try store.put("note", id: note.id, note)        // the change is recorded by itself
        case "note.delete":
            struct Which: Decodable { var id: String }
            let which: Which = try mutation.args.decode()
            try store.delete("note", id: which.id)          // refuses an id that does not exist
        default: throw .unknownMutation
        }
    }
}

func serve(_ assets: Assets) throws {
    let app = try App(try .from(environment: Configuration.processEnvironment()), assets: assets)
    let views = try app.views()                             // views/, compiled once
    app.files("/static", from: "static")
    app.use { request in                                    // who somebody is: here what a proxy
        request.user = request.header("X-User")             // in front says, and clients must not
        return nil
    }
    let sync = try app.sync(NoteMutator()) { user, scope, action in
        action != .push || user != nil                      // all read, users write; always asked
    }                                                       // mounts /_sync/* and /ws
    app.get("/") { request in
        let after = request.query["after"]                  // where the page before has ended
        return try sync.read(request) { snapshot in         // on a reader's thread, at one cursor
            let page = try snapshot.page(of: "note", after: after)      // at most a hundred
            return views.render("home", ["notes": .rows(page.records)])
        }
    }
    app.post("/notes") { request in                         // a plain form: works without JavaScript
        let form = try request.form()
        let note = Note(id: form["id"] ?? "", text: form["text"] ?? "")
        let intent = try Intent("note.write", id: form["mutation"], note)
        return try sync.push(request, [intent]) { outcomes in
            if let error = outcomes.first?.error { throw error }    // refused: the page says why
            return .redirect(to: "/")
        }
    }
    try app.run()
}

func mountRooms(on app: App) {
    app.live(onMessage: { session, request in session.user == nil ? .deny : .allow })
    app.presence(graceMilliseconds: 10_000) { session, topic, info in
        topic.utf8.starts(with: "room:".utf8)                // or .watch: sees and is not shown
            ? .join(PresenceMember(id: session.user ?? session.id, info: info)) : .deny
    }
}
