// A body that is made while it is sent: the worker asks for the next part when there is room for
// it, so an answer of any length holds a window of 128 KiB, however slowly its peer reads. Sent in
// chunks where its length is not known (RFC 9112 §7.1).
//
// Who makes it is a closure. It runs on the worker's thread, so a part should take well under a
// millisecond; what takes longer belongs to another thread, and the closure answers `.later` until
// that has something. A stream that fails resets the connection: an ordinary end would make the
// peer take a part for the whole.

import MizuBytes

/// The content of an answer, part by part.
///
///     let stream = BodyStream { taker in
///         guard let line = lines.next() else { return .end }
///         return .bytes(ByteSlice(line + "\n"))
///     }
///     return Response(status: .ok, mediaType: .text, body: .stream(stream))
public final class BodyStream: Sendable {
    public enum Part: Sendable {
        /// To be sent; none of it may be missing later. Best a few KiB, or more.
        case bytes(ByteSlice)
        /// Nothing now: call `resume` of the taker when there is something. After
        /// `ServerLimits.handlerMilliseconds` without any the connection is reset.
        case later
        /// The whole body was given.
        case end
        /// It cannot be completed.
        case failed
    }

    /// Who takes the body. May be kept and used from any thread.
    public struct Taker: Sendable {
        private let wake: @Sendable () -> Void

        public init(wake: @escaping @Sendable () -> Void) { self.wake = wake }

        /// There is something after `.later`. Costs a mail to the worker; nothing happens where the
        /// peer has gone meanwhile.
        public func resume() { wake() }
    }

    /// Bytes in all, where they are known: then a body that comes out otherwise is a failure.
    public let count: Int?
    /// How it is sent. The server compresses while it asks.
    public let coding: ContentCoding
    private let source: Source

    private enum Source: Sendable {
        case producer(next: @Sendable (Taker) -> Part, gone: @Sendable () -> Void)
        case slices([ByteSlice])
    }

    /// - Parameters:
    ///   - count: bytes in all; nil: not known.
    ///   - gone: called once where the peer leaves, or is too slow, before the end; on the worker's
    ///     thread. `next` is not called again.
    ///   - next: the next part, called on the worker's thread when there is room.
    public init(
        count: Int? = nil, gone: @escaping @Sendable () -> Void = {},
        next: @escaping @Sendable (Taker) -> Part
    ) {
        self.count = count
        coding = .identity
        source = .producer(next: next, gone: gone)
    }

    private init(_ source: Source, coding: ContentCoding) {
        count = nil
        self.source = source
        self.coding = coding
    }

    /// What `body` holds, compressed while it is sent.
    convenience init(packing body: Response.Body) {
        switch body {
        case .empty: self.init(.slices([]), coding: .gzip)
        case .slice(let slice): self.init(.slices([slice]), coding: .gzip)
        case .slices(let slices): self.init(.slices(slices), coding: .gzip)
        case .stream(let stream): self.init(stream.source, coding: .gzip)
        }
    }

    /// Bytes that it holds before the first is asked for.
    var heldCount: Int {
        guard case .slices(let slices) = source else { return 0 }
        return Response.Body.slices(slices).ownCount
    }

    /// It will not be asked for, or not again.
    public func cancel() {
        if case .producer(_, let gone) = source { gone() }
    }

    /// The worker's side: asks for one part after the other.
    public struct Reader {
        private let source: Source
        private var index = 0
        private var offset = 0
        /// Bytes that it still holds for itself.
        public private(set) var heldCount: Int

        public init(_ stream: BodyStream) {
            source = stream.source
            heldCount = stream.heldCount
        }

        /// The next part, of at most `bytesMax` where it is known beforehand.
        public mutating func next(_ bytesMax: Int, for taker: Taker) -> Part {
            switch source {
            case .producer(let next, _): return next(taker)
            case .slices(let slices):
                guard index < slices.count else { return .end }
                let slice = slices[index]
                let end = min(slice.count, offset + bytesMax)
                let part = slice[offset..<end]
                offset = end
                if end == slice.count {
                    if !slice.owner.isPermanent { heldCount -= slice.count }
                    (index, offset) = (index + 1, 0)
                }
                return .bytes(part)
            }
        }
    }
}
