// Compresses answers (RFC 9110 §8.4.1.3, RFC 1952). Owns one deflate state of about 270 KB, made
// when it is first needed and used again for each answer: one for each worker, on its thread.

import CZlib
import MizuBytes

public struct GzipEncoder: ~Copyable {
    private var stream: OpaquePointer?

    /// Below it an answer fits one packet anyway, and packing it gains nothing.
    public static let contentBytesMin = 860

    /// Above it an answer is packed while it is sent, in slices (`packAsSent`): in one go it would
    /// hold up the worker's other connections for longer than a few milliseconds.
    public static let contentBytesMax = 256 * 1024

    public init() {}

    deinit {
        if let stream { cz_deflate_close(stream) }
    }

    /// Packs the content of `response` where its media type is worth it and `request` takes gzip.
    /// Says `Vary` in either case: what is sent depends on what was asked (§12.5.5). A strong
    /// `ETag` becomes weak, because the bytes are no longer those it was made for (§8.8.3.3).
    public mutating func encode(_ response: inout Response, for request: borrowing Request) {
        guard GzipEncoder.isWorthwhile(response) else { return }
        encodeWorthwhile(&response, as: ContentCoding.preferred(by: request))
    }

    /// The same for an answer whose request has gone: `coding` is what it preferred.
    public mutating func encode(_ response: inout Response, as coding: ContentCoding) {
        guard GzipEncoder.isWorthwhile(response) else { return }
        encodeWorthwhile(&response, as: coding)
    }

    private mutating func encodeWorthwhile(_ response: inout Response, as coding: ContentCoding) {
        response.varyByCoding()
        guard coding == .gzip, response.body.count <= GzipEncoder.contentBytesMax,
            let packed = encode(response.body)
        else { return }
        response.body = .slice(packed)
        Self.say(&response)
    }

    /// Whether the answer is one for `packAsSent`: too large for `encode`, or of unknown length.
    public static func isForStream(_ response: Response) -> Bool {
        response.body.weight > contentBytesMax && isWorthwhile(response)
    }

    /// Makes the answer one that is compressed while it is sent; its length is then not known.
    public static func packAsSent(_ response: inout Response) {
        response.varyByCoding()
        response.body = .stream(BodyStream(packing: response.body))
        say(&response)
    }

    private static func say(_ response: inout Response) {
        response.appendField("Content-Encoding", literal: "gzip")
        if let tag = response.field("ETag"), !tag.utf8.starts(with: "W/".utf8) {
            response.remove("ETag")
            response.appendField("ETag", checked: "W/" + tag)
        }
    }

    /// The bytes of `body` as one gzip member; nil where zlib has no memory.
    public mutating func encode(_ body: Response.Body) -> ByteSlice? {
        if stream == nil { stream = cz_deflate_open(5, 15 + 16, 8) }
        guard let stream, cz_deflate_reset(stream) == 0 else { return nil }
        var output = ByteBuffer(capacity: cz_deflate_bound(stream, body.count) + 32)
        switch body {
        case .empty: break
        case .stream: return nil
        case .slice(let slice): guard append(slice, to: &output) else { return nil }
        case .slices(let slices):
            for slice in slices { guard append(slice, to: &output) else { return nil } }
        }
        var status: Int32 = 0
        while status == 0 {
            output.reserve(64)
            let step = step(.empty, .finish, &output)
            status = step.status
        }
        return status == 1 ? output.takeSlice().compacted : nil
    }

    private mutating func append(_ slice: ByteSlice, to output: inout ByteBuffer) -> Bool {
        slice.withUnsafeBytes { input in
            var at = 0
            while at < input.count {
                output.reserve(64)
                let step = step(input.part(at..<input.count), .more, &output)
                guard step.status == 0, step.consumed + step.produced > 0 else { return false }
                at += step.consumed
            }
            return true
        }
    }

    private enum Flush {
        case more, finish
    }

    private mutating func step(
        _ input: UnsafeRawBufferPointer, _ flush: Flush, _ output: inout ByteBuffer
    ) -> (consumed: Int, produced: Int, status: Int32) {
        let room = output.writable
        let step = cz_deflate_step(
            stream, input.baseAddress?.assumingMemoryBound(to: UInt8.self), input.count,
            room.baseAddress?.assumingMemoryBound(to: UInt8.self), room.count,
            flush == .finish ? cz_flush_finish : cz_flush_none)
        output.advance(written: step.produced)
        return (step.consumed, step.produced, step.status)
    }

    private static func isWorthwhile(_ response: Response) -> Bool {
        guard case .complete = response.kind, !response.status.isAlwaysWithoutContent,
            response.status != .partialContent,
            response.body.weight >= contentBytesMin,
            response.mediaType?.isCompressible == true
        else { return false }
        // These say nothing of coding.
        if response.sharedLines != nil { return true }
        guard !response.has("content-encoding") else { return false }
        // §5.2.2.6 of RFC 9111: the origin may say that its bytes stay as they are.
        return !response.hasValue(of: "cache-control", containing: "no-transform")
    }
}
