// An error's answer before it is written: what a page about it may say, and the line that the log
// gets. A value; any thread.

import MizuBytes

/// An error's answer before it is written, as whoever makes pages of errors sees it.
public struct ProblemReport: Sendable {
    public let status: HTTPStatus
    /// Stable and for programs.
    public let code: String
    /// For people.
    public let message: String
    /// What the log knows it by; nil where the error is the request's own and below 500.
    public let requestID: String?
    /// The trace that the caller says it belongs to (`traceparent`).
    public let traceID: String?
    public let method: String
    /// The pattern of the route; nil where none matched.
    public let route: String?
    /// What went wrong inside. Not for strangers.
    public let cause: String?

    public init(
        status: HTTPStatus, code: String, message: String, requestID: String? = nil,
        traceID: String? = nil, method: String, route: String? = nil, cause: String? = nil
    ) {
        self.status = status
        self.code = code
        self.message = message
        self.requestID = requestID
        self.traceID = traceID
        self.method = method
        self.route = route
        self.cause = cause
    }

    /// One line: method, route, id and cause. No path and no query, which may hold secrets.
    public var logLine: String {
        let trace = traceID.map { ", trace \($0)" } ?? ""
        return "\(method) \(route ?? "without a route") failed "
            + "(request \(requestID ?? "-")\(trace)): " + (cause ?? message)
    }

    /// The JSON of an error that has an id.
    /// - Parameter cause: shown to developers only.
    public func json(showing cause: String? = nil) -> ByteSlice {
        var json = ByteBuffer(capacity: 160 + message.utf8.count)
        json.append(literal: "{\"code\":")
        json.appendJSON(string: code)
        json.append(literal: ",\"error\":")
        json.appendJSON(string: message)
        if let requestID {
            json.append(literal: ",\"request_id\":")
            json.appendJSON(string: requestID)
        }
        if let cause {
            json.append(literal: ",\"cause\":")
            json.appendJSON(string: cause)
        }
        json.append(UInt8(ascii: "}"))
        return json.takeSlice()
    }
}
