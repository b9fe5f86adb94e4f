// Parts of bytes that somebody else owns. A part may be read for as long as the whole, and its
// indices are counted from its own start. Copies nothing.

extension UnsafeRawBufferPointer {
    /// No bytes.
    @inlinable
    package static var empty: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: nil, count: 0)
    }

    /// The bytes `range`. Traps outside of the buffer.
    @inlinable
    package func part(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[range])
    }

    /// The bytes from `start` on. Traps outside of the buffer.
    @inlinable
    package func part(_ range: PartialRangeFrom<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[range])
    }

    /// The bytes before `end`. Traps outside of the buffer.
    @inlinable
    package func part(_ range: PartialRangeUpTo<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[range])
    }
}

extension UnsafeMutableRawBufferPointer {
    /// The bytes `range`, for reading. Traps outside of the buffer.
    @inlinable
    package func part(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[range])
    }

    /// The bytes from `start` on, for reading. Traps outside of the buffer.
    @inlinable
    package func part(_ range: PartialRangeFrom<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[range])
    }

    /// The bytes before `end`, for reading. Traps outside of the buffer.
    @inlinable
    package func part(_ range: PartialRangeUpTo<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[range])
    }
}
