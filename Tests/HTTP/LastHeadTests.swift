// What is remembered of the head before: the outcome and the head are those of a parser that
// remembers nothing, whatever came before.

import Testing

@testable import MizuHTTP

@Suite("The head that was parsed last")
struct LastHeadTests {
    private static let heads = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: b\r\n\r\n",
        "GET /longer?q=1 HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: " + String(repeating: "x", count: 2_000) + "\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ]

    /// A head as it can be compared.
    private struct Seen: Equatable {
        let outcome: HeadOutcome
        let target: HeadRange
        let fields: [FieldRange]
        let framing: BodyFraming
        let keepsAlive: Bool

        init(_ outcome: HeadOutcome, _ head: RequestHead) {
            self.outcome = outcome
            guard case .head = outcome else {
                (target, fields, framing, keepsAlive) = (.empty, [], .none, false)
                return
            }
            target = head.target
            fields = Array(head.fields)
            framing = head.framing
            keepsAlive = head.keepsAlive
        }
    }

    @Test("every head after every two others, with and without bytes behind it")
    func sequences() {
        var memo = LastHead()
        for first in Self.heads {
            for second in Self.heads {
                for third in Self.heads {
                    for (text, tail) in [(first, ""), (second, "GET / HT"), (third, third)] {
                        let bytes = Array((text + tail).utf8)
                        bytes.withUnsafeBytes { input in
                            var (parser, other) = (RequestParser(), RequestParser())
                            var head = RequestHead()
                            let outcome = memo.parse(input, with: &parser, limits: .default)
                            let plain = other.parse(input, into: &head, limits: .default)
                            #expect(Seen(outcome, memo.head.pointee) == Seen(plain, head))
                        }
                    }
                }
            }
        }
    }

    @Test("a parser in the middle of a head goes on with it")
    func inTheMiddle() {
        var memo = LastHead()
        var parser = RequestParser()
        let bytes = Array(Self.heads[0].utf8)
        bytes.withUnsafeBytes { input in
            _ = memo.parse(input, with: &parser, limits: .default)
            let half = UnsafeRawBufferPointer(rebasing: input[..<20])
            #expect(memo.parse(half, with: &parser, limits: .default) == .needMore)
            #expect(
                memo.parse(input, with: &parser, limits: .default)
                    == .head(consumed: input.count))
        }
    }
}
