// Files in memory: tags, conditions, ranges and gzip, as one request after another asks for them.

import CZlib
import MizuBytes
import MizuHTTP
import MizuTestSupport
import Testing

private let content = ByteSlice("0123456789")
private let changed = 784_111_777  // Sun, 06 Nov 1994 08:49:37 GMT

private func file(_ caching: CachePolicy = .revalidate) -> Representation {
    Representation(content, mediaType: .text, lastModified: changed, caching: caching)
}

private func ask(
    _ file: Representation, _ fields: String, method: String = "GET"
) throws -> Response {
    try withRequest("\(method) /f HTTP/1.1\r\nHost: h\r\n\(fields)\r\n") { file.respond(to: $0) }
}

private func text(_ body: Response.Body) -> String {
    switch body {
    case .empty: ""
    case .slice(let slice): slice.string
    case .stream: ""
    case .slices(let slices): slices.map(\.string).joined()
    }
}

/// What a gzip member holds, read by zlib itself.
private func inflate(_ packed: ByteSlice, count: Int) -> [UInt8] {
    guard let stream = cz_inflate_open(15 + 16) else { return [] }
    defer { cz_inflate_close(stream) }
    var output = [UInt8](repeating: 0, count: count + 1)
    let step = packed.withUnsafeBytes { input in
        output.withUnsafeMutableBufferPointer { output in
            cz_inflate_step(
                stream, input.baseAddress?.assumingMemoryBound(to: UInt8.self), input.count,
                output.baseAddress, output.count)
        }
    }
    guard step.status == 1, step.consumed == packed.count else { return [] }
    return Array(output[..<step.produced])
}

@Suite("RFC 9110 §8.8, §13: conditions")
struct ConditionTests {
    private let tag = file().tag.text

    @Test("a file answers with its tag, date, cache policy and ranges")
    func plain() throws {
        let response = try ask(file(.immutable), "")
        #expect(response.status == .ok && text(response.body) == "0123456789")
        #expect(response.field("ETag") == tag && tag.utf8.count == 18)
        #expect(response.field("Last-Modified") == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(response.field("Cache-Control") == "public, max-age=31536000, immutable")
        #expect(response.field("Accept-Ranges") == "bytes")
    }

    @Test("conditions are evaluated in the order of §13.2.2")
    func order() throws {
        let (before, at) = ("Sat, 05 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT")
        let cases: [(String, HTTPStatus)] = [
            ("If-None-Match: \(tag)\r\n", .notModified),
            ("If-None-Match: W/\(tag)\r\n", .notModified),
            ("If-None-Match: \"x\", \"a,b\", \(tag)\r\n", .notModified),
            ("If-None-Match: \"x\"\r\nIf-None-Match: \(tag)\r\n", .notModified),
            ("If-None-Match: *\r\n", .notModified), ("If-None-Match: \"x\"\r\n", .ok),
            ("If-None-Match: \(tag.dropLast())\r\n", .ok), ("If-None-Match:\r\n", .ok),
            ("If-None-Match: \"x\"\r\nIf-Modified-Since: \(at)\r\n", .ok),
            ("If-Modified-Since: \(at)\r\n", .notModified),
            ("If-Modified-Since: \(before)\r\n", .ok), ("If-Modified-Since: soon\r\n", .ok),
            ("If-Match: \(tag)\r\n", .ok), ("If-Match: *\r\n", .ok),
            ("If-Match: W/\(tag)\r\n", .preconditionFailed),
            ("If-Match: \"x\"\r\n", .preconditionFailed),
            ("If-Match: \(tag)\r\nIf-None-Match: \(tag)\r\n", .notModified),
            ("If-Unmodified-Since: \(before)\r\n", .preconditionFailed),
            ("If-Unmodified-Since: \(at)\r\n", .ok),
            ("If-Match: \(tag)\r\nIf-Unmodified-Since: \(before)\r\n", .ok),
        ]
        for (fields, status) in cases {
            #expect(try ask(file(), fields).status == status, "\(fields)")
            #expect(try ask(file(), fields, method: "HEAD").status == status, "\(fields)")
        }
        let response = try ask(file(), "If-None-Match: *\r\n")
        #expect(text(response.body).isEmpty && response.field("ETag") == tag)
    }
}

