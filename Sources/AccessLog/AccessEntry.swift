// One line of the access log: what was asked, what was answered, and nothing that is secret. Of the
// request it holds the method, the path and the client's name; the query and every other field
// never come this far. Lines are pure ASCII: whatever else a peer sends is escaped, so that no peer
// can begin a line, end a string, or speak to the terminal that shows the file.

import MizuBytes
import MizuEventLoop
import MizuHTTP

/// How lines look.
public enum AccessLogFormat: String, Sendable {
    /// One object a line.
    case json
    /// NCSA's common log format, with the request's name behind it: `host - user [date] "request"
    /// status bytes name`.
    case common
}

/// A request, from its head to its answer.
package struct AccessEntry {
    // What is longer is cut.
    static let methodBytesMax = 32
    static let pathBytesMax = 2_048
    static let agentBytesMax = 256
    static let userBytesMax = 128

    let peer: PeerAddress
    /// What the request is called elsewhere: in an answer of 500 or more, and in its line of the
    /// log. Plain text.
    package let name: String
    /// The trace that it belongs to, as its caller says: hexadecimal digits.
    let trace: String?
    /// When the head was complete, by both clocks.
    let startMilliseconds: Int64
    let start: Instant
    /// Nil for bytes that were no request.
    var request: RequestLine?
    var agent: [UInt8] = []
    var user: String?

    struct RequestLine {
        var method: [UInt8]
        var path: [UInt8]
        var minorVersion: UInt8
    }

    /// An answer to bytes that were no request.
    package init(
        peer: PeerAddress, name: String, trace: String? = nil, startMilliseconds: Int64,
        start: Instant
    ) {
        self.peer = peer
        self.name = name
        self.trace = trace
        self.startMilliseconds = startMilliseconds
        self.start = start
    }

    /// - Parameter bytes: what `head` was parsed from.
    package init(
        _ head: RequestHead, in bytes: UnsafeRawBufferPointer, peer: PeerAddress,
        name: String, trace: String? = nil, startMilliseconds: Int64, start: Instant
    ) {
        self.init(
            peer: peer, name: name, trace: trace, startMilliseconds: startMilliseconds,
            start: start)
        let path = head.path.bytes(in: bytes)
        request = RequestLine(
            method: Array(head.methodRange.bytes(in: bytes).prefix(Self.methodBytesMax)),
            path: path.isEmpty
                ? Self.pathStandIn(head.form) : Array(path.prefix(Self.pathBytesMax)),
            minorVersion: head.minorVersion)
        if let agent = head.first("user-agent", in: bytes) {
            self.agent = Array(agent.bytes(in: bytes).prefix(Self.agentBytesMax))
        }
    }

    private static func pathStandIn(_ form: TargetForm) -> [UInt8] {
        switch form {
        case .asterisk: [UInt8(ascii: "*")]
        case .origin, .absolute: [UInt8(ascii: "/")]
        case .authority: [UInt8(ascii: "-")]
        }
    }
}

extension AccessEntry {
    /// Appends the line, its line feed included.
    /// - Parameter bytes: of the answer's body.
    func append(
        as format: AccessLogFormat, status: UInt16, bytes: Int, end: Instant,
        to line: inout [UInt8]
    ) {
        switch format {
        case .json: appendJSON(status, bytes, end, to: &line)
        case .common: appendCommon(status, bytes, to: &line)
        }
        line.append(UInt8(ascii: "\n"))
    }

