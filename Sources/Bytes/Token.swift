// The name of a connection outside its worker: slot index and generation. The same 64 bits stand in
// `epoll_data`, in mails from other threads and in topic tables, so a late word to a connection
// that has gone meets another generation and is dropped.

/// A slot and the generation it had when the token was made: `generation << 32 | index`.
public struct Token: Hashable, Sendable {
    public let bits: UInt64

    @inlinable
    public init(bits: UInt64) { self.bits = bits }

    @inlinable
    public init(index: Int, generation: UInt32) {
        bits = UInt64(generation) << 32 | UInt64(UInt32(truncatingIfNeeded: index))
    }

    @inlinable
    public var index: Int { Int(UInt32(truncatingIfNeeded: bits)) }
    @inlinable
    public var generation: UInt32 { UInt32(truncatingIfNeeded: bits >> 32) }
}
