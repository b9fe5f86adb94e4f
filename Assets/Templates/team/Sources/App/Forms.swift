// The plain forms. Each button says what it does; all push a mutation and lead back to the page. A
// form that is sent twice does its work once: its mutation's id is made of the form itself.

import Mizu

struct Forms: Sendable {
    let sync: Sync
    let accounts: Accounts

    /// Makes a list: the first mutation of its scope, whose author becomes the owner.
    nonisolated(nonsending) func make(_ request: OwnedRequest) async throws -> Response {
        let user = try signedIn(request)
        let title = try request.form()["title"] ?? ""
        guard let id = Intent.freshID()?.string, let scope = Name.list(id) else {
            throw HTTPError(.internalServerError, code: "internal_error", message: "no id")
        }
        let name = try await accounts.account(user)?.name
        let intent = try Intent("list.title", ["title": title, "by": name ?? ""])
        let problem = try await push(intent, to: scope, as: user)
        return .redirect(to: problem.map { "/?problem=\($0)" } ?? "/lists/\(id)")
    }

    /// Uses an invitation: a mutation of one's own scope.
    nonisolated(nonsending) func join(_ request: OwnedRequest) async throws -> Response {
        let user = try signedIn(request)
        let own = Name(user).flatMap { Name.userScope(of: $0) } ?? .defaultScope
        let id = request.parameter("id") ?? ""
        let token = request.query["token"] ?? ""
        let name = try await accounts.account(user)?.name
        let intent = try Intent(
            "mizu.invitation.accept",
            ["scope": "list:" + id, "token": token, "name": name ?? ""])
        guard let problem = try await push(intent, to: own, as: user) else {
            return .redirect(to: "/lists/\(id)")
        }
        // With the token, for the next try.
        let link = "\(request.path)?token=\(PercentCoding.encode(token))"
        return .redirect(to: "\(link)&problem=\(problem)")
    }

    private func signedIn(_ request: OwnedRequest) throws -> String {
        guard let user = request.user else {
            throw HTTPError(.unauthorized, code: "unauthenticated", message: "sign in first")
        }
        return user
    }

    /// - Returns: the code of the refusal; nil where it was done.
    private func push(_ intent: Intent, to scope: Name, as user: String) async throws -> String? {
        let outcomes = try await sync.push(as: .user(user), scope: scope, [intent])
        guard let error = outcomes.compactMap(\.error).first else { return nil }
        // Not decided is not refused: the browser's own "try again" sends the same form.
        if error.status.code >= 500 { throw error }
        return error.code
    }

    /// The forms of a list's page.
    func change(_ request: borrowing Request) throws -> Response {
        struct Tick: Encodable {
            var id: String
            var done: Bool
        }
        let form = try request.form()
        let scope = try Pages.scope(request)
        let (id, path) = (form["id"] ?? "", request.path)
        var after = path
        let intent: Intent
        switch form["do"] {
        case "add":
            // The page made the to-do's id: sent twice, it is one to-do.
            let arguments = ["id": id, "title": form["title"] ?? ""]
            intent = try Intent("item.add", id: "add." + id, arguments)
        case "tick":
            // A checkbox that is not ticked is not sent.
            intent = try Intent("item.edit", Tick(id: id, done: form["done"] != nil))
        case "delete": intent = try Intent("item.delete", ["id": id])
        case "owner":
            intent = try Intent("member.role", ["user": form["user"] ?? "", "role": "owner"])
        case "remove":
            let user = form["user"] ?? ""
            intent = try Intent("member.remove", ["user": user])
            if user == request.user { after = "/" }
        case "invite":
            let invitation = Invitation()
            intent = try Intent(
                "member.invite", ["key": invitation.key, "role": form["role"] ?? ""])
            // Behind the question mark, because an access log has the path of each request.
            let link = "/join/\(request.parameter("id") ?? "")?token=\(invitation.token)"
            after += "?link=" + PercentCoding.encode(link)
        default: throw HTTPError(.badRequest, code: "invalid_request", message: "do: unknown")
        }
        let next = after
        return try push(request, to: scope, intent) { problem in
            problem.map { "\(path)?problem=\($0)" } ?? next
        }
    }

    private func push(
        _ request: borrowing Request, to scope: Name, _ intent: Intent,
        _ next: @escaping @Sendable (_ problem: String?) -> String
    ) throws -> Response {
        try sync.push(request, scope: scope, [intent]) { outcomes in
            let error = outcomes.compactMap(\.error).first
            // Not decided is not refused: the browser's own "try again" sends the same form.
            if let error, error.status.code >= 500 { return Response(error) }
            return .redirect(to: next(error?.code))
        }
    }
}
