// Media types (RFC 9110 §8.3): those that this server sends, by file name too, and the
// comparison of one that was received.

import MizuBytes

/// The value of a `Content-Type` field.
public struct MediaType: Sendable, Equatable {
    private let value: Value

    // A literal for the common ones, so that an answer needs no memory for it.
    private enum Value: Sendable {
        case literal(StaticString)
        case custom(String)
    }

    /// A type known to the source code.
    public init(_ literal: StaticString) {
        value = .literal(literal)
    }

    /// For values already checked as field values.
    init(checked text: String) {
        value = .custom(text)
    }

    public var text: String {
        switch value {
        case .literal(let text): "\(text)"
        case .custom(let text): text
        }
    }

    /// Bytes of its text.
    @inline(__always)
    var count: Int {
        switch value {
        case .literal(let text): text.utf8CodeUnitCount
        case .custom(let text): text.utf8.count
        }
    }

    /// Calls `body` with the bytes; the pointer must not outlive the call.
    @inline(__always)
    func withBytes(_ body: (UnsafeRawBufferPointer) -> Void) {
        switch value {
        case .literal(let text):
            body(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        case .custom(var text): text.withUTF8 { body(UnsafeRawBufferPointer($0)) }
        }
    }

    public static func == (left: MediaType, right: MediaType) -> Bool { left.text == right.text }

    public static let text = MediaType("text/plain; charset=utf-8")
    public static let html = MediaType("text/html; charset=utf-8")
    public static let css = MediaType("text/css; charset=utf-8")
    public static let javaScript = MediaType("text/javascript; charset=utf-8")
    public static let json = MediaType("application/json")
    public static let svg = MediaType("image/svg+xml")
    public static let octets = MediaType("application/octet-stream")

    /// By the extension behind the last dot of `path`, compared without case.
    public static func of(path: String) -> MediaType {
        let name = path.utf8.split(separator: UInt8(ascii: "/")).last ?? path.utf8[...]
        guard let dot = name.lastIndex(of: UInt8(ascii: ".")) else { return .octets }
        let end = String(decoding: name[name.index(after: dot)...].map(\.lowered), as: UTF8.self)
        switch end {
        case "html", "htm": return .html
        case "css": return .css
        case "js", "mjs": return .javaScript
        case "json", "map": return .json
        case "webmanifest": return MediaType("application/manifest+json")
        case "svg": return .svg
        case "txt", "text": return .text
        case "md": return MediaType("text/markdown; charset=utf-8")
        case "csv": return MediaType("text/csv; charset=utf-8")
        case "xml": return MediaType("application/xml")
        case "png": return MediaType("image/png")
        case "jpg", "jpeg": return MediaType("image/jpeg")
        case "gif": return MediaType("image/gif")
        case "webp": return MediaType("image/webp")
        case "avif": return MediaType("image/avif")
        case "ico": return MediaType("image/x-icon")
        case "woff2": return MediaType("font/woff2")
        case "woff": return MediaType("font/woff")
        case "ttf": return MediaType("font/ttf")
        case "pdf": return MediaType("application/pdf")
        case "wasm": return MediaType("application/wasm")
        case "mp4": return MediaType("video/mp4")
        case "webm": return MediaType("video/webm")
        case "mp3": return MediaType("audio/mpeg")
        case "zip": return MediaType("application/zip")
        case "gz": return MediaType("application/gzip")
        default: return .octets
        }
    }

    /// Whether deflating it can pay: text in some dress, not what is packed already.
    var isCompressible: Bool {
        var answer = false
        withBytes { bytes in
            if bytes.equals("application/json") { return answer = true }
            let essence = MediaType.essence(bytes)
            answer =
                essence.startsIgnoringCase("text/") || essence.equalsIgnoringCase("image/svg+xml")
                || essence.equalsIgnoringCase("application/json")
                || essence.equalsIgnoringCase("application/manifest+json")
                || essence.equalsIgnoringCase("application/xml")
                || essence.equalsIgnoringCase("application/wasm")
        }
        return answer
    }

    /// `type/subtype`, parameters aside (RFC 9110 §8.3.1).
    static func essence(_ value: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let end = value.firstIndex(of: UInt8(ascii: ";")) ?? value.count
        return value.part(0..<end).trimmed
    }
}

extension Request {
    /// Whether the body is of exactly this type, parameters aside and without case: `essence` is
    /// `type/subtype` in lower case. False where `Content-Type` is missing or repeated.
    public func hasMediaType(_ essence: StaticString) -> Bool {
        var (count, matches) = (0, false)
        forEachValue(of: "content-type") { value in
            count += 1
            matches = MediaType.essence(value).equalsIgnoringCase(essence)
        }
        return count == 1 && matches
    }
}
