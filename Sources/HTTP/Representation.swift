// A file in memory, ready to be asked for: its bytes, perhaps packed as well, its tag and its
// fields, all made once (RFC 9110 §8, §13, §14). Answering copies no content.
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
    public let tag: EntityTag
    /// Seconds since 1970.
    public let lastModified: Int?
    /// Packed by gzip, where that makes it smaller.
    private var packed: ByteSlice?
    /// Field lines of the plain and the packed form, in wire form.
    private var fields: [UInt8]
    private var packedFields: [UInt8] = []

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
        tag = EntityTag(of: bytes)
        var response = Response(status: .ok)
        response.appendField("Cache-Control", checked: caching.text)
        if let lastModified {
            let date = HTTPDate.text(secondsSince1970: lastModified)
            response.appendField("Last-Modified", checked: String(decoding: date, as: UTF8.self))
        }
        response.appendField("Accept-Ranges", literal: "bytes")
        fields = response.fields
        setTags(response)
    }

    /// Adds the packed form, where content and media type are worth it.
    public mutating func pack(using encoder: inout GzipEncoder) {
        guard mediaType.isCompressible, bytes.count >= GzipEncoder.contentBytesMin,
            let gzip = encoder.encode(.slice(bytes)), gzip.count < bytes.count
        else { return }
        packed = gzip.permanent
        var response = Response(status: .ok)
        response.fields = fields
        response.remove("ETag")
        response.appendField("Vary", literal: "Accept-Encoding")
        setTags(response)
    }

    private mutating func setTags(_ common: Response) {
        var (plain, zipped) = (common, common)
        plain.appendField("ETag", checked: tag.text)
        zipped.appendField("ETag", checked: tag.packed.text)
        zipped.appendField("Content-Encoding", literal: "gzip")
        fields = plain.fields
        packedFields = zipped.fields
    }

    // MARK: Answering

    /// The answer to a GET or HEAD: 200, 206, 304, 412 or 416.
    public func respond(to request: borrowing Request) -> Response {
        // A range counts in the plain bytes, so a request for one gets those.
        let ranges = self.ranges(request)
        if ranges == nil, let packed, ContentCoding.preferred(by: request) == .gzip {
            return answer(request, packed, tag.packed, packedFields)
        }
        if let refusal = conditional(request, tag, fields) { return refusal }
        switch isRangeWanted(request) ? ranges ?? .whole : .whole {
        case .whole: return whole(bytes, fields)
        case .parts(let parts) where parts.count == 1: return part(parts[0])
        case .parts(let parts): return multipart(parts)
        case .unsatisfiable:
            var response = Response.text("Range Not Satisfiable\n", status: .rangeNotSatisfiable)
            response.appendField("Content-Range", checked: "bytes */\(bytes.count)")
            return response
        }
    }

    private func answer(
        _ request: borrowing Request, _ content: ByteSlice, _ tag: EntityTag, _ fields: [UInt8]
    ) -> Response {
        conditional(request, tag, fields) ?? whole(content, fields)
    }

    private func conditional(
        _ request: borrowing Request, _ tag: EntityTag, _ fields: [UInt8]
    ) -> Response? {
        switch Preconditions.evaluate(request, tag: tag, lastModified: lastModified) {
        case .proceed: return nil
        case .failed: return .text("Precondition Failed\n", status: .preconditionFailed)
        case .notModified:
            // With the fields that a 200 would have had (§15.4.5), but those about content.
            var response = Response(status: .notModified)
            response.fields = fields
            response.remove("Content-Encoding")
            return response
        }
    }

    private func whole(_ content: ByteSlice, _ fields: [UInt8]) -> Response {
        var response = Response(status: .ok, mediaType: mediaType, body: .slice(content))
        response.fields = fields
        return response
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
        response.fields = fields
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
        response.fields = fields
        return response
    }
}
