// How parsers are fed here: whole, byte by byte, and split at every index, each time from memory
// that ends at an unreadable page, so that one byte read too far ends the test run.

import Glibc
import MizuBytes
import MizuHTTP

/// Calls `body` with a copy of `bytes` whose last byte is the last readable one.
func againstUnreadablePage<R>(
    _ bytes: [UInt8], _ body: (UnsafeRawBufferPointer) -> R
) -> R {
    let page = 4_096
    let readable = (max(1, bytes.count) + page - 1) / page * page
    let memory = mmap(
        nil, readable + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let memory, memory != MAP_FAILED else { return bytes.withUnsafeBytes(body) }
    mprotect(memory + readable, page, PROT_NONE)
    let start = memory + readable - bytes.count
    UnsafeMutableRawBufferPointer(start: start, count: bytes.count).copyBytes(from: bytes)
    defer { munmap(memory, readable + page) }
    return body(UnsafeRawBufferPointer(start: start, count: bytes.count))
}

/// A parsed head in words, so that two can be compared and one can be read.
func describe(_ head: RequestHead, _ bytes: UnsafeRawBufferPointer) -> String {
    func text(_ range: HeadRange) -> String {
        String(decoding: range.bytes(in: bytes), as: UTF8.self)
    }
    let fields = head.fields.map { "\(text($0.name))=\(text($0.value))" }
        .joined(separator: "|")
    return """
        \(head.method) \(text(head.methodRange)) \(head.form) 1.\(head.minorVersion) \
        target=\(text(head.target)) path=\(text(head.path)) query=\(text(head.query)) \
        host=\(text(head.host)) \(head.framing) alive=\(head.keepsAlive) \
        expects=\(head.expectsContinue) upgrade=\(head.wantsUpgrade) [\(fields)]
        """
}

/// What parsing came to, with everything that was read.
struct Parsed: Equatable {
    var outcome: HeadOutcome
    var head = ""
}

/// Feeds growing prefixes of `bytes`, cut at `cuts`, until there is an outcome.
func parse(_ bytes: [UInt8], cuts: [Int], limits: HTTPLimits = .default) -> Parsed {
    againstUnreadablePage(bytes) { whole in
        var parser = RequestParser()
        var head = RequestHead()
        for cut in cuts + [bytes.count] {
            let prefix = UnsafeRawBufferPointer(rebasing: whole[0..<cut])
            let outcome = parser.parse(prefix, into: &head, limits: limits)
            if case .head = outcome {
                return Parsed(outcome: outcome, head: describe(head, prefix))
            }
            if outcome != .needMore { return Parsed(outcome: outcome) }
        }
        return Parsed(outcome: .needMore)
    }
}

/// Feeds `text` in every way; the result where all agree, nil (after saying how) where not.
func parse(_ text: String, limits: HTTPLimits = .default) -> Parsed? {
    parseEveryWay(Array(text.utf8), limits: limits)
}

func parseEveryWay(_ bytes: [UInt8], limits: HTTPLimits = .default) -> Parsed? {
    let whole = parse(bytes, cuts: [], limits: limits)
    guard parse(bytes, cuts: Array(0..<bytes.count), limits: limits) == whole else { return nil }
    // Long inputs are split near lines' ends and here and there: every index would take minutes.
    let step = bytes.count > 2_000 ? 97 : 1
    for cut in stride(from: 0, to: bytes.count, by: step) {
        guard parse(bytes, cuts: [cut], limits: limits) == whole else { return nil }
    }
    return whole
}

/// Runs `body` with the request that `text` is (head and body).
func withRequest<R>(
    _ text: String, scheme: Scheme = .http, _ body: (inout Request) throws -> R
) throws -> R {
    let bytes = Array(text.utf8)
    return try bytes.withUnsafeBytes { whole in
        var (parser, head) = (RequestParser(), RequestHead())
        let outcome = parser.parse(whole, into: &head, limits: .default)
        guard case .head(let consumed) = outcome else { throw NotARequest(outcome: outcome) }
        return try withUnsafePointer(to: head) { head in
            var request = Request(
                head: head, headBytes: whole,
                body: UnsafeRawBufferPointer(rebasing: whole[consumed...]),
                exchange: ExchangeID(worker: 0, connection: 1, sequence: 2), peer: .local,
                scheme: scheme)
            return try body(&request)
        }
    }
}

struct NotARequest: Error {
    let outcome: HeadOutcome
}

/// Sun, 06 Nov 1994 08:49:37 GMT
let someDate = ResponseDate(secondsSince1970: 784_111_777)

/// What a client gets for `response`, as text, the queued rest included.
func written(
    _ response: Response, method: HTTPMethod = .get, minorVersion: UInt8 = 1,
    persistence: ResponseContext.Persistence = .keepAlive, defaults: SafeDefaults = .none
) -> String {
    var output = ByteBuffer(capacity: 64)
    let context = ResponseContext(
        method: method, minorVersion: minorVersion, persistence: persistence, defaults: defaults)
    let written = ResponseWriter.write(response, for: context, date: someDate, into: &output)
    if written.owesBody {
        switch response.body {
        case .empty: break
        case .slice(let slice): output.append(slice)
        case .stream: break
        case .slices(let slices): for slice in slices { output.append(slice) }
        }
    }
    return String(decoding: output.readable, as: UTF8.self)
}
