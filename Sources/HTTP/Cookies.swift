// Cookies (RFC 6265): read from a request, set by an answer.
// What is set is checked byte by byte: nothing in a cookie can end its field or begin an attribute.

import MizuBytes

extension Request {
    /// The value of the first cookie named `name`, quotes around it left out; nil without one.
    public func cookie(_ name: String) -> String? {
        var found: String?
        var name = name
        name.withUTF8 { wanted in
            let wanted = UnsafeRawBufferPointer(wanted)
            forEachValue(of: "cookie") { value in
                value.forEachPart(UInt8(ascii: ";")) { pair in
                    guard found == nil, let split = pair.firstIndex(of: UInt8(ascii: "=")),
                        pair.part(0..<split).trimmed.elementsEqual(wanted)
                    else { return found == nil }
                    found = Request.unquoted(pair.part(split + 1..<pair.count).trimmed).text
                    return false
                }
            }
        }
        return found
    }

    /// Calls `body` with the value of the first cookie named `name`, quotes around it left out;
    /// with nil without one. No allocation, for what each request is asked. The pointer must not
    /// outlive the call.
    public func withCookie<R>(
        _ name: StaticString, _ body: (UnsafeRawBufferPointer?) -> R
    ) -> R {
        let nameCount = name.utf8CodeUnitCount
        for index in 0..<head.fieldCount {
            let field = head.line(index)
            guard field.name.count == 6,
                field.name.bytes(in: headBytes).equalsIgnoringCase("cookie")
            else { continue }
            let value = field.value.bytes(in: headBytes)
            var start = 0
            while start < value.count {
                var end = start
                while end < value.count, value[end] != UInt8(ascii: ";") { end += 1 }
                let pair = value.part(start..<end).trimmed
                start = end + 1
                guard pair.count > nameCount, pair[nameCount] == UInt8(ascii: "="),
                    pair.part(0..<nameCount).equals(name)
                else { continue }
                return body(Request.unquoted(pair.part(nameCount + 1..<pair.count).trimmed))
            }
        }
        return body(nil)
    }

    private static func unquoted(_ value: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        guard value.count >= 2, value.first == UInt8(ascii: "\""), value.last == value.first
        else { return value }
        return value.part(1..<value.count - 1)
    }
}

/// A cookie to set (RFC 6265 §4.1). By default as narrow as a session cookie should be.
public struct SetCookie: Sendable {
    public var name: String
    public var value: String
    public var path = "/"
    /// Nil for this host alone.
    public var domain: String?
    /// Seconds; nil until the browser closes, 0 deletes it.
    public var maxAgeSeconds: Int?
    public var sameSite = SameSite.lax
    public var attributes: Attributes = [.httpOnly]

    public enum SameSite: String, Sendable {
        case strict = "Strict"
        case lax = "Lax"
        /// Browsers take it only with `.secure`, which is added then.
        case none = "None"
    }

    public struct Attributes: OptionSet, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        /// Sent over TLS only.
        public static let secure = Attributes(rawValue: 1)
        /// Not for scripts.
        public static let httpOnly = Attributes(rawValue: 2)
    }

    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }

    /// The field value.
    /// - Throws: `FieldError` where name, value, path or domain hold what may not stand there.
    func text() throws(FieldError) -> String {
        guard !name.isEmpty, name.utf8.allSatisfy({ $0.has(.token) }) else { throw .badName }
        guard value.utf8.allSatisfy({ $0.has(.cookie) }) else { throw .badValue }
        var text = name + "=" + value
        guard SetCookie.isAttribute(path), path.utf8.first == UInt8(ascii: "/") else {
            throw .badValue
        }
        text += "; Path=" + path
        if let domain {
            guard !domain.isEmpty, domain.utf8.allSatisfy({ $0.has(.hostName) }) else {
                throw .badValue
            }
            text += "; Domain=" + domain
        }
        if let maxAgeSeconds { text += "; Max-Age=\(max(0, maxAgeSeconds))" }
        text += "; SameSite=" + sameSite.rawValue
        if attributes.contains(.secure) || sameSite == .none { text += "; Secure" }
        if attributes.contains(.httpOnly) { text += "; HttpOnly" }
        return text
    }

    /// `av-octets`: visible ASCII and space without the semicolon.
    private static func isAttribute(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ";") }
    }
}

extension Response {
    /// Adds a `Set-Cookie` line; one for each call.
    /// - Throws: `FieldError`; nothing is added then.
    public mutating func set(_ cookie: SetCookie) throws(FieldError) {
        appendField("Set-Cookie", checked: try cookie.text())
    }
}
