// `traceparent` as W3C Trace Context §3.2 has it: what is taken, and what counts as not said.

import MizuBytes
import Testing

@testable import MizuHTTP

@Suite("traceparent")
struct TraceParentTests {
    private static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    private static let span = "00f067aa0ba902b7"

    private static func parse(_ text: String) -> TraceParent? {
        Array(text.utf8).withUnsafeBytes { TraceParent($0) }
    }

    @Test("a caller's trace")
    func valid() throws {
        let parsed = try #require(Self.parse("00-\(Self.trace)-\(Self.span)-01"))
        #expect(parsed.traceID == Self.trace && parsed.parentID == Self.span && parsed.isSampled)
        #expect(Self.parse("00-\(Self.trace)-\(Self.span)-00")?.isSampled == false)
        // A later version may say more behind a dash.
        #expect(Self.parse("cc-\(Self.trace)-\(Self.span)-01-what") != nil)
    }

    @Test(
        "what is malformed counts as not said",
        arguments: [
            "", "00", "00-\(trace)-\(span)", "ff-\(trace)-\(span)-01",
            "00-\(trace)-\(span)-01-what", "cc-\(trace)-\(span)-01.what",
            "00-\(String(repeating: "0", count: 32))-\(span)-01",
            "00-\(trace)-\(String(repeating: "0", count: 16))-01",
            "00-\(trace.uppercased())-\(span)-01", "00-\(trace)-\(span)-0x",
            "00-\(trace)_\(span)-01", "0 -\(trace)-\(span)-01",
        ])
    func malformed(text: String) { #expect(Self.parse(text) == nil) }

    @Test("two of them are none")
    func twice() {
        let line = "traceparent: 00-\(Self.trace)-\(Self.span)-01\r\n"
        for (lines, isTaken) in [(line, true), (line + line, false)] {
            let bytes = Array("GET / HTTP/1.1\r\nHost: h\r\n\(lines)\r\n".utf8)
            bytes.withUnsafeBytes { bytes in
                var (parser, head) = (RequestParser(), RequestHead())
                _ = parser.parse(bytes, into: &head, limits: .default)
                #expect((TraceParent(head, in: bytes) != nil) == isTaken)
            }
        }
    }
}
