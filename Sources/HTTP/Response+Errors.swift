// Refusals in the form that protocol.md gives them, and the fields that go with some.

import MizuBytes

extension Response {
    /// `{"code":"…","error":"…"}` with the error's status. `no-store`: a 404 or 410 may be cached
    /// where nothing is said (RFC 9111 §4.2.2), and what is refused now may be there next time.
    public init(_ error: HTTPError) {
        var json = ByteBuffer(capacity: 64 + error.code.utf8.count + error.message.utf8.count)
        json.append(literal: "{\"code\":")
        json.appendJSON(string: error.code)
        json.append(literal: ",\"error\":")
        json.appendJSON(string: error.message)
        json.append(literal: "}")
        self.init(status: error.status, mediaType: .json, body: .slice(json.takeSlice()))
        forbidCaching()
        problem = Problem(code: error.code, message: error.message)
    }

    /// `Allow` with these methods (RFC 9110 §10.2.1).
    public mutating func setAllow(_ methods: [HTTPMethod]) {
        remove("Allow")
        appendField("Allow", checked: methods.map { "\($0.name)" }.joined(separator: ", "))
    }
}
