// Heads that are refused: everything that two parsers could read in two ways.

import MizuHTTP
import Testing

@Suite("RFC 9112 §2.2, §3, §5, §6, §11.2: heads that are refused")
struct SmugglingTests {
    private static let line = "GET / HTTP/1.1\r\n"
    private static let host = "GET / HTTP/1.1\r\nHost: h\r\n"
    private static let post = "POST / HTTP/1.1\r\nHost: h\r\n"

    static let requestLines: [(String, HTTPReject)] = [
        (" GET / HTTP/1.1\r\n", .badRequestLine), ("\n", .badRequestLine),
        ("\u{16}\u{3}\u{1}", .badRequestLine), ("\r\n\r\n", .badRequestLine),
        ("\rGET", .bareCarriageReturn), ("(GET / HTTP/1.1\r\n", .badRequestLine),
        ("GET\t/ HTTP/1.1\r\n", .badRequestLine), ("GET  / HTTP/1.1\r\n", .badRequestLine),
        ("GET /  HTTP/1.1\r\n", .badVersion), ("GET / HTTP/1.1 \r\n", .badVersion),
        (String(repeating: "G", count: 65) + " / HTTP/1.1\r\n", .methodTooLong),
        ("GET /\r\n", .badRequestLine), ("GET\r\n", .badRequestLine), ("GET \r\n", .badRequestLine),
        ("GET / HTTP/1.1\n", .bareLineFeed), ("GET / HTTP/1.1\rX\n", .bareCarriageReturn),
        ("GET / HTTP/1.1\r\r\n", .bareCarriageReturn),
        ("GET / HTTP/2.0\r\n", .unsupportedVersion), ("GET / HTTP/1.2\r\n", .unsupportedVersion),
        ("PRI * HTTP/2.0\r\n\r\n", .unsupportedVersion),
        ("GET / HTTP/0.9\r\n", .unsupportedVersion),
        ("GET / http/1.1\r\n", .badVersion), ("GET / HTTP/1\r\n", .badVersion),
        ("GET / HTTP/11.1\r\n", .badVersion), ("GET / HTTP/1.10\r\n", .badVersion),
        ("GET / HTTP/01.1\r\n", .badVersion), ("GET / HTTPS/1.1\r\n", .badVersion),
        ("GET / H\r\n", .badVersion), ("GET / HTTP/1,1\r\n", .badVersion),
        ("GET /a#b HTTP/1.1\r\n", .badTarget), ("GET /\u{e9} HTTP/1.1\r\n", .badTarget),
        ("GET /\u{0} HTTP/1.1\r\n", .badTarget), ("GET /\u{7f} HTTP/1.1\r\n", .badTarget),
        ("GET /\\a HTTP/1.1\r\n", .badTarget), ("GET /a<b HTTP/1.1\r\n", .badTarget),
        ("GET /?a\"b HTTP/1.1\r\n", .badTarget), ("GET /\t HTTP/1.1\r\n", .badTarget),
        ("GET a HTTP/1.1\r\n", .badTarget), ("GET * HTTP/1.1\r\n", .badTarget),
        ("GET ?a HTTP/1.1\r\n", .badTarget), ("OPTIONS ** HTTP/1.1\r\n", .badTarget),
        ("GET ftp://a/ HTTP/1.1\r\n", .badTarget), ("GET http:/// HTTP/1.1\r\n", .badTarget),
        ("GET http://u@h/ HTTP/1.1\r\n", .badTarget), ("GET http://h:x/ HTTP/1.1\r\n", .badTarget),
        ("GET http:///a HTTP/1.1\r\n", .badTarget), ("CONNECT / HTTP/1.1\r\n", .badTarget),
        ("CONNECT h HTTP/1.1\r\n", .badTarget), ("CONNECT h: HTTP/1.1\r\n", .badTarget),
        ("CONNECT http://h:1/ HTTP/1.1\r\n", .badTarget), ("GET h:80 HTTP/1.1\r\n", .badTarget),
    ]

