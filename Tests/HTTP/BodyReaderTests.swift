// Bodies by length, in chunks and until the connection closes; the same however they arrive.

import MizuBytes
import MizuHTTP
import Testing

/// What reading a body came to.
private struct Read: Equatable {
    enum End: Equatable {
        case needMore
        case complete(consumedTotal: Int)
        case reject(HTTPReject)
    }
    var end: End
    var body: String
}

private func read(
    _ bytes: [UInt8], _ framing: BodyFraming, cuts: [Int], limits: HTTPLimits
) -> Read {
    againstUnreadablePage(bytes) { whole in
        var reader = BodyReader(framing, limits: limits)
        var body = ByteBuffer(capacity: 16)
        var taken = 0
        for cut in cuts + [bytes.count] {
            let part = UnsafeRawBufferPointer(rebasing: whole[taken..<max(taken, cut)])
            switch reader.read(part, into: &body) {
            case .needMore(let consumed): taken += consumed
            case .complete(let consumed):
                let text = String(decoding: body.readable, as: UTF8.self)
                return Read(end: .complete(consumedTotal: taken + consumed), body: text)
            case .reject(let reject): return Read(end: .reject(reject), body: "")
            }
        }
        return Read(end: .needMore, body: String(decoding: body.readable, as: UTF8.self))
    }
}

/// Reads in every way; nil where they disagree.
private func readEveryWay(
    _ text: String, _ framing: BodyFraming, limits: HTTPLimits = .default
) -> Read? {
    let bytes = Array(text.utf8)
    let whole = read(bytes, framing, cuts: [], limits: limits)
    guard read(bytes, framing, cuts: Array(0...bytes.count), limits: limits) == whole else {
        return nil
    }
    for cut in 0...bytes.count {
        guard read(bytes, framing, cuts: [cut], limits: limits) == whole else { return nil }
    }
    return whole
}

