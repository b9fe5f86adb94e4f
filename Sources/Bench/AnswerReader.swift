// The answers on one connection (RFC 9112): head, then body into a buffer of the caller's, then the
// next. Interim answers are passed over. Holds a few words between two reads, no memory of its own.

import MizuBytes
import MizuHTTP

struct AnswerReader {
    enum Step {
        /// All usable input is consumed; the rest must come again with more after it.
        case needMore(consumed: Int)
        /// An answer is whole: `status`, `keepsAlive` and the body are its own.
        case answer(consumed: Int)
        case malformed(String)
    }

    private(set) var status: UInt16 = 0
    private(set) var keepsAlive = true
    /// Bytes of the last head.
    private(set) var headCount = 0
    private var body: BodyReader?
    /// Whether the answer's end is the connection's.
    private var endsWithConnection: Bool { body?.endsWithConnection ?? false }

    /// Bytes of the largest body.
    static let limits = HTTPLimits(bodyBytesMax: 64 << 20)

    /// Whether a part of an answer has come.
    var isInside: Bool { body != nil }

    /// Reads on.
    /// - Parameters:
    ///   - head: lent for the call.
    ///   - content: the body's bytes so far; emptied by the caller after each answer.
    mutating func read(
        _ input: UnsafeRawBufferPointer, answering method: HTTPMethod, head: inout ResponseHead,
        into content: inout ByteBuffer
    ) -> Step {
        var consumed = 0
        while true {
            let rest = input.part(consumed...)
            if body != nil { return readBody(rest, behind: consumed, into: &content) }
            switch ResponseParser.parse(rest, into: &head, answering: method) {
            case .needMore: return .needMore(consumed: consumed)
            case .reject(let reject): return .malformed("\(reject.message)")
            case .head(let count):
                consumed += count
                if head.isInterim { continue }
                status = head.status.code
                keepsAlive = head.keepsAlive
                headCount = count
                body = BodyReader(head.framing, limits: Self.limits)
            }
        }
    }

    private mutating func readBody(
        _ rest: UnsafeRawBufferPointer, behind consumed: Int, into content: inout ByteBuffer
    ) -> Step {
        // Read in place: what `body` counts must stay.
        guard var reader = body else { return .needMore(consumed: consumed) }
        switch reader.read(rest, into: &content) {
        case .needMore(let count):
            body = reader
            return .needMore(consumed: consumed + count)
        case .complete(let count):
            body = nil
            return .answer(consumed: consumed + count)
        case .reject(let reject): return .malformed("\(reject.message)")
        }
    }

    /// Records that the server ended the connection; true if that completes an answer.
    mutating func endOfConnection() -> Bool {
        let isEnd = endsWithConnection
        body = nil
        return isEnd
    }
}
