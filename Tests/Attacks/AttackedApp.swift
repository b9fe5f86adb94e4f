// The app that the tests of this folder attack: notes in scopes, every way in which an app reads and
// writes, and a list of them, so that what holds on one wire is asked of all.

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

/// Handlers that read, keep pages and push, for any scope that the path names.
func mountHandlers(on app: App, _ sync: Sync) {
    app.get("/me") { request in .text(request.user ?? "nobody") }
    app.get("/read/:scope") { request in
        try sync.read(request, scope: try scope(of: request)) { snapshot in
            .text("\(try snapshot.records("note").count) notes")
        }
    }
    app.get("/page/:scope") { request in
        try sync.page(request, scope: try scope(of: request), key: "notes") { snapshot in
            .text("\(try snapshot.records("note").count) notes")
        }
    }
    app.post("/push/:scope") { request in
        let intent = try Intent("note.write", Note(id: "n", text: "by a form"))
        return try sync.push(request, scope: try scope(of: request), [intent]) { outcomes in
            if let error = outcomes.first?.error { throw error }
            return .text("done")
        }
    }
}

private func scope(of request: borrowing Request) throws -> Name {
    guard let scope = Name(request.parameter("scope") ?? "") else { throw HTTPError.notFoundHere }
    return scope
}

extension HTTPError {
    static let notFoundHere = HTTPError(.notFound, code: "not_found", message: "no such scope")
}

/// One way to a scope.
enum Wire: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case push, pull, snapshot
    case socketPush, subscribe, subscribeWithPresence
    case handlerRead, handlerPage, handlerPush

    var writes: Bool { [.push, .socketPush, .handlerPush].contains(self) }
    var testDescription: String { rawValue }

    /// Tries it.
    /// - Returns: the code of the refusal; nil where it was let in.
    func refusal(_ app: TestApp, _ scope: String, as user: String?) async throws -> String? {
        let note = Note(id: "n", text: "stranger")
        switch self {
        case .push:
            let outcome = try await app.push("note.write", note, as: user, scope: scope)
            return outcome.code
        case .pull: return try await app.pull(as: user, scope: scope).code
        case .snapshot:
            let answer = try await app.post("/_sync/snapshot", json: ["scope": scope], as: user)
            return answer.code
        case .socketPush:
            let socket = try await app.socket(as: user)
            let json = #"{"id":"n","text":"stranger"}"#
            return try await socket.push("note.write", json: json, scope: scope).code
        case .subscribe:
            let socket = try await app.socket(as: user)
            return try await socket.subscribe("sync:\(scope)").code
        case .subscribeWithPresence:
            let socket = try await app.socket(as: user)
            try await socket.send(
                #"{"type":"subscribe","ref":"p","topic":"sync:\#(scope)","presence":true}"#)
            return try await socket.next().code
        case .handlerRead: return try await code(app, "GET", "/read/", scope, user)
        case .handlerPage: return try await code(app, "GET", "/page/", scope, user)
        case .handlerPush: return try await code(app, "POST", "/push/", scope, user)
        }
    }

    private func code(
        _ app: TestApp, _ method: String, _ path: String, _ scope: String, _ user: String?
    ) async throws -> String? {
        let answer = try await app.send(method, path + PercentCoding.encode(scope), as: user)
        return answer.status == 200 ? nil : answer.code ?? "\(answer.status)"
    }
}