    static let fields: [(String, HTTPReject)] = [
        (line + " Host: h\r\n", .lineFolding), (host + "X: a\r\n b\r\n", .lineFolding),
        (host + "X: a\r\n\tb\r\n", .lineFolding), (host + "X : a\r\n", .spaceBeforeColon),
        (host + "X\t: a\r\n", .spaceBeforeColon), (host + "X\r\n", .badFieldName),
        (host + ": a\r\n", .badFieldName), (host + "X(: a\r\n", .badFieldName),
        (host + "X\u{0}: a\r\n", .badFieldName), (host + "\u{e9}: a\r\n", .badFieldName),
        (host + "X: a\u{0}b\r\n", .badFieldValue), (host + "X: a\u{1}\r\n", .badFieldValue),
        (host + "X: a\u{7f}\r\n", .badFieldValue), (host + "X: a\u{b}\r\n", .badFieldValue),
        (host + "X: a\nY: b\r\n", .bareLineFeed), (host + "X: a\rY: b\r\n", .bareCarriageReturn),
        (host + "X: a\r\r\n", .bareCarriageReturn), (host + "\n", .bareLineFeed),
        (host + "\rX\n", .bareCarriageReturn), (host + "X: a\n\n", .bareLineFeed),
        (line + "\r\n", .missingHost), (host + "host: h\r\n", .repeatedHost),
        (host + "HOST: other\r\n", .repeatedHost), (line + "Host:\r\n\r\n", .badHost),
        (line + "Host: a b\r\n\r\n", .badHost), (line + "Host: a/b\r\n\r\n", .badHost),
        (line + "Host: u@h\r\n\r\n", .badHost), (line + "Host: a,b\r\n\r\n", .badHost),
        (line + "Host: h:70000\r\n\r\n", .badHost), (line + "Host: h:1x\r\n\r\n", .badHost),
        (line + "Host: h:1:2\r\n\r\n", .badHost), (line + "Host: [::1\r\n\r\n", .badHost),
        (line + "Host: [::g]\r\n\r\n", .badHost), (line + "Host: [v1.x]\r\n\r\n", .badHost),
        (line + "Host: %4\r\n\r\n", .badHost), (line + "Host: :80\r\n\r\n", .badHost),
        (line + "Host: []\r\n\r\n", .badHost), (line + "Host: http://h\r\n\r\n", .badHost),
        (line + "Host: h\\\r\n\r\n", .badHost), (line + "Host: h?\r\n\r\n", .badHost),
        (host + "Content_Length: 1\r\n", .badFieldName),
        (host + "transfer_encoding: chunked\r\n", .badFieldName),
        ("GET http://a/ HTTP/1.1\r\nHost: a b\r\n\r\n", .badHost),
        ("GET http://a/ HTTP/1.1\r\nHost: b\r\nHost: b\r\n", .repeatedHost),
        ("GET http://a/ HTTP/1.1\r\n\r\n", .missingHost),
        (host + "Expect: the worst\r\n", .unsupportedExpectation),
        (host + "Expect: 100-continue, x\r\n", .unsupportedExpectation),
    ]

    static let framing: [(String, HTTPReject)] = [
        ("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", .lengthAndTransferEncoding),
        ("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", .lengthAndTransferEncoding),
        ("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", .lengthAndTransferEncoding),
        ("Content-Length: 1\r\nContent-Length: 2\r\n", .repeatedContentLength),
        ("Content-Length: 1\r\ncontent-length: 1\r\n", .repeatedContentLength),
        ("Content-Length: 1, 1\r\n", .badContentLength), ("Content-Length:\r\n", .badContentLength),
        ("Content-Length: +1\r\n", .badContentLength),
        ("Content-Length: -1\r\n", .badContentLength),
        ("Content-Length: 0x1\r\n", .badContentLength),
        ("Content-Length: 1 1\r\n", .badContentLength),
        ("Content-Length: 1_0\r\n", .badContentLength),
        ("Content-Length: 010\r\n", .badContentLength),
        ("Content-Length: 00\r\n", .badContentLength),
        ("Content-Length: 1e3\r\n", .badContentLength),
        ("Content-Length: 1;x\r\n", .badContentLength),
        ("Content-Length: 1.0\r\n", .badContentLength),
        ("Content-Length: 9223372036854775808\r\n", .badContentLength),
        ("Content-Length: 99999999999999999999999999\r\n", .badContentLength),
        ("Content-Length: \u{ff11}\r\n", .badContentLength),
        ("Content-Length: 1\r\n Transfer-Encoding: chunked\r\n", .lineFolding),
        ("Content-Length : 1\r\n", .spaceBeforeColon),
        ("Transfer-Encoding : chunked\r\n", .spaceBeforeColon),
        ("Transfer-Encoding:\u{b}chunked\r\n", .badFieldValue),
        ("Transfer-Encoding: gzip, chunked\r\n", .unsupportedTransferCoding),
        ("Transfer-Encoding: identity, chunked\r\n", .unsupportedTransferCoding),
        ("Transfer-Encoding: chunked, gzip\r\n", .badTransferEncoding),
        ("Transfer-Encoding: chunked, chunked\r\n", .badTransferEncoding),
        ("Transfer-Encoding: chunked,\r\n", .badTransferEncoding),
        ("Transfer-Encoding: ,chunked\r\n", .badTransferEncoding),
        ("Transfer-Encoding: identity\r\n", .badTransferEncoding),
        ("Transfer-Encoding: xchunked\r\n", .badTransferEncoding),
        ("Transfer-Encoding: chunkedx\r\n", .badTransferEncoding),
        ("Transfer-Encoding: \"chunked\"\r\n", .badTransferEncoding),
        ("Transfer-Encoding: 'chunked'\r\n", .badTransferEncoding),
        ("Transfer-Encoding: chunked;q=1\r\n", .badTransferEncoding),
        ("Transfer-Encoding: chun ked\r\n", .badTransferEncoding),
        ("Transfer-Encoding:\r\n", .badTransferEncoding),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", .badTransferEncoding),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", .badTransferEncoding),
        ("Transfer-Encoding: c\u{212a}unked\r\n", .badTransferEncoding),
    ]

    @Test("malformed request lines", arguments: requestLines)
    func requestLine(text: String, reject: HTTPReject) {
        #expect(parse(text)?.outcome == .reject(reject))
        // What follows changes nothing.
        #expect(parse(text + "X: y\r\n\r\n")?.outcome == .reject(reject))
    }

    @Test("malformed fields and hosts", arguments: fields)
    func field(text: String, reject: HTTPReject) {
        #expect(parse(text)?.outcome == .reject(reject))
        #expect(parse(text + "Y: z\r\n\r\n")?.outcome == .reject(reject))
    }

    @Test("a body whose end could be seen in two places", arguments: framing)
    func ambiguousFraming(text: String, reject: HTTPReject) {
        #expect(parse(Self.post + text)?.outcome == .reject(reject))
        #expect(parse(Self.post + text + "\r\n0\r\n\r\n")?.outcome == .reject(reject))
    }

    @Test(
        "a target that names a host agrees with Host, whatever the case and the default port",
        arguments: ["http://H", "HTTP://h:80/", "http://h:/a", "https://h:80/", "http://h?x"])
    func agreement(target: String) {
        let port = target.hasPrefix("https") ? ":80" : ""
        let text = "GET \(target) HTTP/1.1\r\nHost: h\(port)\r\n\r\n"
        #expect(parse(text)?.outcome == .head(consumed: text.utf8.count))
    }

    @Test("HTTP/1.0 has no transfer coding (§6.1)")
    func oldTransferCoding() {
        let text = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"
        #expect(parse(text)?.outcome == .reject(.badTransferEncoding))
    }

    @Test("an incomplete line is never judged, whatever is wrong in it")
    func patience() {
        for text in ["GET /\u{0}", "GET / HTTP/9.9", Self.host + "X : a", Self.host + " "] {
            #expect(parse(text)?.outcome == .needMore)
        }
        #expect(parse("")?.outcome == .needMore)
        #expect(parse("\r")?.outcome == .needMore)
        #expect(parse("\r\n")?.outcome == .needMore)
    }

    @Test("every reject has a status from 400 on and a sentence")
    func statuses() {
        for reject in HTTPReject.allCases {
            #expect(reject.status.code >= 400)
            #expect(reject.message.utf8CodeUnitCount > 10)
        }
    }
}

