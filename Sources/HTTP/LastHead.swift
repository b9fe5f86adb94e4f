// The request head that was parsed last, with the bytes that it was parsed from. A client that
// keeps its connection sends the same head again and again, and a head is a pure function of its
// bytes: the same bytes need not be parsed twice. What differs costs a comparison up to its first
// differing byte, and a copy.

import CScan

/// One for each worker; parses every head that the worker sees. Not for use by several threads.
public struct LastHead: ~Copyable {
    /// What `parse` filled last. The memory stays where it is as long as this value lives.
    public let head: UnsafePointer<RequestHead>
    private let storage: UnsafeMutablePointer<RequestHead>
    private let bytes: UnsafeMutablePointer<UInt8>
    /// Bytes of the head in `storage`; 0 where it is none that can be used again.
    private var count = 0

    /// Longer heads are parsed anew each time.
    private static let bytesMax = 1024

    public init() {
        storage = .allocate(capacity: 1)
        storage.initialize(to: RequestHead())
        head = UnsafePointer(storage)
        bytes = .allocate(capacity: Self.bytesMax)
        bytes.initialize(repeating: 0, count: Self.bytesMax)
    }

    deinit {
        storage.deinitialize(count: 1)
        storage.deallocate()
        bytes.deallocate()
    }

    /// The same as `parser.parse(input, into: head, limits: limits)`.
    /// - Parameter limits: the same in every call.
    @inline(__always)
    public mutating func parse(
        _ input: UnsafeRawBufferPointer, with parser: inout RequestParser, limits: HTTPLimits
    ) -> HeadOutcome {
        if count > 0, input.count >= count, parser.isFresh, let base = input.baseAddress,
            cscan_equal(base.assumingMemoryBound(to: UInt8.self), bytes, count)
        {
            return .head(consumed: count)
        }
        return parseAnew(input, with: &parser, limits: limits)
    }

    @inline(never)
    private mutating func parseAnew(
        _ input: UnsafeRawBufferPointer, with parser: inout RequestParser, limits: HTTPLimits
    ) -> HeadOutcome {
        let outcome = parser.parse(input, into: &storage.pointee, limits: limits)
        count = 0
        if case .head(let consumed) = outcome, consumed <= Self.bytesMax,
            let base = input.baseAddress
        {
            UnsafeMutableRawPointer(bytes).copyMemory(from: base, byteCount: consumed)
            count = consumed
        }
        return outcome
    }
}
