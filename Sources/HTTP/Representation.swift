// A file in memory, ready to be asked for: its bytes, perhaps packed as well, its tags and its
// answers, all made once (RFC 9110 §8, §13, §14). Answering copies no content.
// Does not open files: whoever has the bytes (embedded assets, a dev server) makes one.

import MizuBytes

/// How long others may keep an answer (RFC 9111 §5.2.2).
public enum CachePolicy: Sendable, Equatable {
    /// Keep nothing.
    case noStore
    /// Keep it, but ask each time whether it is still good.
    case revalidate
    case maxAge(seconds: Int)
    /// The name changes with the content: a year, never asked again.
    case immutable

    var text: String {
        switch self {
        case .noStore: "no-store"
        case .revalidate: "no-cache"
        case .maxAge(let seconds): "public, max-age=\(max(0, seconds))"
        case .immutable: "public, max-age=31536000, immutable"
        }
    }
}

public struct Representation: Sendable {
    public let bytes: ByteSlice
    public let mediaType: MediaType
    /// Seconds since 1970.
    public let lastModified: Int?
    private var plain: Form
    /// Where that makes it smaller.
    private var gzip: Form?
    private var brotli: Form?

    /// The content in one coding, with the answers that nearly everybody gets.
    private final class Form: Sendable {
        let content: ByteSlice
        let tag: EntityTag
        let tagBytes: [UInt8]
        /// 200 with all of it, and 304.
        let whole: Response
        let notModified: Response

        init(
            _ content: ByteSlice, _ mediaType: MediaType, _ coding: ContentCoding, _ tag: EntityTag,
            _ common: Response
        ) {
            self.content = content
            self.tag = tag
            tagBytes = Array(tag.text.utf8)
            var response = common
            response.appendField("ETag", checked: tag.text)
            // With the fields that a 200 has (§15.4.5), but those about content.
            var notModified = Response(status: .notModified)
            notModified.fields = response.fields
            if coding != .identity {
                response.appendField("Content-Encoding", literal: coding.name)
            }
            var whole = Response(status: .ok, mediaType: mediaType, body: .slice(content))
            whole.fields = response.fields
            (self.whole, self.notModified) = (whole, notModified)
        }

        private init(preparing form: Form) {
            (content, tag, tagBytes) = (form.content, form.tag, form.tagBytes)
            whole = form.whole.preparing()
            notModified = form.notModified.preparing()
        }

        var prepared: Form { Form(preparing: self) }
    }

    public var tag: EntityTag { plain.tag }

    /// - Parameters:
    ///   - mediaType: by the extension of the file's name: `MediaType.of(path:)`.
    ///   - lastModified: seconds since 1970; nil leaves the field out.
    public init(
        _ bytes: ByteSlice, mediaType: MediaType, lastModified: Int? = nil,
        caching: CachePolicy = .revalidate
    ) {
        self.bytes = bytes
        self.mediaType = mediaType
        self.lastModified = lastModified
        var common = Response(status: .ok)
        common.appendField("Cache-Control", checked: caching.text)
        if let lastModified {
            let date = HTTPDate.text(secondsSince1970: lastModified)
            common.appendField("Last-Modified", checked: String(decoding: date, as: UTF8.self))
        }
        common.appendField("Accept-Ranges", literal: "bytes")
        plain = Form(bytes, mediaType, .identity, EntityTag(of: bytes), common)
    }

    /// Adds the packed forms, where content and media type are worth it.
    /// - Parameter brotli: the same content as a brotli stream (RFC 7932), if there is one.
    public mutating func pack(using encoder: inout GzipEncoder, brotli: ByteSlice? = nil) {
        guard mediaType.isCompressible, bytes.count >= GzipEncoder.contentBytesMin else { return }
        let zipped = encoder.encode(.slice(bytes)).flatMap { $0.count < bytes.count ? $0 : nil }
        let smallest = zipped?.count ?? bytes.count
        let brotli = brotli.flatMap { $0.count < smallest ? $0 : nil }
        guard zipped != nil || brotli != nil else { return }
        var common = plain.notModified
        common.remove("ETag")
        common.appendField("Vary", literal: "Accept-Encoding")
        plain = Form(bytes, mediaType, .identity, tag, common)
        gzip = zipped.map {
            Form($0.permanent, mediaType, .gzip, tag.coded(as: .gzip), common)
        }
        self.brotli = brotli.map {
            Form($0, mediaType, .brotli, tag.coded(as: .brotli), common)
        }
    }