@Suite("Limits of a head: RFC 9112 §3, RFC 6585 §5")
struct HeadLimitTests {
    private let limits = HTTPLimits(headBytesMax: 300, fieldsMax: 4, targetBytesMax: 50)

    private func outcome(_ text: String) -> HeadOutcome? { parse(text, limits: limits)?.outcome }

    @Test("a target is refused one byte beyond its limit, complete or not")
    func target() {
        let longest = "/" + String(repeating: "a", count: 49)
        let text = "GET \(longest) HTTP/1.1\r\nHost: h\r\n\r\n"
        #expect(outcome(text) == .head(consumed: text.utf8.count))
        #expect(outcome("GET \(longest)b HTTP/1.1\r\nHost: h\r\n") == .reject(.targetTooLong))
        let endless = "GET /" + String(repeating: "a", count: 400)
        #expect(outcome(endless) == .reject(.targetTooLong))
        #expect(outcome(endless + " HTTP/1.1\r\nHost: h\r\n\r\n") == .reject(.targetTooLong))
    }

    @Test("one field more than allowed is refused")
    func fields() {
        let fields = "Host: h\r\nA: 1\r\nB: 2\r\nC: 3\r\n"
        let text = "GET / HTTP/1.1\r\n\(fields)\r\n"
        #expect(outcome(text) == .head(consumed: text.utf8.count))
        #expect(outcome("GET / HTTP/1.1\r\n\(fields)D: 4\r\n\r\n") == .reject(.tooManyFields))
    }

    @Test("a head ends at exactly its limit or not at all")
    func bytes() {
        for extra in -3...3 {
            let start = "GET / HTTP/1.1\r\nHost: h\r\nX: "
            let fill = String(repeating: "x", count: 300 - start.utf8.count - 4 + extra)
            let text = start + fill + "\r\n\r\n"
            #expect(text.utf8.count == 300 + extra)
            let expected: HeadOutcome =
                extra <= 0 ? .head(consumed: 300 + extra) : .reject(.headTooLarge)
            #expect(outcome(text) == expected, "\(extra)")
            #expect(outcome(text + "GET / HTTP/1.1\r\n") == expected)
        }
    }

    @Test("the default limits hold at their own size")
    func defaults() {
        let long = "GET /" + String(repeating: "a", count: 20_000)
        #expect(parse(Array(long.utf8), cuts: [9_000]).outcome == .reject(.targetTooLong))
        let many = "GET / HTTP/1.1\r\nHost: h\r\n" + String(repeating: "A: b\r\n", count: 100)
        #expect(parse(Array(many.utf8), cuts: []).outcome == .reject(.tooManyFields))
    }
}
