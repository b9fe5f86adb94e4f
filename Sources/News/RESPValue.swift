// What Redis says, as values: the types of RESP2 and RESP3 that a client meets (redis.io, "Redis
// serialization protocol specification"). Texts are ranges into the bytes that were parsed, so a
// message of a megabyte is not copied to be looked at. A value; owns no bytes.

/// A reply, or a message that nobody asked for.
package enum RESPValue: Equatable, Sendable {
    /// `_`, and RESP2's null bulk string and null array.
    case null
    /// A simple, bulk or verbatim string, a double or a big number: where its bytes stand.
    case text(Range<Int>)
    /// A simple or bulk error: where its words stand.
    case error(Range<Int>)
    case integer(Int64)
    case boolean(Bool)
    /// An array or a set.
    case list([RESPValue])
    /// Keys and values alternately.
    case map([RESPValue])
    /// A message that answers nothing.
    case push([RESPValue])

    /// The bytes of a text; nil for everything else.
    package func bytes(in whole: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        guard case .text(let range) = self, range.upperBound <= whole.count else { return nil }
        return UnsafeRawBufferPointer(rebasing: whole[range])
    }
}
