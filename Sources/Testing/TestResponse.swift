// An answer as a test looks at it. What an expectation prints when it fails names the request, the
// status and what the body begins with: `#expect(page.status == 200)` shows all of it.

import Mizu
import MizuBytes

/// A status that knows what it answered, so that an expectation that fails says so.
public struct TestStatus: Sendable, Equatable, ExpressibleByIntegerLiteral,
    CustomStringConvertible
{
    public let code: Int
    private let note: String

    public init(integerLiteral code: Int) { self.init(code, "") }

    init(_ code: Int, _ note: String) {
        self.code = code
        self.note = note
    }

    public static func == (left: TestStatus, right: TestStatus) -> Bool { left.code == right.code }

    public var description: String { note.isEmpty ? "\(code)" : "\(code) (\(note))" }
}

/// What was answered to one request. A value.
public struct TestResponse: Sendable, CustomStringConvertible {
    public let status: TestStatus
    /// In their order, as they were sent.
    public let headers: [(name: String, value: String)]
    public let body: [UInt8]
    /// `GET /notes as ann`.
    public let request: String

    init(
        to request: String, _ code: Int, _ headers: [(name: String, value: String)], _ body: [UInt8]
    ) {
        self.request = request
        self.headers = headers
        self.body = body
        let text = String(decoding: body.prefix(400), as: UTF8.self)
        let rest = body.count > 400 ? "… \(body.count) bytes" : ""
        let location = headers.first { $0.name.lowercased() == "location" }?.value
        status = TestStatus(
            code, request + (location.map { ", to \($0)" } ?? "") + ": " + text + rest)
    }

    /// The body as text.
    public var text: String { String(decoding: body, as: UTF8.self) }

    /// The first field of that name, compared without case; nil without one.
    public func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }

    /// Where the answer sends; on this server as a path.
    public var location: String? {
        header("Location").map { location in
            guard let host = location.firstRange(of: "://localhost") else { return location }
            let path = location[host.upperBound...]
            return path.isEmpty ? "/" : String(path)
        }
    }

    /// The body as JSON.
    /// - Throws: where it is none.
    public func json() throws -> JSONValue { try JSON.parse(ByteSlice(body)) }

    /// The body, decoded from JSON.
    public func decode<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
        try json().decode(type)
    }

    /// The `code` of a refusal; nil where the body says none.
    public var code: String? { (try? json())?.member("code")?.string }

    public var description: String {
        let head = headers.map { "\($0.name): \($0.value)" }.joined(separator: "\n")
        return "\(request)\n\(status.code)\n\(head)\n\n\(text)"
    }
}
