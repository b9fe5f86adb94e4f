// Writes an answer in wire form (RFC 9112 §4, §6.3, §9.3; RFC 9110 §6.6.1, §8.6). The one place
// that decides framing: status line, Date, Content-Length, Connection.
// Owns nothing; allocates nothing where the output has room and the body is small.

import MizuBytes

/// What the writer must know of the request that is answered.
public struct ResponseContext: Sendable {
    public var method: HTTPMethod
    public var minorVersion: UInt8
    /// What the request allows; the answer may still say close.
    public var persistence: Persistence
    public var defaults: SafeDefaults
    /// Which lines for pages of other origins are added.
    public var crossOrigin: CrossOrigin.Lines = 0

    public enum Persistence: Sendable, Equatable {
        case keepAlive, close
        /// The client asked for it by name: it is told so, and for how long.
        case keepAliveTold
    }

    public init(
        method: HTTPMethod, minorVersion: UInt8, persistence: Persistence,
        defaults: SafeDefaults = .web
    ) {
        self.method = method
        self.minorVersion = minorVersion
        self.persistence = persistence
        self.defaults = defaults
    }

    /// For the request `head`.
    @inlinable
    public init(_ head: RequestHead, defaults: SafeDefaults = .web) {
        self.init(
            method: head.method, minorVersion: head.minorVersion,
            persistence: head.keepsAlive
                ? head.saysKeepAlive ? .keepAliveTold : .keepAlive : .close,
            defaults: defaults)
    }

    /// For bytes that were no request: the answer is HTTP/1.1 and the last one.
    public static let refused = ResponseContext(
        method: .other, minorVersion: 1, persistence: .close)
}

/// What is left to do after the head is written.
public struct WrittenResponse: Sendable {
    /// The body was not copied: it is to be queued behind the output.
    public var owesBody: Bool
    /// What was promised to the peer.
    public var persistence: ResponseContext.Persistence

    public init(owesBody: Bool, persistence: ResponseContext.Persistence) {
        self.owesBody = owesBody
        self.persistence = persistence
    }
}

/// The `Date` of answers (RFC 9110 §6.6.1), with what nearly every answer has around it, so that
/// both are one copy. Made once a second. Cannot be copied, so that no answer pays for a reference
/// to it.
public struct ResponseDate: Sendable, ~Copyable {
    private let bytes: [UInt8]
    private let successCount: Int

    /// From the status line of a 200 to `Content-Length: `.
    @inline(__always)
    func withSuccessHead(_ body: (UnsafeRawBufferPointer) -> Void) {
        bytes.withUnsafeBytes { body($0.part(0..<successCount)) }
    }

    /// What who said `Connection: keep-alive` is told: the same, and after how many seconds without
    /// a request the connection ends. A balancer that reads it lets go before we do. Clients that
    /// do not ask by name are not told: HTTP/1.1 keeps connections anyway, and 50 bytes more in
    /// each answer would be for nobody. Both lines, because the field is one hop's (RFC 9110
    /// §7.6.1).
    func withKeepAlive(_ body: (UnsafeRawBufferPointer) -> Void) {
        bytes.withUnsafeBytes { body($0.part(successCount..<$0.count)) }
    }

    static let start: StaticString = "HTTP/1.1 200 OK\r\nDate: "

    /// - Parameter idleSeconds: how long a connection may idle; nil is not told.
    public init(secondsSince1970 seconds: Int, idleSeconds: Int? = nil) {
        var told = "Connection: keep-alive\r\n"
        if let idleSeconds { told += "Keep-Alive: timeout=\(idleSeconds)\r\n" }
        var head = ByteBuffer(capacity: 96)
        head.append(Self.start)
        head.append(HTTPDate.text(secondsSince1970: seconds))
        head.append(literal: "\r\nContent-Length: ")
        bytes = [UInt8](head.readable) + Array(told.utf8)
        successCount = head.count
    }

    /// The 29 bytes of the date.
    @inline(__always)
    var range: Range<Int> {
        Self.start.utf8CodeUnitCount..<Self.start.utf8CodeUnitCount + HTTPDate.byteCount
    }
}

public enum ResponseWriter {
    /// Bodies up to this many bytes are copied behind their head, so that one write sends both.
    public static let copiedBytesMax = 4_096

    /// Bytes that the lines of `writeHead` take at most, media type and handler's fields aside:
    /// status line 44, Date 37, Content-Length 38, Content-Type 16, Connection 28, Keep-Alive 40.
    static let headBytesMax = 256

