// What became of a push, and what a pull brought, as a test looks at it: the answer of the wire,
// with names for what tests ask most.

import Mizu
import MizuBytes

/// What became of one mutation. A value.
public struct TestOutcome: Sendable, CustomStringConvertible {
    /// The mutation's result on the wire (protocol.md, "Push"); where the push was refused as a
    /// whole, that refusal.
    public let json: JSONValue
    /// Of the whole answer: 200 also where the mutation was refused.
    public let status: TestStatus
    private let title: String

    init(_ title: String, status: TestStatus, _ json: JSONValue) {
        self.title = title
        self.status = status
        self.json = json
    }

    /// Of an answer to a push with one mutation.
    init(_ title: String, _ response: TestResponse) throws(TestError) {
        guard let json = try? response.json() else { throw TestError("no JSON: \(response)") }
        let results = json.member("results")
        self.init(
            title, status: response.status, results?.elements.first { _ in true } ?? json)
    }

    /// Whether it was applied, now or before.
    public var isApplied: Bool { json.member("ok")?.bool == true }
    /// Whether it had been decided before.
    public var isDuplicate: Bool { json.member("duplicate")?.bool == true }
    /// Why it was refused, for programs: `conflict`, `scope_denied`; nil where it was applied.
    public var code: String? { json.member("code")?.string }
    /// The same for people.
    public var error: String? { json.member("error")?.string }
    /// The cursor of its scope behind it.
    public var cursor: Int? { json.member("cursor")?.int }
    /// What it did, in order; empty for a duplicate.
    public var changes: [TestChange] {
        (json.member("changes")?.elements).map { $0.map(TestChange.init) } ?? []
    }

    /// The record after its last change, decoded.
    /// - Throws: where it changed none, deleted it, or left something else.
    public func record<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
        guard let data = changes.last?.data else { throw TestError("no record: \(self)") }
        return try data.decode(type)
    }

    public var description: String {
        "\(title): \(String(decoding: json.bytes.array, as: UTF8.self))"
    }
}

/// One change of a scope's log.
public struct TestChange: Sendable, CustomStringConvertible {
    /// As on the wire (protocol.md, "Pull").
    public let json: JSONValue

    init(_ json: JSONValue) { self.json = json }

    public var cursor: Int { json.member("cursor")?.int ?? 0 }
    public var entity: String { json.member("entity")?.string ?? "" }
    public var id: String { json.member("id")?.string ?? "" }
    /// `create`, `update` or `delete`.
    public var operation: String { json.member("op")?.string ?? "" }
    /// The whole record after it; nil where it was deleted.
    public var data: JSONValue? { json.member("data") }

    public var description: String { String(decoding: json.bytes.array, as: UTF8.self) }
}

/// What a pull brought: all pages, or the first refusal. A value.
public struct TestPull: Sendable, CustomStringConvertible {
    /// Of the last page.
    public let status: TestStatus
    /// Of a refusal: `scope_denied`.
    public let code: String?
    public private(set) var changes: [TestChange] = []
    /// Where the next pull goes on.
    public let cursor: Int?
    public let epoch: String?

    init(_ response: TestResponse, behind changes: [TestChange]) {
        let json = try? response.json()
        status = response.status
        code = json?.member("code")?.string
        cursor = json?.member("next_cursor")?.int
        epoch = json?.member("epoch")?.string
        self.changes = changes + Self.changes(of: json)
    }

    private static func changes(of json: JSONValue?) -> [TestChange] {
        (json?.member("changes")?.elements).map { $0.map(TestChange.init) } ?? []
    }

    /// What the changes leave of one kind of records, by id, decoded. From cursor 0 that is all
    /// that the scope has.
    public func records<Value: Decodable>(
        of entity: String, as type: Value.Type = Value.self
    ) throws -> [String: Value] {
        var left: [String: JSONValue] = [:]
        for change in changes where change.entity == entity { left[change.id] = change.data }
        return try left.mapValues { try $0.decode(type) }
    }

    public var description: String {
        "\(status): \(changes.map(\.description).joined(separator: "\n"))"
    }
}
