// The mutations that the tests push: enough to make every outcome that protocol.md names.

import MizuBytes
import MizuSync

struct TestMutator: Mutator {
    struct Note: Codable {
        var id: String
        var text: String?
        var count: Int?
    }

    func apply(_ mutation: Mutation, to store: inout Transaction) throws(Rejection) {
        switch mutation.name {
        case "note.create":
            let note = try mutation.args.decode(Note.self)
            try store.create("note", id: note.id, note)
        case "note.put":
            let note = try mutation.args.decode(Note.self)
            try store.put("note", id: note.id, note)
        case "note.update":
            let note = try mutation.args.decode(Note.self)
            try store.update("note", id: note.id, note)
        case "note.delete":
            try store.delete("note", id: try mutation.args.decode(Note.self).id)
        case "note.add":
            // Not idempotent: applied twice, it counts twice.
            let args = try mutation.args.decode(Note.self)
            var note = try store.get("note", id: args.id, as: Note.self) ?? Note(id: args.id)
            note.count = (note.count ?? 0) + 1
            try store.put("note", id: args.id, note)
        case "note.nothing":
            break
        case "note.forbidden":
            throw .forbidden
        case "note.times":
            let times = "\(mutation.edited) \(mutation.time) \(mutation.role ?? "")"
            try store.put("note", id: "times", Note(id: "times", text: times))
        case "person.grant", "person.revoke", "person.invite", "person.withdraw", "person.list":
            try applyToPeople(mutation, to: &store)
        default:
            try applyOdd(mutation, to: &store)
        }
    }

    /// What the framework has for mutators, as they are.
    private func applyToPeople(
        _ mutation: Mutation, to store: inout Transaction
    ) throws(Rejection) {
        struct Person: Decodable {
            var user: Name?
            var role: String?
            var name: String?
            var key: String?
            var uses: Int?
            var until: Int64?
        }
        let args = try mutation.args.decode(Person.self)
        switch mutation.name {
        case "person.grant":
            try store.grant(args.user ?? "_", role: args.role ?? "", name: args.name)
        case "person.revoke":
            try store.revoke(args.user ?? "_")
        case "person.invite":
            try store.invite(
                key: args.key ?? "", role: args.role ?? "", uses: args.uses ?? 1,
                untilMilliseconds: args.until)
        case "person.withdraw":
            guard let key = args.key else { return try store.withdrawInvitations() }
            try store.withdrawInvitation(key: key)
        default:
            let members = try store.members().map { "\($0.user)=\($0.role)" }
            let own = try mutation.user.flatMap { (user) throws(Rejection) in
                try store.role(of: user)
            }
            let text = members.joined(separator: " ") + ";" + (own ?? "")
            try store.put("note", id: "people", Note(id: "people", text: text))
        }
    }

    /// What mutators should not do, or do at the limits.
    private func applyOdd(
        _ mutation: Mutation, to store: inout Transaction
    ) throws(Rejection) {
        switch mutation.name {
        case "odd.many":
            let count = try mutation.args.decode(Note.self).count ?? 0
            for index in 0..<count { try store.put("many", id: "m\(index)", Note(id: "m\(index)")) }
        case "odd.swallow":
            // Writes, meets a conflict, and goes on as if nothing had been.
            let note = try mutation.args.decode(Note.self)
            try store.put("note", id: note.id, note)
            do { try store.create("note", id: note.id, note) } catch {}
        case "odd.swallowLimit":
            try store.put("note", id: "kept", Note(id: "kept"))
            do { try store.put("note", id: "large", json: Self.large) } catch {}
        case "odd.thrice":
            for text in ["a", "b", "c"] {
                try store.put("note", id: "same", Note(id: "same", text: text))
            }
        case "odd.writeThenThrow":
            try store.put("note", id: "lost", Note(id: "lost"))
            throw .invalid("after writing")
        case "odd.lenient":
            struct Other: Decodable { var id: Int }
            do {
                _ = try store.get("note", id: "n", as: Note.self)
            } catch {
                guard try store.get("note", id: "n", as: Other.self) != nil else { throw error }
            }
        case "odd.grantMyself":
            let grant = JSONValue(validated: ByteSlice(literal: "{\"role\":\"owner\"}"))
            try store.put("mizu.grant", id: mutation.user?.string ?? "_", json: grant)
        case "odd.clear":
            for (id, _) in try store.list("note") { try store.delete("note", id: id.string) }
        default:
            throw .unknownMutation
        }
    }

    static let large = JSONValue(
        validated: ByteSlice(
            Array("{\"x\":\"".utf8) + [UInt8](repeating: 0x61, count: 262_144)
                + Array("\"}".utf8)))
}
