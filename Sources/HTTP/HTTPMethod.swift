// Request methods (RFC 9110 §9, RFC 5789). Names are case-sensitive.

/// A method that this server has a name for, or `.other` (its text is in the head's bytes).
public enum HTTPMethod: UInt8, Sendable, CaseIterable {
    case get, head, post, put, delete, patch, options, connect, trace, other

    /// The method's name on the wire; empty for `.other`.
    public var name: StaticString {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .delete: "DELETE"
        case .patch: "PATCH"
        case .options: "OPTIONS"
        case .connect: "CONNECT"
        case .trace: "TRACE"
        case .other: ""
        }
    }

    /// True where asking changes nothing (RFC 9110 §9.2.1).
    public var isSafe: Bool {
        switch self {
        case .get, .head, .options, .trace: true
        case .post, .put, .delete, .patch, .connect, .other: false
        }
    }

    /// The method with exactly these bytes as its name.
    init(_ bytes: UnsafeRawBufferPointer) {
        for method in HTTPMethod.allCases where method != .other {
            if bytes.equals(method.name) {
                self = method
                return
            }
        }
        self = .other
    }
}
