// What an app writes to say what its mutations do, and what it is given to do it with. The same
// code runs on the server, where its effects become durable, and in a Swift client, where it is
// replayed over local state: so it sees records, arguments and the time, and nothing of either.

import MizuBytes

/// Applies mutations. Called on the committer's thread, one mutation at a time; must not wait.
///
/// A mutator must do the same whenever it is given the same records and the same mutation: take
/// the time from `mutation.time`, ids from the arguments, nothing from chance.
public protocol Mutator: Sendable {
    /// Does what `mutation` says to the records of its scope.
    /// - Throws: why it is refused for good. Nothing that was written stays.
    func apply(_ mutation: Mutation, to store: inout Transaction) throws(Rejection)
}

/// One mutation as a mutator sees it.
public struct Mutation: Sendable {
    /// `switch` over it: `case "todo.create":` compares bytes.
    public let name: Name
    public let args: Arguments
    /// Random, unique, and the same through every retry.
    public let id: Name
    /// Who pushed it; nil where nobody is signed in.
    public let user: Name?
    public let scope: Name
    /// The role of `user` in the scope, at this place of its log; nil where they have none, where
    /// the app has no roles, and for what the server itself does.
    public let role: String?
    /// When it is applied, in milliseconds since 1970 (UTC). For people: order nothing by it.
    public let timeMilliseconds: Int64
    /// When it was made on its device, as that says, but never later than `timeMilliseconds`; the
    /// same as that where the device says nothing. In milliseconds since 1970 (UTC), for people: it
    /// does not jump when an edit that has waited arrives, and whoever writes to a scope may claim
    /// any time of the past.
    public let editedMilliseconds: Int64
    /// The same for all mutations of a batch, so it is written once; nil: nobody has written it.
    private let timeText: String?

    public init(
        name: Name, args: Arguments, id: Name, user: Name?, scope: Name, role: String? = nil,
        timeMilliseconds: Int64, editedMilliseconds: Int64? = nil
    ) {
        self.init(
            name: name, args: args, id: id, user: user, scope: scope, role: role,
            timeMilliseconds: timeMilliseconds, editedMilliseconds: editedMilliseconds,
            timeText: nil)
    }

    init(
        name: Name, args: Arguments, id: Name, user: Name?, scope: Name, role: String?,
        timeMilliseconds: Int64, editedMilliseconds: Int64?, timeText: String?
    ) {
        self.name = name
        self.args = args
        self.id = id
        self.user = user
        self.scope = scope
        self.role = role
        self.timeMilliseconds = timeMilliseconds
        self.editedMilliseconds = min(editedMilliseconds ?? timeMilliseconds, timeMilliseconds)
        self.timeText = timeText
    }

    /// `timeMilliseconds` as in a change: RFC 3339, UTC, with milliseconds.
    public var time: String {
        timeText ?? Self.time(timeMilliseconds)
    }

    /// `editedMilliseconds` in the same form.
    public var edited: String {
        editedMilliseconds == timeMilliseconds ? time : Self.time(editedMilliseconds)
    }
}

extension Mutation {
    static func time(_ milliseconds: Int64) -> String {
        String(decoding: RFC3339.text(millisecondsSince1970: Int(milliseconds)), as: UTF8.self)
    }
}

/// A mutation's `args`: a JSON object, in the bytes it came in.
public struct Arguments: Sendable {
    public let json: JSONValue

    /// - Parameter json: an object.
    public init(_ json: JSONValue) { self.json = json }

    /// Reads the arguments as a `T`. O(n).
    /// - Throws: `invalid_mutation`, which says what did not fit and where.
    public func decode<T: Decodable>(_ type: T.Type = T.self) throws(Rejection) -> T {
        do {
            return try json.decode(type)
        } catch {
            throw .invalid("\(error.reason)")
        }
    }
}