@Suite("RFC 9110 §14: ranges")
struct RangeTests {
    static let cases: [(String, ByteRanges)] = [
        ("bytes=0-0", .parts([0..<1])), ("bytes=0-", .parts([0..<10])),
        ("bytes=9-", .parts([9..<10])), ("bytes=2-4", .parts([2..<5])),
        ("bytes=5-99", .parts([5..<10])), ("bytes=-3", .parts([7..<10])),
        ("bytes=-99", .parts([0..<10])), ("BYTES=1-1", .parts([1..<2])),
        ("bytes=0-1, 4-5 ,-1", .parts([0..<2, 4..<6, 9..<10])),
        ("bytes=5-6,0-1", .parts([5..<7, 0..<2])), ("bytes=0-0,20-30", .parts([0..<1])),
        ("bytes=0-9223372036854775807", .parts([0..<10])),
        ("bytes=0-99999999999999999999999", .parts([0..<10])),
        ("bytes=-99999999999999999999999", .parts([0..<10])),
        ("bytes=99999999999999999999999-", .unsatisfiable),
        ("bytes=10-", .unsatisfiable), ("bytes=-0", .unsatisfiable),
        ("bytes=10-20,30-", .unsatisfiable), ("bytes=", .whole), ("bytes=-", .whole),
        ("bytes=2-1", .whole), ("bytes=a-b", .whole), ("bytes=1-2x", .whole),
        ("bytes=1", .whole), ("bytes=0x0-1", .whole), ("bytes=+1-2", .whole),
        ("lines=0-1", .whole), ("bytes 0-1", .whole), ("", .whole),
        ("bytes=0-1,1-2", .whole), ("bytes=0-,0-", .whole), ("bytes=-5,-5", .whole),
        ("bytes=" + String(repeating: "0-0,", count: 17), .whole),
    ]

    @Test("a Range field is read as §14.1.2 says, or not at all", arguments: cases)
    func parsing(text: String, expected: ByteRanges) {
        var text = text
        #expect(
            text.withUTF8 { ByteRanges(UnsafeRawBufferPointer($0), count: 10) } == expected)
    }

    @Test("nothing of an empty file can be asked for")
    func empty() {
        var text = "bytes=0-"
        #expect(
            text.withUTF8 { ByteRanges(UnsafeRawBufferPointer($0), count: 0) } == .unsatisfiable)
    }

    @Test("one range is 206 with its place, several are a multipart, none left is 416")
    func answers() throws {
        let one = try ask(file(), "Range: bytes=2-4\r\n")
        #expect(one.status == .partialContent && text(one.body) == "234")
        #expect(one.field("Content-Range") == "bytes 2-4/10")
        let two = try ask(file(), "Range: bytes=0-1,-1\r\n")
        let type = try #require(two.field("Content-Type"))
        let boundary = type.dropFirst("multipart/byteranges; boundary=".count)
        let part = "Content-Type: text/plain; charset=utf-8\r\nContent-Range: bytes"
        #expect(
            text(two.body) == "--\(boundary)\r\n\(part) 0-1/10\r\n\r\n01\r\n--\(boundary)\r\n"
                + "\(part) 9-9/10\r\n\r\n9\r\n--\(boundary)--\r\n")
        let none = try ask(file(), "Range: bytes=10-\r\n")
        #expect(none.status == .rangeNotSatisfiable)
        #expect(none.field("Content-Range") == "bytes */10")
        #expect(try ask(file(), "Range: bytes=0-1\r\n", method: "HEAD").status == .ok)
    }

    @Test("If-Range gives the part only of the same state (§13.1.5)")
    func ifRange() throws {
        let tag = file().tag.text
        let cases = [
            (tag, true), ("W/\(tag)", false), ("\"x\"", false), ("", false),
            ("Sun, 06 Nov 1994 08:49:37 GMT", true), ("Sun, 06 Nov 1994 08:49:38 GMT", false),
        ]
        for (value, isPart) in cases {
            let response = try ask(file(), "Range: bytes=0-0\r\nIf-Range: \(value)\r\n")
            #expect(response.status == (isPart ? .partialContent : .ok), "\(value)")
        }
        let stale = "Range: bytes=10-\r\nIf-Range: \"x\"\r\n"
        #expect(try ask(file(), stale).status == .ok)
        let fresh = "Range: bytes=0-0\r\nIf-None-Match: \(tag)\r\n"
        #expect(try ask(file(), fresh).status == .notModified)
    }
}

