// Parts of bytes that somebody else owns. A part may be read for as long as the whole, and its
// indices are counted from its own start. Copies nothing.

extension UnsafeRawBufferPointer {
    /// No bytes.
    @inlinable
    package static var empty: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: nil, count: 0)
    }

    /// The bytes at `range`: `2..<5`, `2...` or `..<5`. Traps outside of the buffer.
    @inlinable
    package func part(_ range: some RangeExpression<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[range])
    }
}

extension UnsafeMutableRawBufferPointer {
    /// The bytes at `range`, for reading. Traps outside of the buffer.
    @inlinable
    package func part(_ range: some RangeExpression<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[range])
    }

    /// The bytes at `range`, for changing in place. Traps outside of the buffer.
    @inlinable
    package func mutablePart(
        _ range: some RangeExpression<Int>
    ) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: self[range])
    }
}
