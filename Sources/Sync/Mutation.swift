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
    /// When it is applied, in milliseconds since 1970 (UTC). For people: order nothing by it.
    public let timeMilliseconds: Int64
    /// The same for all mutations of a batch, so it is written once; nil: nobody has written it.
    private let timeText: String?

    public init(
        name: Name, args: Arguments, id: Name, user: Name?, scope: Name, timeMilliseconds: Int64
    ) {
        self.init(
            name: name, args: args, id: id, user: user, scope: scope,
            timeMilliseconds: timeMilliseconds, timeText: nil)
    }

    init(
        name: Name, args: Arguments, id: Name, user: Name?, scope: Name, timeMilliseconds: Int64,
        timeText: String?
    ) {
        self.name = name
        self.args = args
        self.id = id
        self.user = user
        self.scope = scope
        self.timeMilliseconds = timeMilliseconds
        self.timeText = timeText
    }

    /// `timeMilliseconds` as in a change: RFC 3339, UTC, with milliseconds.
    public var time: String {
        timeText ?? Self.time(timeMilliseconds)
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
