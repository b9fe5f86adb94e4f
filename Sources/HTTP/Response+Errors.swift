// Refusals in the form that protocol.md gives them, and the fields that go with some.

import MizuBytes

extension Response {
    /// `{"code":"…","error":"…"}` with the error's status.
    public init(_ error: HTTPError) {
        var json = ByteBuffer(capacity: 64 + error.code.utf8.count + error.message.utf8.count)
        json.append("{\"code\":")
        json.appendJSONString(error.code)
        json.append(",\"error\":")
        json.appendJSONString(error.message)
        json.append("}")
        self.init(status: error.status, mediaType: .json, body: .slice(json.takeSlice()))
    }

    /// `Allow` with these methods (RFC 9110 §10.2.1).
    public mutating func setAllow(_ methods: [HTTPMethod]) {
        remove("Allow")
        appendField("Allow", checked: methods.map { "\($0.name)" }.joined(separator: ", "))
    }
}

extension ByteBuffer {
    /// A JSON string (RFC 8259 §7) of text from inside, in quotes.
    mutating func appendJSONString(_ text: String) {
        append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): append("\\\"")
            case UInt8(ascii: "\\"): append("\\\\")
            case 0..<0x20:
                append("\\u00")
                append(UInt8(ascii: "0") + (byte >> 4))
                append(Array("0123456789abcdef".utf8)[Int(byte & 15)])
            default: append(byte)
            }
        }
        append(UInt8(ascii: "\""))
    }
}
