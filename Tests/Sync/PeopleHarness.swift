// A harness whose app has roles, and what tests of people ask of it.

import MizuBytes
import MizuSync
import Testing

extension Harness {
    static let roles = Roles(
        ["owner": .manage, "editor": .write, "reader": .read], creator: "owner")

    /// The code of a mutation's refusal, of its push's, or "ok".
    func does(
        _ user: Name?, _ name: String, _ args: String = "{}", in scope: String = "s",
        id: String? = nil
    ) throws -> String {
        people += 1
        do {
            let result = try mutate(
                id ?? "p\(people)", name, args, user: user, scope: scope)
            return result.string("code") ?? "ok"
        } catch let refusal as Refusal {
            return refusal.code
        }
    }

    func grants(
        _ user: Name, _ other: Name, _ role: String, in scope: String = "s"
    ) throws -> String {
        try does(user, "person.grant", #"{"user":"\#(other)","role":"\#(role)"}"#, in: scope)
    }

    func revokes(_ user: Name, _ other: Name, in scope: String = "s") throws -> String {
        try does(user, "person.revoke", #"{"user":"\#(other)"}"#, in: scope)
    }

    /// Makes a push of the server itself.
    func serve(_ name: Name, _ args: String = "{}", in scope: Name, id: Name) throws -> String {
        let args = Arguments(try JSON.parse(ByteSlice(args)))
        let push = PushRequest(
            scope: scope, mutations: [PushedMutation(id: id, name: name, args: args)],
            authority: .server)
        let answer = try #require(try commit([push]).first).get()
        return answer.member("results")?.elements.first { _ in true }?.string("code") ?? "ok"
    }

    /// Records of an entity by id, as a reader sees them.
    func records(_ entity: Name, in scope: Name) throws -> [String: String] {
        var found: [String: String] = [:]
        let reader = try #require(reader)
        try reader.beginReading(of: scope)
        defer { reader.endReading() }
        try reader.visitRecords(of: entity, in: scope) { id, json in
            found[id.string] = json.string
            return .next
        }
        return found
    }

    /// Roles of a scope by user.
    func roles(of scope: Name) throws -> [String: String] {
        try records(GrantRecord.entity, in: scope).compactMapValues { json in
            try JSON.parse(ByteSlice(json)).string("role")
        }
    }

    /// Roles of a user by scope, as their own scope has them.
    func scopes(of user: Name) throws -> [String: String] {
        let list = try #require(Name.userScope(of: user))
        return try records(ScopeRecord.entity, in: list).compactMapValues { json in
            try JSON.parse(ByteSlice(json)).string("role")
        }
    }

    /// What was counted of a scope change by change is what is there.
    func checkSums(of scope: Name) throws {
        let reader = try #require(reader)
        try reader.beginReading(of: scope)
        defer { reader.endReading() }
        let state = try reader.scopeState(scope)
        var (count, bytes, checksum) = (0, 0, ScopeChecksum.empty)
        try reader.visitRecords(in: scope, after: nil) { key, record in
            count += 1
            bytes += record.json.count + key.entity.bytes.count + key.id.bytes.count
            checksum.add(key, version: record.version)
            return .next
        }
        #expect(state.recordCount == count, "\(scope): records")
        #expect(state.byteCount == bytes, "\(scope): bytes")
        #expect(state.checksum == checksum, "\(scope): checksum")
        var (cursor, logBytes) = (state.base, 0)
        try reader.visitLog(of: scope, after: state.base) { entry in
            #expect(entry.first == cursor + 1, "\(scope): a gap")
            cursor = entry.last
            logBytes += entry.changeByteCount
            return .next
        }
        #expect(cursor == state.head.cursor, "\(scope): the log's end")
        #expect(state.logByteCount == logBytes, "\(scope): the log's bytes")
        if let head = tail.head(scope) {
            #expect(head.position.cursor == state.head.cursor, "\(scope): the tail's end")
            #expect(head.checksum == state.checksum, "\(scope): the tail's checksum")
        }
    }
}
