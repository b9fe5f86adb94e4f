// Reads the envelope of a push (protocol.md, "POST /_sync/push") in place. What is wrong with the
// envelope refuses the push and says where; what is wrong inside one mutation only becomes that
// mutation's verdict. Pure: runs on a worker's thread, before any committer is bothered.

import MizuBytes

extension PushRequest {
    /// How the JSON that holds a push was read.
    public enum Reading: Sendable {
        /// With `JSON.parse` at `SyncLimits.nestingMax`, lone surrogates refused.
        case strict
        /// With any nesting and with lone surrogates: each part is checked here by itself.
        case lenient
    }

    /// Reads a push from a request's body. O(n); the result holds on to `body`.
    /// - Throws: 400 `invalid_request` or `version_unsupported`, 413 `too_large`.
    public static func parse(
        _ body: ByteSlice, limits: SyncLimits
    ) throws(Refusal) -> PushRequest {
        let scanned = try SyncEnvelope.read(body, limits: limits)
        return try parse(scanned.json, scanned.reading, limits: limits)
    }

    /// The mutations come last but for the version: they alone are judged by their parts.
    private static let members: [StaticString] = ["scope", "client", "user", "mutations", "v"]

    /// Reads a push from an object that has been read already, such as a message on /ws.
    public static func parse(
        _ json: JSONValue, _ reading: Reading, limits: SyncLimits
    ) throws(Refusal) -> PushRequest {
        let envelope = try SyncEnvelope(
            json, members: Self.members, reading, nestingMax: limits.nestingMax)
        let scope = try envelope.name("scope", at: 0)
        let client = try envelope.name("client", at: 1)
        let claimedUser = try envelope.name("user", at: 2)
        guard let array = envelope.found[3], array.kind == .array else {
            throw .invalidRequest("mutations: expected an array")
        }
        var parser = MutationParser(
            reading, limits: limits, scope: scope, client: client,
            // About as many as there can be in so many bytes.
            expected: min(limits.pushMutationsMax, 1 + array.bytes.count / 100))
        var elements = JSONObjects(array, membersNamed: MutationParser.members)
        while try parser.take(&elements) == .goOn {}
        var push = PushRequest(
            scope: parser.scope ?? .defaultScope, client: parser.client,
            mutations: parser.mutations)
        push.claimedUser = claimedUser
        return push
    }
}

/// Reads mutation after mutation and sees to it that all are of one scope and one client.
private struct MutationParser {
    private let reading: PushRequest.Reading
    private let limits: SyncLimits
    private let envelopeScope: Name?
    private let envelopeClient: Name?
    /// What the envelope says, or else the first mutation; the others must agree.
    private(set) var scope: Name?
    private(set) var client: Name?
    private(set) var mutations: [PushedMutation] = []
    /// What the last mutation does: most do the same as the one before.
    private var lastName: Name?

    static let members: [StaticString] = ["id", "name", "args", "scope", "client", "time"]

    init(
        _ reading: PushRequest.Reading, limits: SyncLimits, scope: Name?, client: Name?,
        expected: Int
    ) {
        mutations.reserveCapacity(expected)
        self.reading = reading
        self.limits = limits
        envelopeScope = scope
        envelopeClient = client
        self.scope = scope
        self.client = client
    }

    enum Progress { case goOn, done }

    /// Reads the next mutation, if there is one.
    mutating func take(_ elements: inout JSONObjects) throws(Refusal) -> Progress {
        let index = mutations.count
        let element: JSONValue?
        do {
            element = try elements.next()
        } catch {
            // Nothing of what is too much is looked at.
            guard index < limits.pushMutationsMax else { throw tooMany }
            throw .invalidRequest("mutations[\(index)]: \(error.reason)")
        }
        guard let json = element else { return .done }
        guard index < limits.pushMutationsMax else { throw tooMany }
        let parts = elements.found
        guard let id = parts[0].flatMap({ Name($0) }) else {
            throw .invalidRequest("mutations[\(index)].id: expected a name")
        }
        let scope = try name(parts[3], "scope", at: index) ?? envelopeScope ?? .defaultScope
        let client = try name(parts[4], "client", at: index) ?? envelopeClient
        if index == 0 {
            self.scope = envelopeScope ?? scope
            self.client = envelopeClient ?? client
        }
        guard scope == self.scope, client == self.client else {
            throw .invalidRequest("mutations[\(index)]: one push is of one scope and one client")
        }
        var content = content(json, name: parts[1], args: parts[2])
        var edited: Int64?
        if let time = parts[5] {
            edited = milliseconds(time)
            if edited == nil, case .ready = content {
                content = .faulty(.invalid("time: expected a time of RFC 3339"))
            }
        }
        mutations.append(
            PushedMutation(
                id: id, content: content, name: parts[1]?.bytes, args: parts[2]?.bytes,
                editedMilliseconds: edited))
        return .goOn
    }

    private var tooMany: Refusal {
        .tooLarge("a push has at most \(limits.pushMutationsMax) mutations")
    }

    private func name(
        _ json: JSONValue?, _ member: String, at index: Int
    ) throws(Refusal) -> Name? {
        guard let json else { return nil }
        guard let name = Name(json) else {
            throw .invalidRequest("mutations[\(index)].\(member): expected a name")
        }
        return name
    }

    private func milliseconds(_ json: JSONValue) -> Int64? {
        guard let text = json.plainContent.map({ json.bytes[$0] }) ?? json.utf8 else { return nil }
        return text.withUnsafeBytes { RFC3339.milliseconds($0) }.map { Int64($0) }
    }

    private mutating func content(
        _ json: JSONValue, name: JSONValue?, args: JSONValue?
    ) -> PushedMutation.Content {
        if reading == .lenient {
            do {
                // The push's object and the array are two containers around each mutation.
                try json.check(depthMax: max(0, limits.nestingMax - 2), surrogates: .refuse)
            } catch {
                return .faulty(.invalid("\(error.reason)"))
            }
        }
        guard let name = name.flatMap({ self.name($0) }) else {
            return .faulty(.invalid("name: expected a name"))
        }
        guard let args else { return .ready(name: name, args: .none) }
        guard args.kind == .object else {
            return .faulty(.invalid("args: expected an object"))
        }
        return .ready(name: name, args: Arguments(args))
    }
}

extension MutationParser {
    private mutating func name(_ json: JSONValue) -> Name? {
        if let lastName, lastName.isPlain(in: json) { return lastName }
        lastName = Name(json)
        return lastName
    }
}

extension Arguments {
    /// What a mutation without `args` has: `{}`.
    static let none = Arguments(JSONValue(validated: ByteSlice(literal: "{}")))
}