@Suite("RFC 9112 §6 and §7.1: bodies")
struct BodyReaderTests {
    @Test("a body by length ends exactly there")
    func fixed() {
        #expect(
            readEveryWay("hello, next", .length(5))
                == Read(end: .complete(consumedTotal: 5), body: "hello"))
        #expect(readEveryWay("hell", .length(5)) == Read(end: .needMore, body: "hell"))
        #expect(readEveryWay("x", .length(0)) == Read(end: .complete(consumedTotal: 0), body: ""))
        #expect(readEveryWay("x", .none) == Read(end: .complete(consumedTotal: 0), body: ""))
    }

    static let good: [(String, String)] = [
        ("0\r\n\r\n", ""), ("5\r\nhello\r\n0\r\n\r\n", "hello"),
        ("1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", "abc"), ("A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
        ("a;x=y;z=\"q;r\"\r\n0123456789\r\n0;end\r\n\r\n", "0123456789"),
        ("1 \t;x\r\na\r\n0\r\n\r\n", "a"), ("0000000000000001\r\na\r\n00\r\n\r\n", "a"),
        ("1;a=b ; c=\"\\\"d\";e\r\na\r\n0\r\n\r\n", "a"),
        ("1\r\na\r\n0\r\nHosts: y\r\nHos: z\r\nContent-Lengths: 1\r\n\r\n", "a"),
        ("2\r\n\r\n\r\n0\r\n\r\n", "\r\n"), ("1\r\na\r\n0\r\nX: y\r\nZ:\r\n\r\n", "a"),
    ]

    @Test("chunks are joined, extensions and trailers dropped", arguments: good)
    func chunks(text: String, body: String) {
        let expected = Read(end: .complete(consumedTotal: text.utf8.count), body: body)
        #expect(readEveryWay(text, .chunked) == expected)
        #expect(readEveryWay(text + "GET / HTTP/1.1\r\n", .chunked) == expected)
    }

    static let bad: [(String, HTTPReject)] = [
        ("\r\n", .badChunkSize), ("g\r\n", .badChunkSize), ("-1\r\n", .badChunkSize),
        ("+1\r\n", .badChunkSize), ("0x1\r\n", .badChunkSize), (" 1\r\n", .badChunkSize),
        ("1\n", .badChunkSize), ("1\r\r\n", .badChunkSize), ("1 \r\n", .badChunkSize),
        ("1 2\r\n", .badChunkSize), ("1;a\n", .badChunkSize), ("1;a\rb", .badChunkSize),
        ("1;a\u{0}\r\n", .badChunkSize), ("1,\r\n", .badChunkSize), (";a\r\n", .badChunkSize),
        ("00000000000000001\r\n", .badChunkSize), ("12345678901234567\r\n", .badChunkSize),
        ("FFFFFFFFFFFFFFFF\r\n", .bodyTooLarge), ("7FFFFFFFFFFFFFFF\r\n", .bodyTooLarge),
        ("8000000000000000\r\n", .bodyTooLarge), ("100001\r\n", .bodyTooLarge),
        ("1\r\nab\r\n", .badChunkEnd), ("1\r\na\n0\r\n", .badChunkEnd), ("1\r\na\rb", .badChunkEnd),
        ("1\r\na0\r\n\r\n", .badChunkEnd), ("0\r\nX\r\n", .badFieldName),
        ("0\r\nX : y\r\n", .spaceBeforeColon), ("0\r\n X: y\r\n", .badFieldName),
        ("0\r\nX: \u{0}\r\n", .badFieldValue), ("0\r\nX: y\n", .bareLineFeed),
        ("0\r\nX: y\rZ", .bareCarriageReturn), ("0\r\n\rX", .bareCarriageReturn),
        ("0\r\n\n", .badFieldName), ("0\r\nGET / HTTP/1.1\r\n", .spaceBeforeColon),
        ("0\r\n: y\r\n", .badFieldName),
        ("1;\r\na\r\n", .badChunkSize), ("1; \r\na\r\n", .badChunkSize),
        ("1;;a\r\n", .badChunkSize), ("1;=a\r\n", .badChunkSize), ("1;a=\r\n", .badChunkSize),
        ("1;a b\r\n", .badChunkSize), ("1;a=b c\r\n", .badChunkSize),
        ("1;a=\"b\r\n", .badChunkSize), ("1;a=\"b\"c\r\n", .badChunkSize),
        ("1;a=\"\\\r\n", .badChunkSize), ("1;a=\"\n\"\r\n", .badChunkSize),
        ("1;\u{e9}\r\n", .badChunkSize), ("1;a \r\n", .badChunkSize),
        ("1_0\r\n", .badChunkSize), ("1\u{b}\r\n", .badChunkSize), ("1h\r\n", .badChunkSize),
        ("0\r\nContent-Length: 5\r\n\r\n", .badFieldName),
        ("0\r\nX: y\r\ntransfer-encoding: chunked\r\n\r\n", .badFieldName),
        ("0\r\nHOST: x\r\n\r\n", .badFieldName),
    ]

    @Test("chunks that could be read in two ways are refused", arguments: bad)
    func badChunks(text: String, reject: HTTPReject) {
        #expect(readEveryWay(text, .chunked)?.end == .reject(reject))
        #expect(readEveryWay(text + "0\r\n\r\n", .chunked)?.end == .reject(reject))
    }

    @Test("a chunk size of 17 hex digits is refused")
    func oversizedChunkSize() {
        let text = String(repeating: "0", count: 17)
        #expect(readEveryWay(text, .chunked)?.end == .reject(.badChunkSize))
    }

    @Test("a body beyond its limit is refused before a byte of it is read")
    func bodyLimit() {
        let limits = HTTPLimits(bodyBytesMax: 10)
        #expect(readEveryWay("", .length(11), limits: limits)?.end == .reject(.bodyTooLarge))
        #expect(
            readEveryWay("0123456789", .length(10), limits: limits)?.end
                == .complete(consumedTotal: 10))
        let chunks = "5\r\nabcde\r\n5\r\nfghij\r\n"
        #expect(
            readEveryWay(chunks + "0\r\n\r\n", .chunked, limits: limits)?.body == "abcdefghij")
        #expect(
            readEveryWay(chunks + "1\r\nx", .chunked, limits: limits)?.end
                == .reject(.bodyTooLarge))
        #expect(
            readEveryWay("0123456789a", .untilClose, limits: limits)?.end
                == .reject(.bodyTooLarge))
    }

    @Test("lines around chunks have limits")
    func lineLimits() {
        let limits = HTTPLimits(chunkLineBytesMax: 20, trailerBytesMax: 20)
        let line = "1;" + String(repeating: "x", count: 16) + "\r\na\r\n"
        #expect(
            readEveryWay(line + "0\r\n\r\n", .chunked, limits: limits)?.body == "a")
        #expect(
            readEveryWay("1;x" + line.dropFirst(2), .chunked, limits: limits)?.end
                == .reject(.chunkLineTooLong))
        #expect(
            readEveryWay("0\r\nX: 0123456789\r\nY: 1\r\n\r\n", .chunked, limits: limits)?.end
                == .reject(.trailerTooLarge))
        // Many short chunks may not carry more extension bytes than sixteen lines' worth.
        let flood = String(repeating: line, count: 40)
        #expect(
            read(Array(flood.utf8), .chunked, cuts: [], limits: limits).end
                == .reject(.chunkLineTooLong))
    }

    @Test("a body until the close takes everything and never ends by itself")
    func untilClose() {
        #expect(readEveryWay("abc", .untilClose) == Read(end: .needMore, body: "abc"))
        #expect(BodyReader(.untilClose, limits: .default).endsWithConnection)
        #expect(!BodyReader(.length(1), limits: .default).endsWithConnection)
        #expect(!BodyReader(.chunked, limits: .default).endsWithConnection)
    }

    @Test("a refusal stays: more bytes do not make it good")
    func sticky() {
        var reader = BodyReader(.chunked, limits: .default)
        var body = ByteBuffer(capacity: 8)
        let bytes: [UInt8] = Array("x".utf8)
        for _ in 0..<2 {
            let outcome = bytes.withUnsafeBytes { reader.read($0, into: &body) }
            #expect(outcome == .reject(.badChunkSize))
        }
    }
}