@Suite("RFC 9110 §12.5.3: gzip")
struct GzipTests {
    static let cases: [(String, ContentCoding)] = [
        ("gzip", .gzip), ("GZIP", .gzip), ("deflate, gzip;q=0.5, br", .gzip), ("*", .gzip),
        ("x-gzip", .gzip), ("gzip;q=0", .identity), ("gzip ; q=0.000", .identity),
        ("*;q=0", .identity), ("*, gzip;q=0", .identity), ("*;q=0, gzip", .gzip), ("", .identity),
        ("identity", .identity), ("identity;q=0, *", .gzip), ("gzip;q=0.001", .gzip),
        ("gzip;q=0.5, identity", .identity), ("gzip, identity;q=0.5", .gzip),
        ("gzip;q=2", .identity), ("gzip;q=x", .identity), ("gzipx", .identity), ("br", .identity),
        ("gzip;q=1.000", .gzip), ("gzip;q=0.0001", .identity), ("identity;q=0", .identity),
    ]

    @Test("weights decide", arguments: cases)
    func negotiation(value: String, expected: ContentCoding) throws {
        let request = "GET / HTTP/1.1\r\nHost: h\r\nAccept-Encoding: \(value)\r\n\r\n"
        #expect(try withRequest(request) { ContentCoding.preferred(by: $0) } == expected)
    }

    private let long = ByteSlice((0..<400).map { "line \($0 % 7)\n" }.joined())

    private func encoded(_ response: Response, accept: String = "gzip") throws -> Response {
        var encoder = GzipEncoder()
        var response = response
        try withRequest("GET / HTTP/1.1\r\nHost: h\r\nAccept-Encoding: \(accept)\r\n\r\n") {
            encoder.encode(&response, for: $0)
        }
        return response
    }

    @Test("an answer varies by coding beside whatever it says already", arguments: ["gzip", "br"])
    func varies(_ accept: String) throws {
        let plain = Response.text("x")
        for (lines, cache, vary) in [
            ([], nil, "Accept-Encoding"),
            ([("Cache-Control", "no-store")], "no-store", "Accept-Encoding"),
            ([("Vary", "Origin")], nil, "Origin, Accept-Encoding"),
            ([("Cache-Control", "max-age=1")], "max-age=1", "Accept-Encoding"),
        ] as [([(String, String)], String?, String)] {
            var response = plain
            response.body = .slice(long)
            for (name, value) in lines { try response.add(name, value) }
            let own = try encoded(response, accept: accept)
            #expect(own.field("Vary") == vary && own.field("Cache-Control") == cache)
            let shared = try encoded(response.uncached, accept: accept)
            #expect(shared.field("Vary") == vary && shared.field("Cache-Control") == "no-store")
            #expect(shared.has("content-encoding") == (accept == "gzip"))
            // Once more: it is said once.
            #expect(try encoded(shared, accept: "br").field("Vary") == vary)
        }
        let fixed = "no-transform"
        var response = plain
        response.body = .slice(long)
        try response.set("Cache-Control", fixed)
        #expect(try encoded(response, accept: accept).field("Vary") == nil)
    }

    @Test("a long text is packed, and comes out the same; the state serves many answers")
    func packing() throws {
        var encoder = GzipEncoder()
        var generator = SeededGenerator(seed: 7)
        for count in [0, 1, 859, 10_000, 300_000] {
            let noise = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let (left, right) = (ByteSlice(Array(noise[..<(count / 3)])), noise[(count / 3)...])
            let result = encoder.encode(.slices([left, ByteSlice(Array(right))]))
            let packed = try #require(result)
            #expect(inflate(packed, count: count) == noise)
        }
    }

    @Test("what is packed says so: coding, Vary, a weak tag")
    func fields() throws {
        var response = Response.html(long)
        try response.set("ETag", "\"a\"")
        try response.set("Vary", "Cookie")
        let packed = try encoded(response)
        #expect(packed.body.count < long.count / 4)
        #expect(packed.field("Content-Encoding") == "gzip" && packed.field("ETag") == "W/\"a\"")
        #expect(packed.field("Vary") == "Cookie, Accept-Encoding")
        let plain = try encoded(response, accept: "br")
        #expect(plain.body.count == long.count && plain.field("Content-Encoding") == nil)
        #expect(plain.field("Vary") == "Cookie, Accept-Encoding" && plain.field("ETag") == "\"a\"")
    }