    /// Appends `response`, which is no stream, to `output`.
    /// - Returns: whether the body is too large to copy, and whether the connection goes on.
    @inline(__always)
    public static func write(
        _ response: Response, for context: ResponseContext,
        date: borrowing ResponseDate, into output: inout ByteBuffer
    ) -> WrittenResponse {
        write(
            response, ofCount: response.body.count, isStream: false, for: context, date: date,
            into: &output)
    }

    /// Appends the head of `response`, whose body is made while it is sent, to `output`.
    /// - Parameter count: bytes of the body; nil: not known.
    @inline(never)
    public static func writeHead(
        _ response: Response, ofCount count: Int?, for context: ResponseContext,
        date: borrowing ResponseDate, into output: inout ByteBuffer
    ) -> WrittenResponse {
        write(
            response, ofCount: count, isStream: true, for: context, date: date, into: &output)
    }

    @inline(__always)
    private static func write(
        _ response: Response, ofCount bodyCount: Int?, isStream: Bool,
        for context: ResponseContext, date: borrowing ResponseDate, into output: inout ByteBuffer
    ) -> WrittenResponse {
        let closes = context.persistence == .close || response.connection == .close
        let hasContent = !response.status.isAlwaysWithoutContent
        let sendsBody = hasContent && context.method != .head
        let copied = isStream || !sendsBody ? Int.max : bodyCount ?? Int.max
        let copies = copied <= copiedBytesMax
        output.reserve(
            headBytesMax + (response.mediaType?.count ?? 0) + response.fields.count
                + (copies ? copied : 0))
        var cursor = OutputCursor(output.writable)
        writeHead(
            of: response, for: context, date: date, closes: closes, hasContent: hasContent,
            bodyCount: bodyCount, to: &cursor)
        output.advance(written: cursor.written)
        context.defaults.write(for: response, into: &output)
        output.append(literal: "\r\n")
        if copies { append(response.body, to: &output) }
        return WrittenResponse(
            owesBody: sendsBody && !copies, persistence: closes ? .close : .keepAlive)
    }

    @inline(__always)
    private static func writeHead(
        of response: Response, for context: ResponseContext, date: borrowing ResponseDate,
        closes: Bool, hasContent: Bool, bodyCount: Int?, to cursor: inout OutputCursor
    ) {
        let length = hasContent ? bodyCount : nil
        if response.status.code == 200, length != nil {
            date.withSuccessHead { cursor.append($0) }
        } else {
            writeStatusAndDate(response.status, date, withLength: length != nil, to: &cursor)
        }
        if let length {
            cursor.append(decimal: length)
        } else if hasContent, context.minorVersion > 0 {
            // Chunks say where it ends (RFC 9112 §7.1); to HTTP/1.0 the connection's end does.
            cursor.append("\r\nTransfer-Encoding: chunked")
        }
        if let mediaType = response.mediaType, hasContent {
            cursor.append("\r\nContent-Type: ")
            mediaType.withBytes { cursor.append($0) }
        }
        cursor.append("\r\n")
        if response.status == .upgradeRequired {
            cursor.append(
                closes ? "Connection: upgrade, close\r\n" : "Connection: upgrade\r\n")
        } else if closes {
            cursor.append("Connection: close\r\n")
        } else if context.persistence == .keepAliveTold {
            date.withKeepAlive { cursor.append($0) }
        }
        if !response.fields.isEmpty {
            response.fields.withUnsafeBytes { cursor.append($0) }
        }
    }

    /// HTTP/1.1 also to an HTTP/1.0 client: the version says what this server can (§2.3).
    private static func writeStatusAndDate(
        _ status: HTTPStatus, _ date: borrowing ResponseDate, withLength: Bool,
        to cursor: inout OutputCursor
    ) {
        cursor.append("HTTP/1.1 ")
        cursor.append(decimal: Int(status.code))
        cursor.append(" ")
        cursor.append(status.reason)
        cursor.append("\r\nDate: ")
        let range = date.range
        date.withSuccessHead { cursor.append($0.part(range)) }
        if withLength { cursor.append("\r\nContent-Length: ") }
    }

    @inline(__always)
    private static func append(_ body: Response.Body, to output: inout ByteBuffer) {
        switch body {
        case .empty, .stream: break
        case .slice(let slice): slice.withUnsafeBytes { output.append($0) }
        case .slices(let slices):
            for slice in slices { output.append(slice) }
        }
    }

    /// `HTTP/1.1 100 Continue` (RFC 9110 §15.2.1), to be sent before a body is read.
    public static func writeContinue(into output: inout ByteBuffer) {
        output.append(literal: "HTTP/1.1 100 Continue\r\n\r\n")
    }
}
