// What the envelopes of all requests have in common (protocol.md, "Conventions"): one object, a
// version, each protocol key at most once, unknown members ignored but well formed.

import MizuBytes

/// JSON that may hold a push, scanned once: strictly, and only if nesting or half a surrogate pair
/// is wrong once more and leniently, because then the fault may be inside one mutation, which is
/// answered in its place.
public struct ScannedJSON: Sendable {
    public let json: JSONValue
    /// What is wrong in it, if it was scanned leniently.
    public let fault: JSONError?

    public var reading: PushRequest.Reading { fault == nil ? .strict : .lenient }

    /// - Parameter nestingMax: containers in each other, beyond which there is a fault.
    /// - Throws: what is wrong with it in both ways.
    public init(_ text: ByteSlice, nestingMax: Int) throws(JSONError) {
        do {
            json = try JSON.parse(text, depthMax: nestingMax)
            fault = nil
        } catch {
            switch error.reason {
            case .tooDeep, .loneSurrogate: break
            default: throw error
            }
            json = try JSON.parse(text, depthMax: .max, surrogates: .allow)
            fault = error
        }
    }
}

/// The members of a request's object.
public struct SyncEnvelope {
    /// In the order in which they were asked for; nil where missing.
    let found: [JSONValue?]

    /// Reads the body of a push.
    static func read(_ body: ByteSlice, limits: SyncLimits) throws(Refusal) -> ScannedJSON {
        guard body.count <= limits.bodyBytesMax else {
            throw .tooLarge("a request has at most \(limits.bodyBytesMax) bytes")
        }
        do {
            return try ScannedJSON(body, nestingMax: limits.nestingMax)
        } catch {
            throw .invalidRequest(error.description)
        }
    }

    /// Checks the member `v` of a request or message; it may be missing.
    /// - Throws: `version_unsupported`, or `invalid_request` if it is no number.
    public static func check(version: JSONValue?) throws(Refusal) {
        guard let version, version.int != 1 else { return }
        throw version.kind == .number
            ? .versionUnsupported("this server speaks version 1")
            : .invalidRequest("v: expected a number")
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

    /// - Parameter members: `v` is the last one; the one before it is judged by its parts where the
    ///   reading was lenient.
    init(
        _ json: JSONValue, members: [StaticString], _ reading: PushRequest.Reading, nestingMax: Int
    ) throws(Refusal) {
        var parts: [JSONValue?]
        do {
            parts = try json.members(named: members)
        } catch {
            throw .invalidRequest(error.description)
        }
        try Self.check(version: parts.removeLast())
        if reading == .lenient, let judgedByParts = members.dropLast().last {
            try Self.check(json, except: judgedByParts, nestingMax: nestingMax)
        }
        found = parts
    }

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
        guard let name = Name(json) else {
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
    private static let members: [StaticString] = ["scope", "cursor", "epoch", "limit", "v"]

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
            json, members: Self.members, .strict, nestingMax: limits.nestingMax)
        let scope = try envelope.name("scope", at: 0) ?? .defaultScope
        let position =
            try Position.read(cursor: envelope.found[1], epoch: envelope.found[2]) ?? .start
        let limit = try envelope.limit(
            at: 3, default: limits.pullChangesDefault, max: limits.pullChangesMax)
        return PullRequest(scope: scope, after: position, limit: limit)
    }
}

extension SnapshotRequest {
    private static let members: [StaticString] = ["scope", "limit", "next", "v"]

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
            json, members: Self.members, .strict, nestingMax: limits.nestingMax)
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