    @Test("short, packed, partial and forbidden content stays as it is")
    func exceptions() throws {
        var already = Response.html(long)
        try already.set("Content-Encoding", "br")
        var forbidden = Response.html(long)
        try forbidden.set("Cache-Control", "no-transform")
        let image = Response(status: .ok, mediaType: .of(path: "a.png"), body: .slice(long))
        let partial = Response(status: .partialContent, mediaType: .html, body: .slice(long))
        for response in [already, forbidden, image, partial, .text("short")] {
            let answer = try encoded(response)
            #expect(answer.body.count == response.body.count && answer.field("Vary") == nil)
        }
    }

    @Test("a file has a packed form with a tag of its own; ranges count in the plain one")
    func files() throws {
        var encoder = GzipEncoder()
        var file = Representation(long, mediaType: .css)
        file.pack(using: &encoder)
        let packed = try ask(file, "Accept-Encoding: gzip\r\n")
        let tag = try #require(packed.field("ETag"))
        #expect(packed.field("Content-Encoding") == "gzip" && tag.hasSuffix("-gzip\""))
        guard case .slice(let slice) = packed.body else { return }
        #expect(inflate(slice, count: long.count) == long.array)
        let plain = try ask(file, "")
        #expect(plain.field("ETag") == file.tag.text && plain.body.count == long.count)
        #expect(
            plain.field("Vary") == "Accept-Encoding" && packed.field("Vary") == "Accept-Encoding")
        let part = try ask(file, "Accept-Encoding: gzip\r\nRange: bytes=0-1\r\n")
        #expect(part.field("Content-Encoding") == nil && text(part.body) == "li")
        let same = try ask(file, "Accept-Encoding: gzip\r\nIf-None-Match: \(tag)\r\n")
        #expect(same.status == .notModified && same.field("ETag") == tag)
        #expect(same.field("Content-Encoding") == nil)
        let other = try ask(file, "Accept-Encoding: gzip\r\nIf-None-Match: \(file.tag.text)\r\n")
        #expect(other.status == .ok)
    }

    static let brotliCases: [(String, String?)] = [
        ("gzip, deflate, br, zstd", "br"), ("br", "br"), ("BR;q=0.001", "br"), ("gzip", "gzip"),
        ("br;q=0.9, gzip", "gzip"), ("br, gzip", "br"), ("br;q=0", nil), ("br;q=0, gzip", "gzip"),
        ("*", "gzip"), ("br;q=0.5, *", "gzip"), ("br, *;q=0", "br"), ("identity, br;q=0.5", nil),
        ("br ; q=1.000 ,", "br"), (",,br", "br"), ("brx", nil), ("br;q=2", nil), ("", nil),
    ]

    @Test(
        "brotli is sent to who names it, by weight, with a tag of its own", arguments: brotliCases)
    func brotli(value: String, expected: String?) throws {
        var encoder = GzipEncoder()
        var file = Representation(long, mediaType: .css)
        file.pack(using: &encoder, brotli: "not really")
        for _ in 0..<2 {
            let answer = try ask(file, "Accept-Encoding: \(value)\r\n")
            #expect(answer.field("Content-Encoding") == expected)
            #expect(answer.field("Vary") == "Accept-Encoding")
            let tag = try #require(answer.field("ETag"))
            #expect(tag == file.tag.text.dropLast() + (expected.map { "-\($0)" } ?? "") + "\"")
            let fields = "Accept-Encoding: \(value)\r\nIf-None-Match: \(tag)\r\n"
            #expect(try ask(file, fields).status == .notModified)
            #expect(try ask(file, fields).field("Vary") == "Accept-Encoding")
            let range = try ask(file, "Range: bytes=0-1\r\nAccept-Encoding: \(value)\r\n")
            #expect(range.field("Content-Encoding") == nil && text(range.body) == "li")
            // The same once its answers are written out.
            file.prepare()
        }
    }

    @Test("a packed form that is larger than another is left out")
    func largeBrotli() throws {
        var encoder = GzipEncoder()
        var file = Representation(long, mediaType: .css)
        file.pack(using: &encoder, brotli: long)
        #expect(try ask(file, "Accept-Encoding: br, gzip\r\n").field("Content-Encoding") == "gzip")
    }

    @Test("media types by extension")
    func mediaTypes() {
        #expect(MediaType.of(path: "/a.b/x.CSS") == .css && MediaType.of(path: "x") == .octets)
        #expect(MediaType.of(path: "a.js") == .javaScript && MediaType.of(path: "") == .octets)
    }
}