    /// Writes the usual answers out, once for all who ask: for what is kept and asked for often.
    public mutating func prepare() {
        plain = plain.prepared
        gzip = gzip?.prepared
        brotli = brotli?.prepared
    }

    // MARK: Answering

    /// The answer to a GET or HEAD: 200, 206, 304, 412 or 416.
    public func respond(to request: borrowing Request) -> Response {
        let asked = FileConditions(of: request)
        if asked.isUnusual { return respondInFull(to: request, asked.codings) }
        return withForm(asked.codings) { form in
            guard let match = asked.noneMatch else { return form.whole }
            if form.tagBytes.withUnsafeBytes({
                ASCII.equal($0, match.bytes(in: request.headBytes))
            }) {
                return form.notModified
            }
            return conditional(request, form) ?? form.whole
        }
    }

    @inline(__always)
    private func withForm(
        _ codings: ContentCoding.Weights, _ body: (Form) -> Response
    ) -> Response {
        if let brotli {
            switch codings.choiceWithBrotli {
            case .brotli: return body(brotli)
            case .gzip: return body(gzip ?? plain)
            case .identity: return body(plain)
            }
        }
        guard let gzip, codings.choice == .gzip else { return body(plain) }
        return body(gzip)
    }

    /// With every condition of RFC 9110 §13 and §14.
    @inline(never)
    private func respondInFull(
        to request: borrowing Request, _ codings: ContentCoding.Weights
    ) -> Response {
        // A range counts in the plain bytes, so a request for one gets those.
        guard let ranges = ranges(request) else {
            return withForm(codings) { conditional(request, $0) ?? $0.whole }
        }
        if let refusal = conditional(request, plain) { return refusal }
        switch isRangeWanted(request) ? ranges : .whole {
        case .whole: return plain.whole
        case .parts(let parts) where parts.count == 1: return part(parts[0])
        case .parts(let parts): return multipart(parts)
        case .unsatisfiable:
            var response = Response.text("Range Not Satisfiable\n", status: .rangeNotSatisfiable)
            response.appendField("Content-Range", checked: "bytes */\(bytes.count)")
            return response
        }
    }

    private func conditional(_ request: borrowing Request, _ form: Form) -> Response? {
        switch Preconditions.evaluate(request, tag: form.tag, lastModified: lastModified) {
        case .proceed: nil
        case .failed: .text("Precondition Failed\n", status: .preconditionFailed)
        case .notModified: form.notModified
        }
    }

    // MARK: Ranges

    /// Nil where none are asked for: `Range` is defined for GET alone (§14.2).
    private func ranges(_ request: borrowing Request) -> ByteRanges? {
        guard request.method == .get else { return nil }
        return request.withHeader("range") { $0.map { ByteRanges($0, count: bytes.count) } }
    }

    /// `If-Range`: the part only if the rest of it is of this state (§13.1.5): the same strong
    /// tag, or exactly the same date.
    private func isRangeWanted(_ request: borrowing Request) -> Bool {
        request.withHeader("if-range") { value in
            guard let value else { return true }
            if value.first == UInt8(ascii: "\"") || value.startsIgnoringCase("w/") {
                return tag.isListed(in: value, by: .strong)
            }
            guard let lastModified else { return false }
            return value.elementsEqual(HTTPDate.text(secondsSince1970: lastModified))
        }
    }

    private func part(_ range: Range<Int>) -> Response {
        var response = Response(
            status: .partialContent, mediaType: mediaType, body: .slice(bytes[range]))
        response.fields = plain.whole.fields
        response.appendField("Content-Range", checked: contentRange(range))
        return response
    }

    private func contentRange(_ range: Range<Int>) -> String {
        "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(bytes.count)"
    }

    /// `multipart/byteranges` (§14.6): heads and slices in turn, nothing copied but the heads.
    private func multipart(_ parts: [Range<Int>]) -> Response {
        // Of the content's checksum, so that content would have to hold its own to break it.
        let boundary = "mizu-" + tag.opaque.dropFirst().dropLast()
        var slices: [ByteSlice] = []
        for (index, range) in parts.enumerated() {
            slices.append(
                ByteSlice(
                    (index == 0 ? "" : "\r\n") + "--\(boundary)\r\nContent-Type: \(mediaType.text)"
                        + "\r\nContent-Range: \(contentRange(range))\r\n\r\n"))
            slices.append(bytes[range])
        }
        slices.append(ByteSlice("\r\n--\(boundary)--\r\n"))
        var response = Response(
            status: .partialContent,
            mediaType: MediaType(checked: "multipart/byteranges; boundary=\(boundary)"),
            body: .slices(slices))
        response.fields = plain.whole.fields
        return response
    }
}
