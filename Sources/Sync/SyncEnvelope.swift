// What the envelopes of all requests have in common (protocol.md, "Conventions"): one object, a
// version, each protocol key at most once, unknown members ignored but well formed.

import MizuBytes

/// The members of a request's object.
struct SyncEnvelope {
    /// In the order in which they were asked for; nil where missing.
    let found: [JSONValue?]

    /// Reads a body strictly, or, where only nesting or half a surrogate pair is wrong, leniently:
    /// then the fault may be inside one mutation, which is answered in its place.
    static func read(
        _ body: ByteSlice, limits: SyncLimits
    ) throws(Refusal) -> (JSONValue, PushRequest.Reading) {
        guard body.count <= limits.bodyBytesMax else {
            throw .tooLarge("a request has at most \(limits.bodyBytesMax) bytes")
        }
        do {
            return (try JSON.parse(body, depthMax: limits.nestingMax), .strict)
        } catch {
            switch error.reason {
            case .tooDeep, .loneSurrogate: break
            default: throw .invalidRequest(error.description)
            }
        }
        do {
            return (try JSON.parse(body, depthMax: .max, surrogates: .allow), .lenient)
        } catch {
            throw .invalidRequest(error.description)
        }
    }

    /// Reads a body that has no parts to be judged by themselves.
    static func readStrictly(_ body: ByteSlice, limits: SyncLimits) throws(Refusal) -> JSONValue {
        guard body.count <= limits.bodyBytesMax else {
            throw .tooLarge("a request has at most \(limits.bodyBytesMax) bytes")
        }
        do {
            return try JSON.parse(body, depthMax: limits.nestingMax)
        } catch {
            throw .invalidRequest(error.description)
        }
    }

    /// - Parameter members: the last one is judged by its parts where the reading was lenient.
    init(
        _ json: JSONValue, members: [StaticString], _ reading: PushRequest.Reading, nestingMax: Int
    ) throws(Refusal) {
        var parts: [JSONValue?]
        do {
            parts = try json.members(named: members + ["v"])
        } catch {
            throw .invalidRequest(error.description)
        }
        if let version = parts.removeLast(), version.int != 1 {
            throw version.kind == .number
                ? .versionUnsupported("this server speaks version 1")
                : .invalidRequest("v: expected a number")
        }
        if reading == .lenient, let judgedByParts = members.last {
            try Self.check(json, except: judgedByParts, nestingMax: nestingMax)
        }
        found = parts
        names = members
    }

    private let names: [StaticString]

    private static func check(
        _ json: JSONValue, except judgedByParts: StaticString, nestingMax: Int
    ) throws(Refusal) {
        for (key, value) in json.members where !key.equals(judgedByParts) {
            guard key.utf8 != nil else {
                throw .invalidRequest("half a surrogate pair in a member's name")
            }
            do {
                try value.check(depthMax: max(0, nestingMax - 1), surrogates: .refuse)
            } catch {
                throw .invalidRequest(error.description)
            }
        }
    }

    /// The member at `index` as a name, nil if it is missing.
    func name(_ member: String, at index: Int) throws(Refusal) -> Name? {
        guard let json = found[index] else { return nil }
        guard let name = json.utf8.flatMap({ Name($0) }) else {
            throw .invalidRequest("\(member): expected a name")
        }
        return name
    }

    /// The member at `index` as a number of the protocol, nil if it is missing.
    func number(_ member: String, at index: Int) throws(Refusal) -> Int? {
        guard let json = found[index] else { return nil }
        guard let number = json.int else {
            throw .invalidRequest("\(member): expected a whole number from 0 to 2^53 - 1")
        }
        return number
    }

    /// `limit`: at least 1, cut to `max`.
    func limit(at index: Int, default: Int, max: Int) throws(Refusal) -> Int {
        let limit = try number("limit", at: index) ?? `default`
        guard limit >= 1 else { throw .invalidRequest("limit: expected at least 1") }
        return min(limit, max)
    }
}

extension PullRequest {
    /// Reads a pull from a request's body. A missing cursor is 0.
    /// - Throws: 400 `invalid_request` or `version_unsupported`, 413 `too_large`.
    public static func parse(
        _ body: ByteSlice, limits: SyncLimits
    ) throws(Refusal) -> PullRequest {
        try parse(SyncEnvelope.readStrictly(body, limits: limits), limits: limits)
    }

    /// The same from an object that was read strictly.
    public static func parse(
        _ json: JSONValue, limits: SyncLimits
    ) throws(Refusal) -> PullRequest {
        let envelope = try SyncEnvelope(
            json, members: ["scope", "cursor", "epoch", "limit"], .strict,
            nestingMax: limits.nestingMax)
        let scope = try envelope.name("scope", at: 0) ?? .defaultScope
        let cursor = try envelope.number("cursor", at: 1) ?? 0
        // Cursor 0 is not checked, so what is told as its epoch does not matter.
        let epoch = cursor > 0 ? try envelope.name("epoch", at: 2) : nil
        guard cursor == 0 || epoch != nil else {
            throw .invalidRequest("epoch: required with a cursor above 0")
        }
        let limit = try envelope.limit(
            at: 3, default: limits.pullChangesDefault, max: limits.pullChangesMax)
        return PullRequest(scope: scope, cursor: cursor, epoch: epoch, limit: limit)
    }
}

extension SnapshotRequest {
    /// Reads a snapshot's request from its body.
    /// - Throws: 400 `invalid_request` or `version_unsupported`, 413 `too_large`.
    public static func parse(
        _ body: ByteSlice, limits: SyncLimits
    ) throws(Refusal) -> SnapshotRequest {
        try parse(SyncEnvelope.readStrictly(body, limits: limits), limits: limits)
    }

    /// The same from an object that was read strictly.
    public static func parse(
        _ json: JSONValue, limits: SyncLimits
    ) throws(Refusal) -> SnapshotRequest {
        let envelope = try SyncEnvelope(
            json, members: ["scope", "limit", "next"], .strict, nestingMax: limits.nestingMax)
        let scope = try envelope.name("scope", at: 0) ?? .defaultScope
        let limit = try envelope.limit(
            at: 1, default: limits.snapshotRecordsMax, max: limits.snapshotRecordsMax)
        guard let text = envelope.found[2] else {
            return SnapshotRequest(scope: scope, limit: limit, next: nil)
        }
        guard let place = text.utf8.flatMap({ SnapshotPlace(text: $0) }) else {
            throw .invalidRequest("next: expected what a snapshot answered as next")
        }
        return SnapshotRequest(scope: scope, limit: limit, next: place)
    }
}
