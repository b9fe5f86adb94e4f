// The framework's records about people, as they stand in scopes (people.md, "Grants"): who has
// which role in a scope, in which scopes a user is, and which links let somebody in. Read with
// care, because an import may have written them: what is none of these is nothing.

import MizuBytes

/// `mizu.grant`, in the scope; its id is the user.
public struct GrantRecord: Hashable, Sendable {
    public static let entity: Name = "mizu.grant"

    public let role: String
    /// For showing people; nil where nobody has said one.
    public let name: String?

    public init(role: String, name: String? = nil) {
        self.role = role
        self.name = name
    }

    /// A name as it may stand in a grant: without what turns or hides the text around it, and no
    /// longer than an account's. Whoever comes in by a link says it, though they may not write.
    static func shown(_ name: String) -> String {
        var shown = String(name.displayable.prefix(nameCountMax))
        while shown.utf8.count > nameBytesMax { shown.removeLast() }
        return shown
    }

    private static let nameCountMax = 80
    private static let nameBytesMax = 320

    /// Nil where the record is no grant.
    public init?(_ json: JSONValue) {
        guard let role = json.member("role")?.string else { return nil }
        self.role = role
        name = json.member("name")?.string
    }

    /// What `user` was granted in `scope` as `source` has it; nil for nothing. One look-up.
    public static func read(
        of user: Name, in scope: Name, _ source: some RecordSource
    ) throws(StoreError) -> GrantRecord? {
        try source.record(RecordKey(entity: entity, id: user), in: scope)
            .flatMap { GrantRecord(JSONValue(validated: $0)) }
    }

    var json: JSONValue {
        var json = JSONWriter(capacity: 64)
        json.beginObject()
        json.key("role")
        json.string(role)
        if let name {
            json.key("name")
            json.string(name)
        }
        json.endObject()
        return JSONValue(validated: json.finish())
    }
}

/// `mizu.scope`, in the scope `user:ID`; its id is the scope in which the user has a role.
public enum ScopeRecord {
    public static let entity: Name = "mizu.scope"
}

/// `mizu.invitation`, in the scope; its id is `key(of:)` of the link's token.
public struct InvitationRecord: Hashable, Sendable {
    public static let entity: Name = "mizu.invitation"

    public let role: String
    /// How often it may still be accepted.
    public let uses: Int
    /// Milliseconds since 1970; nil: for ever.
    public let untilMilliseconds: Int64?

    init(role: String, uses: Int, untilMilliseconds: Int64?) {
        self.role = role
        self.uses = uses
        self.untilMilliseconds = untilMilliseconds
    }

    init?(_ json: JSONValue) {
        guard let role = json.member("role")?.string, let uses = json.member("uses")?.int else {
            return nil
        }
        self.role = role
        self.uses = uses
        guard let until = json.member("until") else {
            untilMilliseconds = nil
            return
        }
        guard let time = until.utf8?.withUnsafeBytes({ RFC3339.milliseconds($0) }) else {
            return nil
        }
        untilMilliseconds = Int64(time)
    }

    /// What is kept of a token: its SHA-256 as 64 hexadecimal digits.
    public static func key(of token: String) -> String { SHA256.digest(token).hex }

    func isOver(at milliseconds: Int64) -> Bool {
        uses < 1 || untilMilliseconds.map { $0 <= milliseconds } ?? false
    }

    var json: JSONValue {
        var json = JSONWriter(capacity: 96)
        json.beginObject()
        json.key("role")
        json.string(role)
        json.key("uses")
        json.int(uses)
        if let untilMilliseconds {
            json.key("until")
            json.string(Mutation.time(untilMilliseconds))
        }
        json.endObject()
        return JSONValue(validated: json.finish())
    }
}
