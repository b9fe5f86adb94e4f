// The pages: all of the app for a browser without JavaScript, and the first paint for one with it.
// A list's page depends on the list, on who asks and on its address, so it is made once for each
// state and kept (`sync.page`).

import Mizu

struct Pages: Sendable {
    let views: Views
    let sync: Sync
    let accounts: Accounts

    /// One's lists, told by one's own scope; to nobody, what this is.
    nonisolated(nonsending) func home(_ request: OwnedRequest) async throws -> Response {
        guard request.query["shell"] == nil, let user = request.user,
            let own = Name(user).flatMap({ Name.userScope(of: $0) })
        else { return views.render("home", [:]) }
        var lists: [ViewValue] = []
        for listed in try await sync.read(own, { snapshot in try snapshot.listedScopes() }) {
            guard let id = listed.scope.listID else { continue }
            let list = try await sync.read(listed.scope) { snapshot in
                try snapshot.record(ListMutator.list, id: ListMutator.list.string)
            }
            lists.append([
                "id": .string(id),
                "title": .string(list?.member("title")?.string ?? "A list without a title"),
            ])
        }
        let name = try await accounts.account(user)?.name
        return views.render(
            "home",
            [
                "user": .string(user), "name": name.map { .string($0) } ?? .null,
                "is_home": true, "lists": .list(lists),
                "problem": Self.words(for: request.query["problem"]),
            ])
    }

    func list(_ request: borrowing Request) throws -> Response {
        guard let user = request.user.flatMap({ Name($0) }) else {
            return .redirect(to: "/account/sign-in?next=" + PercentCoding.encode(request.path))
        }
        let scope = try Self.scope(request)
        let problem = request.query["problem"]
        // To be copied into a message, so it is whole; and it leads nowhere else.
        let origin = (request.isSecure ? "https://" : "http://") + (request.host ?? "localhost")
        let link = request.query["link"].flatMap { $0.hasPrefix("/join/") ? origin + $0 : nil }
        let views = self.views
        return try sync.page(
            request, scope: scope, key: "\(problem ?? "") \(link ?? "")"
        ) { snapshot in
            let page = try Self.list(snapshot, of: user, problem: problem, link: link)
            return views.render("home", page)
        }
    }

    private static func list(
        _ snapshot: borrowing Snapshot, of user: Name, problem: String?, link: String?
    ) throws -> ViewValue {
        let right = try snapshot.role(of: user).flatMap { ListMutator.roles.right(of: $0) }
        let title = try snapshot.record(ListMutator.list, id: ListMutator.list.string)?
            .member("title")?.string
        let items = try snapshot.page(of: ListMutator.item, limit: 500)
        let members = try snapshot.members().map { member -> ViewValue in
            let isMe = member.user == user
            return [
                "id": .string(member.user.string), "name": .string(member.name ?? "Somebody"),
                "role": .string(member.role), "is_me": .bool(isMe),
                "may_remove": .bool(isMe || right == .manage),
                "may_promote": .bool(
                    right == .manage && ListMutator.roles.right(of: member.role) != .manage),
            ]
        }
        return [
            "user": .string(user.string), "list": true, "title": .string(title ?? "A new list"),
            "items": .rows(items.records), "members": .list(members),
            "may_write": .bool(right.map { $0 >= Right.write } ?? false),
            "may_manage": .bool(right == .manage),
            "fresh": .string(Intent.orderedID()?.string ?? ""),
            "link": link.map { .string($0) } ?? .null,
            "problem": words(for: problem),
        ]
    }

    /// Asks whether one wants to join: a link alone changes nothing.
    func invitation(_ request: borrowing Request) throws -> Response {
        guard let user = request.user else {
            return .redirect(to: "/account/sign-in?next=" + PercentCoding.encode(request.target))
        }
        return views.render(
            "join",
            [
                "user": .string(user),
                "problem": Self.words(for: request.query["problem"]),
            ])
    }

    /// The scope of the list that the address names.
    static func scope(_ request: borrowing Request) throws -> Name {
        guard let id = request.parameter("id"), let scope = Name.list(id) else {
            throw HTTPError(.notFound, code: "not_found", message: "there is no such list")
        }
        return scope
    }

    /// What a refused form is told, by the code that its redirect carries: nothing that somebody
    /// else's link could put into the page.
    private static func words(for problem: String?) -> ViewValue {
        switch problem {
        case nil: .null
        case "invalid_mutation": "That needs a title of 1 to 200 characters."
        case "not_found": "That is no longer there."
        case "forbidden": "Only an owner may do that."
        case "conflict": "A list needs an owner: make somebody else one first."
        default: "That could not be saved. Please try again."
        }
    }
}

extension Name {
    private static let prefix = "list:"

    /// The scope of a list; nil where the id can be none.
    static func list(_ id: String) -> Name? { Name(prefix + id) }

    /// The list that has this scope.
    var listID: String? {
        string.hasPrefix(Self.prefix) ? String(string.dropFirst(Self.prefix.count)) : nil
    }
}