    private func appendJSON(
        _ status: UInt16, _ bytes: Int, _ end: Instant, to line: inout [UInt8]
    ) {
        line += Array(#"{"time":""#.utf8)
        line += RFC3339.text(millisecondsSince1970: Int(startMilliseconds))
        line += Array("\",\"peer\":\"\(peer.host)\"".utf8)
        if let request {
            line += Array(#","method":""#.utf8)
            LogEscaping.appendJSON(request.method, to: &line)
            line += Array(#"","path":""#.utf8)
            LogEscaping.appendJSON(request.path, to: &line)
            line += Array("\",\"protocol\":\"HTTP/1.\(request.minorVersion)\"".utf8)
        } else {
            line += Array(#","method":null,"path":null,"protocol":null"#.utf8)
        }
        let tenths = end < start ? 0 : (end.nanoseconds - start.nanoseconds) / 100_000
        line += Array(",\"status\":\(status),\"bytes\":\(bytes)".utf8)
        line += Array(",\"duration_ms\":\(tenths / 10).\(tenths % 10)".utf8)
        if !agent.isEmpty {
            line += Array(#","user_agent":""#.utf8)
            LogEscaping.appendJSON(agent, to: &line)
            line.append(UInt8(ascii: "\""))
        }
        if let user {
            line += Array(#","user":""#.utf8)
            LogEscaping.appendJSON(Array(user.utf8.prefix(Self.userBytesMax)), to: &line)
            line.append(UInt8(ascii: "\""))
        }
        line += Array(",\"request_id\":\"\(name)\"".utf8)
        if let trace { line += Array(",\"trace_id\":\"\(trace)\"".utf8) }
        line.append(UInt8(ascii: "}"))
    }

    private func appendCommon(_ status: UInt16, _ bytes: Int, to line: inout [UInt8]) {
        line += Array("\(peer.host) - ".utf8)
        if let user, !user.isEmpty {
            let name = Array(user.utf8.prefix(Self.userBytesMax))
            LogEscaping.appendCommon(name, escapesSpace: true, to: &line)
        } else {
            line.append(UInt8(ascii: "-"))
        }
        line += Array(" [".utf8)
        line += CommonLogDate.text(secondsSince1970: Int(startMilliseconds / 1_000))
        line += Array("] \"".utf8)
        if let request {
            LogEscaping.appendCommon(request.method, to: &line)
            line.append(UInt8(ascii: " "))
            LogEscaping.appendCommon(request.path, to: &line)
            line += Array(" HTTP/1.\(request.minorVersion)".utf8)
        } else {
            line.append(UInt8(ascii: "-"))
        }
        line += Array("\" \(status) \(bytes == 0 ? "-" : String(bytes)) \(name)".utf8)
    }
}

/// Bytes of a peer as text that stays inside its field.
enum LogEscaping {
    /// The inside of a JSON string (RFC 8259 §7) in ASCII: what is not, is written as `\uXXXX`, and
    /// what is no UTF-8 as U+FFFD.
    static func appendJSON(_ bytes: [UInt8], to line: inout [UInt8]) {
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            switch scalar.value {
            case 0x22, 0x5C:
                line.append(UInt8(ascii: "\\"))
                line.append(UInt8(truncatingIfNeeded: scalar.value))
            case 0x20...0x7E: line.append(UInt8(truncatingIfNeeded: scalar.value))
            default:
                for unit in UTF16.encode(scalar) ?? UTF16.encodedReplacementCharacter {
                    line.append(UInt8(ascii: "\\"))
                    line.append(UInt8(ascii: "u"))
                    appendHex(UInt8(truncatingIfNeeded: unit >> 8), to: &line)
                    appendHex(UInt8(truncatingIfNeeded: unit), to: &line)
                }
            }
        }
    }

    /// As Apache httpd writes them: `\"`, `\\`, and `\xHH` for what is not printable ASCII.
    static func appendCommon(
        _ bytes: [UInt8], escapesSpace: Bool = false, to line: inout [UInt8]
    ) {
        for byte in bytes {
            switch byte {
            case 0x22, 0x5C:
                line.append(UInt8(ascii: "\\"))
                line.append(byte)
            case 0x21...0x7E: line.append(byte)
            case 0x20 where !escapesSpace: line.append(byte)
            default:
                line.append(UInt8(ascii: "\\"))
                line.append(UInt8(ascii: "x"))
                appendHex(byte, to: &line)
            }
        }
    }

    private static func appendHex(_ byte: UInt8, to line: inout [UInt8]) {
        line.append(Hex.digit(byte >> 4))
        line.append(Hex.digit(byte))
    }
}
