// The scanners in C against a model in a few lines: each byte value at each place of names and
// values of each length around the sixteen bytes that they look at in one go.

import Testing

@testable import MizuHTTP

@Suite("Field lines, byte by byte")
struct LineScanTests {
    private static let tokenBytes = Set(
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)

    private func outcome(name: [UInt8], value: [UInt8]) -> (HeadOutcome, [FieldRange]) {
        let text =
            Array("GET / HTTP/1.1\r\nHost: h\r\n".utf8) + name + [0x3A] + value
            + Array("\r\n\r\n".utf8)
        return againstUnreadablePage(text) { bytes in
            var (parser, head) = (RequestParser(), RequestHead())
            let outcome = parser.parse(bytes, into: &head, limits: .default)
            return (outcome, Array(head.fields))
        }
    }

    private func isHead(_ outcome: HeadOutcome) -> Bool {
        if case .head = outcome { return true }
        return false
    }

    @Test(
        "a name is accepted where each of its bytes is a token's",
        arguments: [1, 2, 15, 16, 17, 33])
    func names(length: Int) {
        for place in [0, length / 2, length - 1] {
            for byte in UInt8.min ... .max where byte != 0x3A {
                var name = [UInt8](repeating: 0x78, count: length)
                name[place] = byte
                let (outcome, fields) = outcome(name: name, value: [0x20, 0x76])
                #expect(isHead(outcome) == Self.tokenBytes.contains(byte), "\(byte) at \(place)")
                if isHead(outcome) {
                    #expect(fields.count == 2 && Int(fields[1].name.count) == length)
                }
            }
        }
    }

    @Test(
        "a value is accepted where it has no control character but tabs",
        arguments: [1, 2, 15, 16, 17, 33])
    func values(length: Int) {
        for place in [0, length / 2, length - 1] {
            for byte in UInt8.min ... .max {
                var value = [UInt8](repeating: 0x76, count: length)
                value[place] = byte
                let (outcome, fields) = outcome(name: [0x6E], value: value)
                let isGood = byte == 0x09 || (byte >= 0x20 && byte != 0x7F)
                #expect(isHead(outcome) == isGood, "\(byte) at \(place) of \(length)")
                guard isGood else { continue }
                let isBlankEnd =
                    (byte == 0x20 || byte == 0x09) && (place == 0 || place == length - 1)
                #expect(Int(fields[1].value.count) == (isBlankEnd ? length - 1 : length))
            }
        }
    }

    @Test("a host is accepted in the short way as in the long one")
    func hosts() {
        let texts = [
            "a", "a:", "a:1", "a:65535", "a:65536", "a:123456", "a:x", ":1", "", "a b", "[::1]",
            "[::1]:80", "a%20b", "a%2", "127.0.0.1:8080", "a:1:2", "a,b", "user@a", "a/",
        ]
        for text in texts {
            let bytes = Array(text.utf8)
            bytes.withUnsafeBytes { host in
                #expect(HostSyntax.accepts(host) == (HostSyntax(host) != nil), "\(text)")
            }
        }
    }

    @Test(
        "more fields than the limit are refused, up to it none, however they are read",
        arguments: [1, 63, 64, 65, 99, 100, 101, 130])
    func counts(count: Int) {
        var text = "GET / HTTP/1.1\r\nHost: h\r\n"
        for index in 1..<max(count, 2) where index < count { text += "n\(index): v\r\n" }
        text += "\r\n"
        let bytes = Array(text.utf8)
        bytes.withUnsafeBytes { input in
            var (parser, head) = (RequestParser(), RequestHead())
            let outcome = parser.parse(input, into: &head, limits: .default)
            if count <= HTTPLimits.default.fieldsMax {
                #expect(outcome == .head(consumed: input.count) && head.fieldCount == count)
            } else {
                #expect(outcome == .reject(.tooManyFields))
            }
        }
    }
}
