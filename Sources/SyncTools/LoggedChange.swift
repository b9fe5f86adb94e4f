// One change as it stands in the log (protocol.md, "POST /_sync/pull"), read again. Everything in
// it is checked, because the file that it comes from may be damaged.

import MizuBytes
import MizuSync

/// A change of the log.
struct LoggedChange {
    enum Operation: String { case create, update, delete }

    let cursor: Int
    let scope: Name
    let key: RecordKey
    let operation: Operation
    /// The whole record; nil where it is deleted.
    let data: JSONValue?
    /// For people, as it was written.
    let time: String
    let mutation: Name

    /// What is wrong with the text, for people.
    struct Flaw: Error {
        let text: String
    }

    init(_ text: ByteSlice) throws(Flaw) {
        let members: [JSONValue?]
        do throws(JSONError) {
            members = try JSON.parse(text, depthMax: .max).members(named: [
                "cursor", "scope", "entity", "id", "op", "data", "time", "mutation",
            ])
        } catch {
            throw Flaw(text: "it is no JSON: \(error.reason)")
        }
        guard members.count == 8, let cursor = members[0]?.int else {
            throw Flaw(text: "it has no cursor")
        }
        self.cursor = cursor
        scope = try Self.name(members[1], "scope")
        key = RecordKey(
            entity: try Self.name(members[2], "entity"), id: try Self.name(members[3], "id"))
        guard let operation = members[4]?.string.flatMap({ Operation(rawValue: $0) }) else {
            throw Flaw(text: "its op is none")
        }
        self.operation = operation
        data = members[5]
        guard (data == nil) == (operation == .delete) else {
            throw Flaw(text: data == nil ? "it has no data" : "it deletes, and has data")
        }
        guard let time = members[6]?.string else { throw Flaw(text: "it has no time") }
        self.time = time
        mutation = try Self.name(members[7], "mutation")
    }

    private static func name(_ value: JSONValue?, _ member: String) throws(Flaw) -> Name {
        guard let name = value?.utf8.flatMap({ Name($0) }) else {
            throw Flaw(text: "its \(member) is no name")
        }
        return name
    }
}
