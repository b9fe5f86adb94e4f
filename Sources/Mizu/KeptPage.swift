// A page as it is kept: the whole answer, ready to be sent, plain and packed by gzip, each with its
// entity tag and with the 304 that says "you have it" (RFC 9110 §8.8.3, §13, §15.4.5). Answering
// copies references. A value; any thread.
//
// A page is only kept if it can be everybody's who asks with its key: no answer that sets a cookie,
// that tells caches to keep nothing, or that varies by more than its coding.

import MizuBytes
import MizuHTTP
import MizuSync

struct KeptPage: Sendable {
    /// What the scope was when the page was made.
    let position: Position
    /// Bytes that it takes, about.
    private(set) var byteCount: Int
    private let plain: Form
    private let packed: Form?
    /// Whether a gzip form may be there and is not: nobody has asked for it yet.
    let awaitsPacking: Bool

    /// One representation.
    private struct Form: Sendable {
        let tag: EntityTag
        let whole: Response
        let notModified: Response

        init(_ response: Response, tag: EntityTag) {
            var (whole, notModified) = (response, response)
            // Cannot fail: the tag is hexadecimal digits.
            try? whole.set("ETag", tag.text)
            notModified.status = .notModified
            notModified.mediaType = nil
            notModified.body = .empty
            notModified.remove("Content-Encoding")
            try? notModified.set("ETag", tag.text)
            self.tag = tag
            // One that is too large to be packed at once is packed while it is sent.
            self.whole = whole.body.count <= GzipEncoder.contentBytesMax ? whole.preparing() : whole
            self.notModified = notModified.preparing()
        }

        func answer(to asked: AskedRepresentation) -> Response {
            switch asked.evaluate(tag) {
            case .proceed: whole
            case .notModified: notModified
            case .failed: .text("Precondition Failed\n", status: .preconditionFailed)
            }
        }
    }

    /// Beside the body: fields, as they are and as they are written out, key, places in tables.
    private static let overheadBytes = 4_096
    /// A body of up to so many bytes is there once more, behind its head.
    private static let copiedBytesMax = 8_192

    /// - Parameters:
    ///   - response: what the handler made.
    ///   - tagName: the state of the page in characters that an entity tag may have.
    /// - Returns: nil if the answer is not one to keep.
    init?(_ response: Response, position: Position, tagName: String) {
        guard Self.isForEverybody(response) else { return nil }
        var plain = response
        plain.body = .slice(Self.joined(response.body))
        var encoder = GzipEncoder()
        // Says `Vary` if the answer is one that is packed for whoever wants that.
        encoder.encode(&plain, as: .identity)
        let tag = EntityTag(name: tagName, strength: .strong)
        self.init(
            position: position, plain: Form(plain, tag: tag), packed: nil,
            awaitsPacking: plain.has("vary") && plain.body.count <= GzipEncoder.contentBytesMax)
    }

    private init(position: Position, plain: Form, packed: Form?, awaitsPacking: Bool) {
        self.position = position
        self.plain = plain
        self.packed = packed
        self.awaitsPacking = awaitsPacking
        byteCount =
            Self.cost(plain.whole.body) + (packed.map { Self.cost($0.whole.body) } ?? 0)
            + Self.overheadBytes
    }

    private static func cost(_ body: Response.Body) -> Int {
        body.count <= copiedBytesMax ? 2 * body.count : body.count
    }

    /// The same with a gzip form, where that is smaller.
    var packing: KeptPage {
        var response = plain.whole
        // No longer the one that was written out.
        response.kind = .complete
        var encoder = GzipEncoder()
        encoder.encode(&response, as: .gzip)
        let isSmaller = response.body.count < plain.whole.body.count
        return KeptPage(
            position: position, plain: plain,
            packed: isSmaller ? Form(response, tag: plain.tag.packed) : nil, awaitsPacking: false)
    }

    /// Whether the answer is a page (200), and depends on nothing but what its key says.
    private static func isForEverybody(_ response: Response) -> Bool {
        guard response.status == .ok, response.isPlain, !response.body.isStream,
            response.connection == .asRequested, !response.has("set-cookie"),
            !response.has("content-encoding"), !response.has("etag")
        else { return false }
        if response.has("cache-control"),
            response.field("Cache-Control")?.contains("no-store") != false
        {
            return false
        }
        return !response.has("vary") || response.field("Vary") == "Accept-Encoding"
    }

    /// The body in one piece, in memory of just its length.
    private static func joined(_ body: Response.Body) -> ByteSlice {
        switch body {
        case .empty, .stream: return .empty
        case .slice(let slice): return slice.compacted
        case .slices(let slices):
            var whole = ByteBuffer(capacity: body.count)
            for slice in slices { whole.append(slice) }
            return whole.finish()
        }
    }

    /// The answer to whoever asks: 200, 304 or 412.
    func response(to asked: AskedRepresentation) -> Response {
        if asked.coding == .gzip, let packed { return packed.answer(to: asked) }
        return plain.answer(to: asked)
    }
}
