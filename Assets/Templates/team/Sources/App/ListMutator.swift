// What may happen to a shared list. The same intent comes from the page, from a plain form or from
// a script, and is applied here once. Who may do it has been asked before: whoever gets here may
// write the list; what only an owner may do, `grant`, `revoke` and `invite` see to themselves.

import Mizu

/// The list itself: one record, whose id is `ListMutator.list`.
struct SharedList: Codable, Sendable {
    var title: String
}

/// One line of it.
struct Item: Codable, Sendable {
    var id: String
    var title: String
    var done: Bool
    /// RFC 3339, UTC: when it was written, on the device where it was.
    var created: String
}

struct ListMutator: Mutator {
    static let list: Name = "list"
    static let item: Name = "item"
    /// The roles of a list. Whoever makes one owns it.
    static let roles = Roles(
        ["owner": .manage, "editor": .write, "reader": .read], creator: "owner")

    func apply(_ mutation: Mutation, to store: inout Transaction) throws(Rejection) {
        switch mutation.name {
        case "list.title": try title(mutation, &store)
        case "item.add": try add(mutation, &store)
        case "item.edit": try edit(mutation, &store)
        case "item.delete": try delete(mutation, &store)
        case "member.invite": try invite(mutation, &store)
        case "member.role": try role(mutation, &store)
        case "member.remove": try remove(mutation, &store)
        default: throw .unknownMutation
        }
    }

    /// Names the list. The first one makes it: its author owns the list from then on, and says what
    /// to be called in it.
    private func title(_ mutation: Mutation, _ store: inout Transaction) throws(Rejection) {
        struct Arguments: Decodable {
            var title: String
            var by: String?
        }
        let arguments: Arguments = try mutation.args.decode()
        if let name = arguments.by, let user = mutation.user, mutation.role == "owner" {
            try store.grant(user, role: "owner", name: name)
        }
        try store.put(
            Self.list, id: Self.list.string, SharedList(title: try checked(arguments.title)))
    }

    private func add(_ mutation: Mutation, _ store: inout Transaction) throws(Rejection) {
        struct Arguments: Decodable { var id, title: String }
        let arguments: Arguments = try mutation.args.decode()
        let item = Item(
            id: arguments.id, title: try checked(arguments.title), done: false,
            created: mutation.edited)
        try store.create(Self.item, id: item.id, item)
    }

    /// Changes what it names and nothing else, so that two who edit different things agree.
    private func edit(_ mutation: Mutation, _ store: inout Transaction) throws(Rejection) {
        struct Arguments: Decodable {
            var id: String
            var title: String?
            var done: Bool?
        }
        let arguments: Arguments = try mutation.args.decode()
        guard var item = try store.get(Self.item, id: arguments.id, as: Item.self) else {
            throw .notFound
        }
        if let title = arguments.title { item.title = try checked(title) }
        item.done = arguments.done ?? item.done
        try store.update(Self.item, id: item.id, item)
    }

    private func delete(_ mutation: Mutation, _ store: inout Transaction) throws(Rejection) {
        struct Arguments: Decodable { var id: String }
        let arguments: Arguments = try mutation.args.decode()
        try store.delete(Self.item, id: arguments.id)
    }

    // MARK: Members

    /// A link for a week. `key` is the hash of what stands in the link, so nobody who syncs the
    /// list can use it.
    private func invite(_ mutation: Mutation, _ store: inout Transaction) throws(Rejection) {
        struct Arguments: Decodable { var key, role: String }
        let arguments: Arguments = try mutation.args.decode()
        let week: Int64 = 7 * 24 * 3600 * 1000
        try store.invite(
            key: arguments.key, role: arguments.role, uses: 20,
            untilMilliseconds: mutation.timeMilliseconds + week)
    }

    private func role(_ mutation: Mutation, _ store: inout Transaction) throws(Rejection) {
        struct Arguments: Decodable { var user, role: String }
        let arguments: Arguments = try mutation.args.decode()
        guard let user = Name(arguments.user), let before = try store.role(of: user) else {
            throw .notFound
        }
        if let old = Self.roles.right(of: before),
            let new = Self.roles.right(of: arguments.role), new < old
        {
            // A link of before would give back what is taken here.
            try store.withdrawInvitations()
        }
        try store.grant(user, role: arguments.role)
    }

    /// Takes somebody out, and the links by which they could come in again; whoever takes out
    /// oneself leaves.
    private func remove(_ mutation: Mutation, _ store: inout Transaction) throws(Rejection) {
        struct Arguments: Decodable { var user: String }
        let arguments: Arguments = try mutation.args.decode()
        guard let user = Name(arguments.user) else { throw .notFound }
        try store.revoke(user)
        if user != mutation.user { try store.withdrawInvitations() }
    }

    /// Without the spaces around it, and without what would turn or hide text that others read;
    /// 1 to 200 characters.
    private func checked(_ title: String) throws(Rejection) -> String {
        let words = title.split(whereSeparator: \.isWhitespace).joined(separator: " ").displayable
        guard (1...200).contains(words.count), words.isDisplayable else {
            throw .invalid("title: write 1 to 200 characters")
        }
        return words
    }
}
