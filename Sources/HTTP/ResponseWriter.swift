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

    public enum Persistence: Sendable, Equatable {
        case keepAlive, close
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
            persistence: head.keepsAlive ? .keepAlive : .close, defaults: defaults)
    }

    /// For bytes that were no request: the answer is HTTP/1.1 and the last one.
    public static let refused = ResponseContext(
        method: .other, minorVersion: 1, persistence: .close)
}

/// What is left to do after the head is written.
public struct WrittenResponse: Sendable {
    /// The part of the body that was not copied, to be queued behind the output.
    public var rest: Response.Body
    /// What was promised to the peer.
    public var persistence: ResponseContext.Persistence
}

public enum ResponseWriter {
    /// Bodies up to this many bytes are copied behind their head, so that one write sends both.
    public static let copiedBytesMax = 4_096

    /// Appends `response` to `output`.
    /// - Parameter date: the 29 bytes of an IMF-fixdate, made once a second.
    /// - Returns: the body where it is too large to copy, and whether the connection goes on.
    public static func write(
        _ response: Response, for context: ResponseContext, date: UnsafeRawBufferPointer,
        into output: inout ByteBuffer
    ) -> WrittenResponse {
        let closes = context.persistence == .close || response.connection == .close
        output.reserve(512 + response.fields.count)
        writeStatusAndDate(response.status, date, into: &output)
        let bodyCount = response.body.count
        let hasContent = !response.status.isAlwaysWithoutContent
        if hasContent { writeLength(bodyCount, into: &output) }
        if let mediaType = response.mediaType, hasContent {
            output.append(literal: "\r\nContent-Type: ")
            if let bytes = mediaType.literalBytes {
                output.append(bytes)
            } else {
                output.append(mediaType.text)
            }
        }
        output.append(literal: "\r\n")
        writeConnection(response, context, closes: closes, into: &output)
        if !response.fields.isEmpty { output.append(response.fields) }
        context.defaults.write(for: response, into: &output)
        output.append(literal: "\r\n")
        let rest: Response.Body =
            hasContent && context.method != .head
            ? copySmall(response.body, count: bodyCount, into: &output) : .empty
        return WrittenResponse(rest: rest, persistence: closes ? .close : .keepAlive)
    }

    /// `HTTP/1.1 100 Continue` (RFC 9110 §15.2.1), to be sent before a body is read.
    public static func writeContinue(into output: inout ByteBuffer) {
        output.append(literal: "HTTP/1.1 100 Continue\r\n\r\n")
    }

    @inline(__always)
    private static func writeStatusAndDate(
        _ status: HTTPStatus, _ date: UnsafeRawBufferPointer, into output: inout ByteBuffer
    ) {
        precondition(date.count == HTTPDate.byteCount, "a Date field has 29 bytes")
        // HTTP/1.1 also to an HTTP/1.0 client: the version says what this server can (§2.3).
        if status.code == 200 {
            output.append(literal: "HTTP/1.1 200 OK\r\nDate: ")
        } else {
            output.append(literal: "HTTP/1.1 ")
            output.append(decimal: Int(status.code))
            output.append(ASCIIByte.space)
            output.append(status.reason)
            output.append(literal: "\r\nDate: ")
        }
        output.append(date)
    }

    /// Ends the Date line, too: two literals in one.
    @inline(__always)
    private static func writeLength(_ count: Int, into output: inout ByteBuffer) {
        output.append(literal: "\r\nContent-Length: ")
        if count < 10 {
            output.append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: count))
        } else if count < 100 {
            // Most small answers; the general way costs a loop for each digit, twice.
            output.append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: count / 10))
            output.append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: count % 10))
        } else {
            output.append(decimal: count)
        }
    }

    @inline(__always)
    private static func writeConnection(
        _ response: Response, _ context: ResponseContext, closes: Bool,
        into output: inout ByteBuffer
    ) {
        if response.status == .upgradeRequired {
            output.append(
                literal: closes
                    ? "Connection: upgrade, close\r\n" : "Connection: upgrade\r\n")
        } else if closes {
            output.append(literal: "Connection: close\r\n")
        } else if context.minorVersion == 0 {
            output.append(literal: "Connection: keep-alive\r\n")
        }
    }

    @inline(__always)
    private static func copySmall(
        _ body: Response.Body, count: Int, into output: inout ByteBuffer
    ) -> Response.Body {
        guard count <= copiedBytesMax else { return body }
        switch body {
        case .empty: break
        case .slice(let slice): output.append(slice)
        case .slices(let slices):
            for slice in slices { output.append(slice) }
        }
        return .empty
    }
}
